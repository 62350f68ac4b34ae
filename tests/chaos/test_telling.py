"""Who is told of a run: Prometheus, a chat, and the next run."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.journal import SUFFIX
from zdtrace.chaos.judging import RUNS, Judged, forget, judge
from zdtrace.chaos.outcomes import ABORTED, FINISHED, Outcome
from zdtrace.chaos.posting import check_webhook, post
from zdtrace.errors import UsageError
from zdtrace.importers.batch import import_paths
from zdtrace.reporting.chat import as_message
from zdtrace.reporting.metrics import as_textfile

Parse = Callable[..., Experiment]
SAMPLE = re.compile(r'zdtrace_chaos_[a-z_]+\{(?:[a-z]+="(?:[^"\\\n]|\\["\\n])*",?)+\} -?[0-9.e+]+')


@pytest.fixture
def ended(tmp_path: Path, parse: Parse) -> Callable[..., Judged]:
    """Judge a run whose requests ended with these statuses."""

    def judged(*statuses: int, name: str = "run-1", state: str = FINISHED, **rest: Any) -> Judged:
        recording = tmp_path / f"{name}.zdtrace"
        if statuses:
            log = tmp_path / f"{name}.ndjson"
            log.write_text("".join(
                json.dumps({
                    "latency": 0.01, "timestamp": 1_795_450_667_000_000_000 + number, "thread": 0, "iter": 0,
                    "ok": status == 200, "details": str(status),
                }) + "\n"
                for number, status in enumerate(statuses)
            ), encoding="utf-8")
            assert import_paths([log], recording).is_complete
        journal = tmp_path / f"{name}{SUFFIX}"
        journal.write_text("", encoding="utf-8")
        outcome = Outcome(
            name, "one", journal, recording, state=state, reason="it said \"no\" <b>\n" if state != FINISHED else "",
            is_undone=True, began_at_ns=1_000_000_000, ended_at_ns=61_000_000_000, **rest,
        )
        return judge(parse(), outcome)

    return judged


def test_lost_requests_are_a_fail_and_the_gate_is_what_the_file_says(ended: Callable[..., Judged]) -> None:
    judged = ended(200, 502, 200)
    assert (judged.verdict, judged.exit_code, judged.broken) == ("fail", 1, ("failed>0",))


def test_a_run_that_lost_nothing_but_is_not_steady_again_is_a_fail(ended: Callable[..., Judged]) -> None:
    judged = ended(200, 200, unsteady=["2 pods are ready, and 3 are wanted"])
    assert judged.verdict in ("fail", "inconclusive")
    assert "not as before: 2 pods are ready" in judged.sentence


def test_an_aborted_run_says_so_whatever_its_recording_shows(ended: Callable[..., Judged]) -> None:
    judged = ended(200, state=ABORTED)
    assert (judged.verdict, judged.exit_code) == ("aborted", 1)
    assert ended(200, name="run-2", state=ABORTED, is_interrupted=True).exit_code == 130


def test_prometheus_gets_lines_that_it_can_read(ended: Callable[..., Judged]) -> None:
    text = as_textfile(ended(200, 502, 200))
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(each) for each in samples), samples
    labels = 'experiment="one",namespace="shop",target="deployment/demo"'
    assert f"zdtrace_chaos_last_run_requests{{{labels}}} 3" in samples
    assert f"zdtrace_chaos_last_run_failed_requests{{{labels}}} 1" in samples
    assert f'zdtrace_chaos_last_run_verdict{{{labels},verdict="fail"}} 1' in samples
    assert f"zdtrace_chaos_last_run_duration_seconds{{{labels}}} 60" in samples
    assert sum(each.startswith("zdtrace_chaos_last_run_verdict") and each.endswith(" 1") for each in samples) == 1
    assert text.count("# TYPE ") == len({each.split("{")[0] for each in samples})


def test_a_message_is_one_line_and_has_no_markup_of_strangers(ended: Callable[..., Judged]) -> None:
    message = as_message(ended(200, state=ABORTED))
    assert "\n" not in message["text"]
    assert "ABORTED" in message["text"]
    assert "&lt;b&gt;" in message["text"]
    assert "<b>" not in json.dumps(message)


def test_only_a_change_of_verdict_is_told(ended: Callable[..., Judged]) -> None:
    every = [ended(502, name="a"), ended(502, name="b"), ended(200, name="c", state=ABORTED), ended(502, name="d")]
    assert [each.before for each in every] == [None, "fail", "fail", "aborted"]
    assert [each.has_changed for each in every] == [True, False, True, True]


def test_lines_of_earlier_runs_that_are_broken_are_left_out(ended: Callable[..., Judged], tmp_path: Path) -> None:
    ended(502, name="a")
    with (tmp_path / RUNS).open("a", encoding="utf-8") as file:
        file.write('{"id": 5}\n[]\n{"id": "x", "exper\n')
    assert ended(502, name="b").before == "fail"


def test_only_the_last_runs_stay_and_nothing_of_others_goes(ended: Callable[..., Judged], tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        ended(200, name=name)
        (tmp_path / f"{name}.html").write_text("page", encoding="utf-8")
    other = tmp_path / "other"
    other.mkdir()
    with (tmp_path / RUNS).open("r+", encoding="utf-8") as file:
        lines = file.read()
        file.seek(0)
        file.write(json.dumps({"id": "../other", "experiment": "one"}) + "\n" + lines)
    assert forget(tmp_path, "one", 1) == ["a", "b"]
    assert sorted(each.name for each in tmp_path.glob("*.zdtrace")) == ["c.zdtrace"]
    assert not (tmp_path / "a.html").exists()
    assert not (tmp_path / f"b{SUFFIX}").exists()
    assert other.is_dir()


class Taken(BaseHTTPRequestHandler):
    bodies: list[Any]
    status = 200

    def do_POST(self) -> None:
        self.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def hook() -> Iterator[tuple[str, type[Taken]]]:
    handler = type("Handler", (Taken,), {"bodies": []})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret-token", handler
        server.shutdown()


def test_a_webhook_gets_json(hook: tuple[str, type[Taken]]) -> None:
    url, handler = hook
    assert post(url, {"text": "hello"}) is None
    assert handler.bodies == [{"text": "hello"}]


@pytest.mark.parametrize("status", [302, 404, 500])
def test_what_a_webhook_says_no_to_is_said_without_its_address(status: int, hook: tuple[str, type[Taken]]) -> None:
    url, handler = hook
    handler.status = status
    assert post(url, {"text": "hello"}) == f"the webhook at 127.0.0.1 answered {status}"
    assert len(handler.bodies) == 1


def test_an_unreachable_webhook_is_said_without_its_address() -> None:
    said = post("http://127.0.0.1:1/secret-token", {})
    assert said is not None
    assert "secret-token" not in said


@pytest.mark.parametrize("url", ["ftp://a/secret", "secret", "http://", "http://[secret"])
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as refused:
        check_webhook(url)
    assert "secret" not in refused.value.message
