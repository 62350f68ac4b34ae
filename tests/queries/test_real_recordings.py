"""The verdicts over real recordings of a lab, against what the application and nginx themselves told."""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from zdtrace.analysis.engine import Engine
from zdtrace.importers import recognise
from zdtrace.importers.base import Options
from zdtrace.importers.taking import take
from zdtrace.recording.store import extend, open_recording

SCENARIOS = Path(__file__).parents[1] / "scenarios"
sys.path.insert(0, str(SCENARIOS))
from labels import Witness, lines  # noqa: E402

ALL = sorted(path.parent.name for path in SCENARIOS.glob("*/recording"))
WITH_NGINX = sorted(path.parents[1].name for path in SCENARIOS.glob("*/recording/nginx-access.ndjson.zst"))


@dataclass(frozen=True)
class Case:
    """A real recording: its verdicts, its near misses, and the folder with what others told of it."""

    folder: Path
    verdicts: list[dict[str, Any]]
    near_misses: list[dict[str, Any]]

    @property
    def counted(self) -> dict[str, int]:
        """How many requests ended with which status, as the load test summed up."""
        codes: dict[str, int] = json.loads((self.folder / "truth" / "truth.json").read_text())["codes"]
        return codes

    @property
    def causes(self) -> Counter[str]:
        return Counter(row["cause"] for row in self.verdicts)


Judged = Callable[[str], Case]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """Import a recording of `tests/scenarios` and analyse it, once."""
    known: dict[str, Case] = {}

    def judge(name: str) -> Case:
        if name not in known:
            source = SCENARIOS / name / "recording"
            folder = tmp_path_factory.mktemp(name) / "lab.zdtrace"
            with extend(folder) as writer:
                for path in sorted(source.glob("*.zst")):
                    take(writer, path, recognise(path), Options(year=2026, time_zone="UTC"))
            engine = Engine(open_recording(folder))
            engine.make("findings.verdicts", "findings.near_misses")
            verdicts = engine.rows("select * exclude (evidence_at) from findings.verdicts")
            known[name] = Case(source, verdicts, engine.rows("select * from findings.near_misses"))
        return known[name]

    return judge


@pytest.mark.parametrize("name", ALL)
def test_the_failed_requests_are_those_that_the_load_test_counted(judged: Judged, name: str) -> None:
    case = judged(name)
    counted = {status: count for status, count in case.counted.items() if status != "200"}
    no_answer = sum(counted.pop(status, 0) for status in ("-1", "0"))
    found = Counter(row["status"] for row in case.verdicts)
    assert found.pop(None, 0) == no_answer
    # Of the 14 068 answers with status 500 of one recording, every 20th was kept.
    assert all(found.pop(500) == -(-count // 20) + 1 for count in (counted.pop("500", 0),) if count)
    assert {str(status): count for status, count in found.items()} == counted


@pytest.mark.parametrize("name", WITH_NGINX)
def test_nginx_and_the_application_agree_with_at_least_95_of_100_verdicts(judged: Judged, name: str) -> None:
    case = judged(name)
    labels = Witness(case.folder).labels()
    matched = [(labels[_line(row)], row) for row in case.verdicts if row["proxy_ref"]]
    right = [row for label, row in matched if label == row["cause"]]
    assert len(right) >= 0.95 * len(case.verdicts)
    assert sum(row["tier"] in "AB" for row in right) >= 0.95 * len(case.verdicts)
    # Answers with 500 were thinned on both sides, each for itself: their lines are not one to one any more.
    lines_of = [row["proxy_ref"] for _, row in matched if row["status"] != 500]
    assert len(set(lines_of)) >= 0.95 * len(lines_of)


def _line(row: dict[str, Any]) -> int:
    return int(row["proxy_ref"].rsplit(":", 1)[1])


@pytest.mark.parametrize(("name", "causes"), [
    ("app_5xx_new_version", {"app_5xx_new_version", "endpoint_lag_refused", "inflight_cut_sigterm"}),
    ("clean", set()),
    ("container_crash", {"container_crash", "no_endpoints", "endpoint_lag_refused", "endpoint_lag_blackhole"}),
    ("endpoint_lag_blackhole", {"endpoint_lag_blackhole", "endpoint_lag_refused"}),
    ("endpoint_lag_refused", {"endpoint_lag_refused", "inflight_cut_sigterm"}),
    ("inflight_cut_sigkill", {"inflight_cut_sigkill"}),
    ("inflight_cut_sigterm", {"inflight_cut_sigterm", "endpoint_lag_refused", "endpoint_lag_blackhole"}),
    ("near_miss", set()),
    ("no_endpoints", {"no_endpoints"}),
    ("other_proxy", {"endpoint_lag_refused", "inflight_cut_sigterm"}),
    ("pod_not_ready_yet", {"pod_not_ready_yet", "endpoint_lag_refused", "inflight_cut_sigterm"}),
    ("prestop_exceeds_grace", {"prestop_exceeds_grace"}),
    ("triggers", {"endpoint_lag_refused", "inflight_cut_sigterm"}),
])
def test_each_experiment_shows_its_causes_and_no_others(judged: Judged, name: str, causes: set[str]) -> None:
    assert set(judged(name).causes) == causes


@pytest.mark.parametrize(("name", "trigger"), [
    ("endpoint_lag_refused", "rollout"), ("triggers", "eviction"), ("no_endpoints", "deletion"),
    ("inflight_cut_sigkill", "rollout"), ("prestop_exceeds_grace", "rollout"),
])
def test_the_trigger_is_what_was_done(judged: Judged, name: str, trigger: str) -> None:
    assert {row["pod_trigger"] for row in judged(name).verdicts} == {trigger}


def test_ids_in_both_logs_make_most_verdicts_certain(judged: Judged) -> None:
    tiers = Counter(row["tier"] for row in judged("inflight_cut_sigterm").verdicts)
    assert tiers == {"A": 15, "B": 2}


def test_retries_hid_what_nginx_logged(judged: Judged) -> None:
    """A near miss is a line whose first try failed and whose last was answered."""
    case = judged("near_miss")
    tried_again = [line for line in lines(case.folder, "nginx-access.ndjson") if '"upstream_status":"502, 200"' in line]
    assert case.verdicts == []
    assert len({row["request_id"] for row in case.near_misses}) == len(tried_again) > 0
    assert {row["cause"] for row in case.near_misses} == {"endpoint_lag_refused", "inflight_cut_sigterm"}


def test_envoys_flags_tell_a_refusal_from_a_cut(judged: Judged) -> None:
    case = judged("other_proxy")
    flags = Counter(re.findall(r'"response_flags":"(U[FC])"', "\n".join(lines(case.folder, "envoy-access.ndjson"))))
    assert case.causes == {"endpoint_lag_refused": flags["UF"], "inflight_cut_sigterm": flags["UC"]}


def test_a_client_without_any_proxy_tells_a_refusal_from_silence(judged: Judged) -> None:
    """vegeta's own words: who was refused, and who never reached anybody."""
    case = judged("endpoint_lag_blackhole")
    failed = [line for line in lines(case.folder, "vegeta.json") if '"code":0' in line]
    refused = sum("connection refused" in line for line in failed)
    assert case.causes == {"endpoint_lag_refused": refused, "endpoint_lag_blackhole": len(failed) - refused}
    assert {row["tier"] for row in case.verdicts} <= {"C", "D"}
