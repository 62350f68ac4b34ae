"""What recording costs when a whole cluster changes: 5 000 pods, 1 000 changes a second, on the API server of the lab.

`kubectl get pods -w -o json` listens to the same stream in the same run: the recorder may take twice its processor
time, and 300 MiB. The changes are written into etcd behind the API server, which has to tell of them only: two
processors cannot also take 1 000 patches a second. Needs tests/lab (root, Debian, Go):
python benchmarks/recording_churn.py [PODS RATE SECONDS]
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "cluster"))

from churning import churned  # noqa: E402
from clusters import LAB, cache_folder, lab_at, why_no_lab  # noqa: E402


def main() -> None:
    pods, rate, seconds = map(int, sys.argv[1:4] or ("5000", "1000", "30"))
    cache = cache_folder()
    if reason := why_no_lab(cache):
        print(f"left out: {reason}")
        return
    lab = lab_at(cache, Path(os.environ.get("LAB_STATE", "/var/tmp/zdbench")), os.environ.get("LAB_NAME", "zdbench"))
    for script in ("build", "up"):
        subprocess.run([LAB / script], env=lab.environment, check=True, stdout=subprocess.DEVNULL)
    try:
        with tempfile.TemporaryDirectory() as folder:
            found = churned(lab, Path(folder) / "churn.zdtrace", pods, rate, seconds, is_behind=True)
    finally:
        if "LAB_STATE" not in os.environ:
            subprocess.run([LAB / "down"], env=lab.environment, check=True)
    print(f"{found.pods:,} pods, {found.changes:,} changes in {found.seconds:.1f} s: {found.rate:,.0f} a second")
    print(f"missed: {found.missed}; gaps: {found.gaps}; ended {found.behind_s * 1000:.0f} ms after the last answer")
    print(f"processor time: zdtrace {found.recorder_cpu_s:.1f} s, kubectl {found.kubectl_cpu_s:.1f} s", end="")
    gave_up = f", which gave up after {found.kubectl_changes:,}"
    print(f": {found.cpu_ratio:.2f} times (at most 2)" if found.is_compared else gave_up)
    print(f"memory of zdtrace at most {found.listening_mib:.0f} MiB while it listened (at most 300)", end="")
    print(f", {found.peak_mib:.0f} MiB while it closed, which took {found.closing_s:.1f} s")


if __name__ == "__main__":
    main()
