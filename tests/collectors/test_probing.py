"""Our own load test: each request at its time, each failure seen, new and reused connections told apart."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from misbehaving import Seen, misbehaving

from zdtrace.collectors.probing import NEW, REUSED, Lane, Prober, Sent, Target
from zdtrace.errors import UsageError

SECOND_NS = 1_000_000_000


@pytest.fixture
def server() -> Iterator[Seen]:
    with misbehaving() as seen:
        yield seen


def sent(url: str, *, rate: float = 50, for_s: float = 0.2, **rest: Any) -> list[Sent]:
    target = {name: rest.pop(name) for name in ("timeout_s", "address", "headers", "is_canary") if name in rest}
    found: list[Sent] = []
    prober = Prober(Target(url=url, **target), rate, found.append, for_s=for_s, **rest)
    prober.start()
    prober.join(30)
    assert not prober.is_alive()
    return sorted(found, key=lambda each: each.intended_at_ns)


def test_requests_are_due_at_fixed_times(server: Seen) -> None:
    found = sent(server.url, rate=40, for_s=0.5)
    assert len(found) == 20
    assert {b.intended_at_ns - a.intended_at_ns for a, b in pairwise(found)} == {25_000_000}
    assert all(each.started_at_ns >= each.intended_at_ns for each in found)
    assert all(each.status == 200 and not each.is_failed and each.pod == "demo-1" for each in found)


def test_a_slow_answer_delays_no_other_request(server: Seen) -> None:
    found = sent(f"{server.url}/slow", rate=50, for_s=0.5)
    assert len(found) == 25
    spread_ns = found[-1].started_at_ns - found[0].started_at_ns
    assert spread_ns < 0.9 * SECOND_NS, "a client that waits would have taken 25 s"
    assert all(each.ended_at_ns - each.intended_at_ns >= SECOND_NS for each in found)


def test_new_and_reused_connections_take_turns(server: Seen) -> None:
    found = sent(server.url, rate=20, for_s=0.5)
    assert [each.lane for each in found[:4]] == [NEW, REUSED, NEW, REUSED]
    assert {each.is_reused for each in found if each.lane == NEW} == {False}
    reused = [each.is_reused for each in found if each.lane == REUSED]
    assert reused == [False, *[True] * (len(reused) - 1)]
    ports = {headers["X-Request-ID"]: port for _, port, headers in server.requests}
    assert len({ports[each.request_id] for each in found if each.lane == NEW}) == 5
    assert len({ports[each.request_id] for each in found if each.lane == REUSED}) == 1


def test_each_has_an_id_of_its_own_that_the_server_sees(server: Seen) -> None:
    found = sent(server.url)
    assert {each.request_id for each in found} == {headers["X-Request-ID"] for _, _, headers in server.requests}
    assert len({each.request_id for each in found}) == len(found)


@pytest.mark.parametrize(("path", "status", "words", "is_truncated"), [
    ("503", 503, None, False),
    ("cut", 200, "cut short", True),
    ("cut_chunks", 200, "cut short", True),
    ("nothing", None, "closed before the response", None),
    ("garbage", None, "no HTTP response", None),
    ("chunks", 200, None, False),
])
def test_what_an_answer_was(
    server: Seen, path: str, status: int | None, words: str | None, is_truncated: bool | None
) -> None:
    for each in sent(f"{server.url}/{path}"):
        assert each.status == status
        assert (words in (each.error or "")) if words else each.error is None
        assert each.is_truncated is is_truncated
        assert each.is_failed is (path != "chunks")


def test_the_time_limit_is_for_the_whole_request_however_it_trickles(server: Seen) -> None:
    for path, is_truncated in (("slow", None), ("drip", True)):
        for each in sent(f"{server.url}/{path}", timeout_s=0.3, for_s=0.1):
            assert each.error == "timeout after 0.3 s"
            assert each.is_truncated is is_truncated
            assert 0.25 * SECOND_NS < each.ended_at_ns - each.started_at_ns < 0.9 * SECOND_NS


def test_a_port_that_nobody_listens_on_is_refused() -> None:
    with misbehaving() as gone:
        url = gone.url
    assert {each.error for each in sent(url)} == {"connection refused"}


def test_a_name_that_nobody_has_is_said_to_be_so() -> None:
    assert {each.error for each in sent("http://nobody.invalid/", for_s=0.05)} == {"no such host: nobody.invalid"}


def test_a_connection_that_was_closed_meanwhile_is_not_used_again(server: Seen) -> None:
    found = sent(f"{server.url}/last", rate=10, for_s=0.5, lanes=(REUSED,))
    assert [each.is_failed for each in found] == [False] * 5
    assert [each.is_reused for each in found] == [False] * 5


def test_what_cannot_be_sent_is_told_and_not_left_out(server: Seen) -> None:
    found = sent(f"{server.url}/slow", rate=50, for_s=0.4, most_in_flight=5)
    assert len(found) == 20
    assert sum((each.error or "").startswith("not sent: 5 requests were waiting") for each in found) == 15


def test_the_address_may_be_another_than_the_name(server: Seen) -> None:
    port = server.url.rsplit(":", 1)[1]
    found = sent(f"http://example.com:{port}/", address="127.0.0.1", headers={"X-Team": "a"})
    assert {each.status for each in found} == {200}
    assert {headers["Host"] for _, _, headers in server.requests} == {f"example.com:{port}"}
    assert {headers["X-Team"] for _, _, headers in server.requests} == {"a"}


def test_it_stops_when_told_and_waits_for_what_is_on_its_way(server: Seen) -> None:
    found: list[Sent] = []
    prober = Prober(Target(url=f"{server.url}/slow"), 20, found.append)
    prober.start()
    time.sleep(0.3)
    prober.stop()
    prober.join(10)
    assert 2 <= len(found) <= 20
    assert {each.status for each in found} == {200}


def test_query_values_are_not_written_down(server: Seen) -> None:
    (first, *_) = sent(f"{server.url}/?token=c4nary")
    assert server.requests[0][0] == "/?token=c4nary"
    assert "c4nary" not in first.as_line()
    assert json.loads(first.as_line())["url"].endswith("/?token=***")


@pytest.mark.parametrize("url", [
    "", "example.com", "ftp://example.com/", "http://", "http://u:p@example.com/", "http://a b/", "http://x:y/",
    "http://x/\r\nX: y", "http://[::1", "http://x:99999/", "http://é/",
])
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="cannot be probed"):
        Target(url=url)


def test_latencies_count_from_when_requests_were_due() -> None:
    lane = Lane()
    for number in range(100):
        due_ns = number * SECOND_NS
        lane.add(Sent(
            lane=NEW, is_canary=False, intended_at_ns=due_ns, started_at_ns=due_ns + 2 * SECOND_NS,
            ended_at_ns=due_ns + 2 * SECOND_NS + number * 1_000_000, request_id="x", method="GET", url="u", status=200,
        ))
    assert lane.quantiles_ms(0.5, 1.0) == [2050.0, 2099.0]
    assert lane.late == 100


def test_wall_time_is_that_of_the_machine(server: Seen, tmp_path: Path) -> None:
    before_ns = time.time_ns()
    found = sent(server.url)
    assert before_ns - 5_000_000 < found[0].started_at_ns < found[-1].ended_at_ns < time.time_ns() + 5_000_000
