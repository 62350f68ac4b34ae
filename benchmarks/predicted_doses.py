"""Predicted against observed: what rollouts without preStop say of 1, 2, 5 and 20 s, and what those lost.

    for prestop in 0 1 2 5 20; do tests/lab/run-scenario SCENARIO FOLDER/SCENARIO-p$prestop-1 --prestop $prestop; done
    python benchmarks/predicted_doses.py FOLDER

Reads folders named `SCENARIO-pSECONDS-NUMBER` as `tests/lab/run-scenario` leaves them; prints Markdown, a row a length.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from zdtrace.analysis.doses import Dose
from zdtrace.analysis.recommendation import Recommendation, recommend
from zdtrace.importers.base import Options
from zdtrace.importers.batch import import_paths
from zdtrace.recording.store import open_recording

FILES = (
    "watch-pods.ndjson", "watch-endpointslices.ndjson", "watch-events.ndjson", "watch-deployments.ndjson",
    "watch-replicasets.ndjson", "watch-services.ndjson", "audit.log", "kube-proxy.log", "ingress-controller.log",
    "nginx-access.ndjson", "nginx-error.log", "fortio.ndjson", "fortio.log", "fortio.json",
)
_NAME = re.compile(r"(.+)-p(\d+)-(\d+)")


def judged(folder: Path) -> Recommendation:
    """Import what one run left, and judge it."""
    with TemporaryDirectory() as scratch:
        into = Path(scratch) / f"{folder.name}.zdtrace"
        files = [folder / name for name in FILES if (folder / name).exists() and (folder / name).stat().st_size]
        import_paths(files, into, options=Options(year=datetime.now(UTC).year, time_zone="UTC"))
        return recommend([open_recording(into)], workload="Deployment/demo")


def at(found: Recommendation, prestop_s: int) -> Dose:
    """Return the dose of a length: the curve has steps, and the last one up to it holds."""
    return max(
        (dose for dose in found.counterfactual if dose.prestop_s <= prestop_s), key=lambda dose: dose.prestop_s
    )


def rows(runs: dict[int, list[Recommendation]]) -> Iterator[str]:
    """Yield a line for each length: the range that the runs without preStop predict, and what each run lost."""
    for prestop_s in sorted(runs):
        predicted = [at(each, prestop_s) for each in runs[0]]
        low = min(dose.failed_certain for dose in predicted)
        high = max(dose.failed_possible for dose in predicted)
        observed = [each.failed for each in runs[prestop_s]]
        inside = sum(low <= failed <= high for failed in observed)
        yield (
            f"| {prestop_s} s | {low} to {high} | {', '.join(map(str, observed))} | {inside} of {len(observed)} |"
        )


def main() -> None:
    """Print a table for each scenario, and what the runs without preStop recommend together."""
    scenarios: dict[str, dict[int, list[Recommendation]]] = {}
    for folder in sorted(Path(sys.argv[1]).iterdir()):
        if (name := _NAME.fullmatch(folder.name)) and (folder / "truth.json").exists():
            scenarios.setdefault(name[1], {}).setdefault(int(name[2]), []).append(judged(folder))
            print(folder.name, scenarios[name[1]][int(name[2])][-1].sentence, file=sys.stderr)
    for scenario, runs in scenarios.items():
        if 0 not in runs:
            continue
        numbers = ", ".join(f"{each.prestop_s} s" for each in runs[0])
        print(f"\n`{scenario}`; recommended from each run without preStop: {numbers}.\n")
        print("| preStop | failures predicted | observed | inside |")
        print("|---|---|---|---|")
        print("\n".join(rows(runs)))


if __name__ == "__main__":
    main()
