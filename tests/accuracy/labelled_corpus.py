"""The labelled recordings: those of `tests/scenarios` and those of `corpus`, each with what really broke its requests.

A recording of `corpus` is a folder of three files: `recording.tar.zst` (all that the analysis may read),
`facts.ndjson.zst` (what the wire and the application saw of each failed request) and `truth.json` (what was done).
The labels follow from the last two, by `label_rules`.
"""

from __future__ import annotations

import io
import json
import sys
import tarfile
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import zstandard
from label_rules import Label, labels_of_facts, trigger_of

from zdtrace.analysis.engine import Engine
from zdtrace.errors import UnknownFormat
from zdtrace.importers import recognise
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.store import extend, open_recording

HERE = Path(__file__).parent
SCENARIOS = HERE.parent / "scenarios"
CORPUS = HERE / "corpus"
sys.path.insert(0, str(SCENARIOS))
from labels import Witness, lines  # noqa: E402

_NEAR_NS = 60_000_000
_ENVOY_LABELS = {"UF": "endpoint_lag_refused", "UC": "inflight_cut_sigterm"}


@dataclass(frozen=True)
class Labelled:
    """One labelled recording of the project, and how to import it."""

    name: str
    folder: Path

    @cached_property
    def truth(self) -> dict[str, Any]:
        """What was done, with which settings."""
        path = self.folder / "truth" / "truth.json" if self.is_scenario else self.folder / "truth.json"
        found: dict[str, Any] = json.loads(path.read_text())
        return found

    @property
    def is_scenario(self) -> bool:
        """Whether it belongs to `tests/scenarios`."""
        return (self.folder / "truth").is_dir()

    def import_into(self, target: Path) -> None:
        """Make the zdtrace recording: each file through its importer."""
        sources = target.with_suffix(".sources")
        sources.mkdir(parents=True)
        if self.is_scenario:
            paths = sorted(self.folder.glob("*.zst"))
        else:
            with unpacked(self.folder / "recording.tar.zst") as archive:
                archive.extractall(sources, filter="data")
            paths = sorted(sources.iterdir())
        with extend(target) as writer:
            for path in paths:
                # A file that `zdtrace import` does not know is left out by it as well.
                with suppress(UnknownFormat):
                    take(writer, path, recognise(path), Options(year=2026, time_zone="UTC"))

    def labels(self, recording: Path) -> dict[str, Label]:
        """Return what broke each failed request, by `source:line`."""
        failed = failed_requests(recording)
        if not self.is_scenario:
            by_line = labels_of_facts(lines(self.folder, "facts.ndjson"), self.truth)
            return {row["request_id"]: by_line[row["line"]] for row in failed if row["line"] in by_line}
        return {
            request_id: Label(cause, trigger_of(cause, self.truth)) for request_id, cause in self._told(failed).items()
        }

    def _told(self, failed: list[dict[str, Any]]) -> dict[str, str]:
        """Return the mechanisms of a scenario's failed requests, by what nginx, Envoy or vegeta said in words."""
        if (self.folder / "nginx-access.ndjson.zst").is_file():
            witness = Witness(self.folder)
            causes = witness.labels()
            rows = [json.loads(text) for text in lines(self.folder, "nginx-access.ndjson")]
            told = [
                (_outcome(int(rows[line - 1]["status"])), round(float(rows[line - 1]["msec"]) * 1e9), cause)
                for line, cause in causes.items()
            ]
            return _in_order(failed, told)
        if (self.folder / "envoy-access.ndjson.zst").is_file():
            rows = [json.loads(text) for text in lines(self.folder, "envoy-access.ndjson")]
            return _in_order(failed, [
                (row["response_code"], _envoy_end(row), _ENVOY_LABELS[row["response_flags"]])
                for row in rows if row.get("response_flags") in _ENVOY_LABELS
            ])
        return {
            row["request_id"]: "endpoint_lag_refused" if "refused" in row["error"] else "endpoint_lag_blackhole"
            for row in failed
        }


def unpacked(path: Path) -> tarfile.TarFile:
    """Return the archive in a packed file."""
    with path.open("rb") as packed:
        return tarfile.open(fileobj=io.BytesIO(zstandard.ZstdDecompressor().stream_reader(packed).read()))


def _envoy_end(row: dict[str, Any]) -> int:
    began = pl.Series([row["start_time"]]).str.to_datetime(time_zone="UTC").dt.timestamp("ns")[0]
    return int(began) + int(row["duration"]) * 1_000_000


def _outcome(status: int) -> int | None:
    return None if status == 499 else status


def _in_order(failed: list[dict[str, Any]], told: list[tuple[int | None, int, str]]) -> dict[str, str]:
    """Give each failed request the label of its line: of one outcome the k-th of both, else the nearest."""
    by_outcome: dict[int | None, list[tuple[int, str]]] = defaultdict(list)
    for outcome, ended_ns, cause in sorted(told, key=lambda each: each[1]):
        by_outcome[outcome].append((ended_ns, cause))
    found: dict[str, str] = {}
    for outcome, lines_of in by_outcome.items():
        mine = sorted((row for row in failed if row["status"] == outcome), key=lambda row: row["ended_at_ns"])
        if len(mine) == len(lines_of):
            found |= {row["request_id"]: cause for row, (_, cause) in zip(mine, lines_of, strict=True)}
            continue
        for row in mine:
            distance, cause = min((abs(ended_ns - row["ended_at_ns"]), cause) for ended_ns, cause in lines_of)
            if distance < _NEAR_NS:
                found[row["request_id"]] = cause
    return found


def failed_requests(recording: Path) -> list[dict[str, Any]]:
    """Return the client's rows that failed, with the `source:line` by which verdicts name them."""
    return Engine(open_recording(recording)).rows("""
        select requests.*, sources.name || ':' || requests.line as request_id
        from recording.requests inner join recording.sources using (source_id)
        where status is null or status >= 500 or status = 429 or coalesce(is_truncated, false)
    """)


def corpus() -> list[Labelled]:
    """Return all labelled recordings, by name."""
    scenarios = [Labelled(path.parent.name, path) for path in SCENARIOS.glob("*/recording")]
    recorded = [Labelled(path.parent.name, path.parent) for path in CORPUS.glob("*/truth.json")]
    return sorted((*scenarios, *recorded), key=lambda each: each.name)
