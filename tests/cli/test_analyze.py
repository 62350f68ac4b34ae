"""`zdtrace analyze`: a verdict for people and for machines, and the exit code that says the same."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import pytest
import yaml
from sample_lines import lines_of

from zdtrace.resources import folder

Run = Callable[..., subprocess.CompletedProcess[str]]
Record = Callable[..., Path]
Sent = Callable[..., str]
SAMPLE = Path(__file__).parents[2] / "sample_data" / "rollout-ingress"
SCHEMA = json.loads(folder("reports").joinpath("schema/analysis-1.json").read_text(encoding="utf-8"))
COLUMNS = [
    "source", "line", "request_id", "started_at_ns", "ended_at_ns", "status", "cause", "trigger", "tier",
    "weight", "runner_up", "pod", "pod_uid", "evidence",
]


def analysis(zdtrace: Run, recording: Path, *words: str) -> dict[str, Any]:
    """Return the JSON, which always keeps its schema and its sums."""
    found = json.loads(zdtrace("analyze", recording, "-o", "json", *words).stdout)
    jsonschema.validate(found, SCHEMA)
    assert sum(cause["failed"] for cause in found["causes"]) == found["requests"]["failed"]
    for cause in found["causes"]:
        assert sum(cause["tiers"].values()) == sum(cause["triggers"].values()) == cause["failed"]
    assert isinstance(found, dict)
    return found


def test_the_verdict_agrees_with_what_fortio_and_nginx_counted(zdtrace: Run, rollout: Path) -> None:
    statuses = Counter(json.loads(line)["details"] for line in lines_of(SAMPLE / "fortio.ndjson.zst"))
    errors = [line for line in lines_of(SAMPLE / "nginx-error.log.zst") if "[error]" in line]
    refused = sum("connect() failed (111: Connection refused)" in line for line in errors)
    cut = sum("recv() failed (104: Connection reset by peer)" in line for line in errors)
    found = analysis(zdtrace, rollout)
    assert found["requests"] == {
        "total": sum(statuses.values()), "failed": statuses["502"], "near_misses": 0
    } == {"total": 20000, "failed": 40, "near_misses": 0}
    assert {cause["cause"]: cause["failed"] for cause in found["causes"]} == {
        "endpoint_lag_refused": refused, "inflight_cut_sigterm": cut,
    }
    assert found["verdict"] == "fail"
    assert found["sentence"] == (
        "40 of 20 000 requests failed: 23 went to a pod that had closed its port after SIGTERM, "
        "17 broke off when SIGTERM ended the pod that was answering."
    )


def test_the_table_fits_80_columns_and_reads_the_same_without_colours(
    zdtrace: Run, rollout: Path, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("analyze", rollout)
    assert (result.returncode, result.stderr) == (1, "")
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "\x1b" not in result.stdout
    golden("analyze.txt", result.stdout)
    golden("analyze-wide.txt", zdtrace("analyze", rollout, "-o", "wide").stdout)


def test_yaml_says_what_json_says(zdtrace: Run, rollout: Path) -> None:
    assert yaml.safe_load(zdtrace("analyze", rollout, "-o", "yaml").stdout) == analysis(zdtrace, rollout)


def test_names_are_for_scripts(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("analyze", rollout, "-o", "name")
    assert result.stdout == "cause/endpoint_lag_refused\ncause/inflight_cut_sigterm\n"


@pytest.mark.parametrize(("limit", "code"), [("1", 1), ("40", 1), ("41", 0), ("0.2%", 1), ("0.21%", 0),
    ("cause:inflight_cut_sigterm>17", 0), ("failed_ratio>0.0019", 1),
])
def test_a_limit_decides_when_failures_fail_a_pipeline(
    zdtrace: Run, rollout: Path, limit: str, code: int
) -> None:
    assert zdtrace("analyze", rollout, "-o", "name", "--fail-on", limit).returncode == code


def test_any_broken_limit_fails_the_pipeline_and_is_named(zdtrace: Run, rollout: Path) -> None:
    broken = "cause:endpoint_lag_refused>50%"
    result = zdtrace("analyze", rollout, "-o", "name", "--fail-on", "failed>50", "--fail-on", broken)
    assert (result.returncode, result.stderr) == (1, f"over the limit of --fail-on {broken}\n")


@pytest.mark.parametrize("limit", ["0", "-1", "many", "0%", "101%", "1.5", ""])
def test_a_limit_that_is_none_is_wrong_use(zdtrace: Run, rollout: Path, limit: str) -> None:
    result = zdtrace("analyze", rollout, "--fail-on", limit)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: `--fail-on")


def test_only_good_requests_are_a_pass(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    recording = recorded({"fortio.ndjson": [sent(0), sent(1), sent(2)]})
    assert analysis(zdtrace, recording)["sentence"] == "None of 3 requests failed."
    assert zdtrace("analyze", recording).returncode == 0


def test_a_failure_without_any_other_evidence_is_not_explained_and_says_what_would_help(
    zdtrace: Run, recorded: Record, sent: Sent
) -> None:
    recording = recorded({"fortio.ndjson": [sent(0), sent(1, status=502)]})
    found = analysis(zdtrace, recording)
    [cause] = found["causes"]
    assert (cause["cause"], cause["title"], cause["tiers"]) == ("unattributed", "Not explained", {"U": 1})
    assert "a watch of pods" in cause["remedy"]
    assert "no_cluster_data" in [check["check"] for check in found["checks"]]
    assert found["sentence"] == "1 of 2 requests failed: it could not be explained."
    assert zdtrace("analyze", recording).returncode == 1


def test_a_recording_without_requests_is_no_pass(zdtrace: Run, tmp_path: Path) -> None:
    zdtrace("import", SAMPLE / "watch-pods.ndjson.zst", "--into", "watch.zdtrace")
    found = analysis(zdtrace, tmp_path / "watch.zdtrace")
    assert (found["verdict"], found["requests"]["total"]) == ("inconclusive", 0)
    assert zdtrace("analyze", "watch.zdtrace").returncode == 3


def test_a_log_that_leaves_failures_out_is_no_pass(zdtrace: Run, tmp_path: Path) -> None:
    (tmp_path / "hey.csv").write_text(
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n"
        "0.0021,0.0005,0.0000,0.0001,0.0013,0.0000,200,0.0000\n"
    )
    zdtrace("import", "hey.csv", "--into", "hey.zdtrace", "--started-at", "2026-11-23T16:00:00Z")
    found = analysis(zdtrace, tmp_path / "hey.zdtrace")
    assert found["verdict"] == "inconclusive"
    assert found["sentence"] == (
        "None of 1 requests is seen to have failed, but `hey.csv` cannot show every failure: "
        "hey-csv leaves out requests that got no answer."
    )
    assert zdtrace("analyze", "hey.zdtrace").returncode == 3


def test_requests_that_the_summary_counts_and_the_log_lacks_are_no_pass(
    zdtrace: Run, recorded: Record, sent: Sent
) -> None:
    summary = json.dumps({
        "RunType": "HTTP", "StartTime": "2026-11-23T16:17:47Z", "ActualDuration": 3_000_000_000, "Version": "1.68.0",
        "DurationHistogram": {"Count": 3}, "RetCodes": {"200": 2, "502": 1}, "ActualQPS": 1.0, "NumThreads": 1,
        "RequestedQPS": "1", "RequestedDuration": "3s", "Labels": "",
    })
    recording = recorded({"fortio.ndjson": [sent(0), sent(1)], "fortio.json": [summary]})
    found = analysis(zdtrace, recording)
    assert found["verdict"] == "inconclusive"
    assert [check["message"] for check in found["checks"] if check["severity"] == "error"] == [
        "`fortio.json` counts 1 requests with status 502, the log holds 0"
    ]


def test_lines_that_could_not_be_read_are_counted(zdtrace: Run, recorded: Record, sent: Sent) -> None:
    recording = recorded({"fortio.ndjson": [sent(0), sent(1), '{"latency":0.1', sent(2)]})
    [check] = [each for each in analysis(zdtrace, recording)["checks"] if each["check"] == "lines_rejected"]
    assert (check["source"], check["rejected_count"], check["line_count"]) == ("fortio.ndjson", 1, 4)


@pytest.mark.parametrize("suffix", [".ndjson", ".csv", ".parquet"])
def test_one_row_a_failed_request_with_columns_that_do_not_change(
    zdtrace: Run, rollout: Path, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"it's verdicts{suffix}"
    assert zdtrace("analyze", rollout, "--per-request", path).returncode == 1
    result = duckdb.connect().execute("select * from '" + str(path).replace("'", "''") + "'")
    assert [column[0] for column in result.description or ()] == COLUMNS
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in result.fetchall()]
    failed = [
        number for number, line in enumerate(lines_of(SAMPLE / "fortio.ndjson.zst"), 1) if '"502"' in line
    ]
    assert [row["line"] for row in rows] == failed
    assert {row["request_id"] for row in rows} == {f"fortio.ndjson.zst:{line}" for line in failed}
    assert list(path.parent.glob(".it*")) == []


def test_an_existing_file_is_replaced_only_by_force(zdtrace: Run, rollout: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.csv"
    mine.write_text("precious")
    assert zdtrace("analyze", rollout, "--per-request", mine).returncode == 2
    assert mine.read_text() == "precious"
    assert zdtrace("analyze", rollout, "--per-request", mine, "--force").returncode == 1
    assert mine.read_text().startswith("source,line,")


@pytest.mark.parametrize("name", ["verdicts.xlsx", "verdicts", ".csv"])
def test_a_name_of_no_kind_is_refused_before_anything_is_read(zdtrace: Run, tmp_path: Path, name: str) -> None:
    result = zdtrace("analyze", tmp_path / "none.zdtrace", "--per-request", tmp_path / name)
    assert result.returncode == 2
    assert ".csv, .ndjson, .parquet" in result.stderr


def test_a_folder_that_is_not_there_is_said(zdtrace: Run, rollout: Path) -> None:
    result = zdtrace("analyze", rollout, "--per-request", "no/such/folder/x.csv")
    assert result.returncode == 2
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize("name", ["=1+1.ndjson", "+1.ndjson", "-1.ndjson", "@x.ndjson", "\t=x.ndjson"])
def test_no_cell_of_the_csv_is_a_formula(
    zdtrace: Run, recorded: Record, sent: Sent, tmp_path: Path, name: str
) -> None:
    recording = recorded({name: [sent(0, status=502)]})
    zdtrace("analyze", recording, "--per-request", "out.csv")
    [row] = csv.DictReader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8")))
    assert (row["source"], row["request_id"]) == (f"'{name}", f"'{name}:1")


def test_a_hostile_name_of_a_file_cannot_command_the_terminal(
    zdtrace: Run, recorded: Record, sent: Sent
) -> None:
    recording = recorded({"a\x1b[2J\u202e.ndjson": [sent(0, status=502)]})
    for output in ("table", "wide"):
        shown = zdtrace("analyze", recording, "-o", output).stdout
        assert "\x1b" not in shown
        assert "\u202e" not in shown
        assert r"a\x1b[2J\u202e.ndjson" in shown


def test_a_setting_changes_what_the_queries_assume(zdtrace: Run, rollout: Path) -> None:
    checks = analysis(zdtrace, rollout, "--set", "clock_bound_ms=7")["checks"]
    assert [check["bound_ms"] for check in checks if check["check"] == "clocks_not_sampled"] == [7]


@pytest.mark.parametrize(("word", "said"), [
    ("clock_bound_ms", "is no NAME=VALUE"),
    ("clock_bound_ms=soon", "is BIGINT, not `soon`"),
    ("no_such=1", "no query has a setting `no_such`"),
])
def test_a_wrong_setting_is_wrong_use(zdtrace: Run, rollout: Path, word: str, said: str) -> None:
    result = zdtrace("analyze", rollout, "--set", word)
    assert (result.returncode, result.stdout) == (2, "")
    assert said in result.stderr


def test_what_is_no_recording_is_said(zdtrace: Run, tmp_path: Path) -> None:
    result = zdtrace("analyze", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert "is not a recording" in result.stderr
