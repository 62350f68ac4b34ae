"""Every version of every object is heard, whatever happens to the watch, and each silence is a gap."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from fake_api import FakeApi, pod, thing

Listen = Callable[..., Any]


def test_what_is_there_is_listed_and_what_comes_is_heard_once(fake: FakeApi, listen: Listen) -> None:
    fake.put("pods", pod("old"))
    heard = listen()
    fake.put("pods", pod("new"))
    fake.put("pods", pod("old"))
    fake.remove("pods", pod("old"))
    heard.until(lambda: len(heard.versions()) == 4)
    assert heard.versions() == [
        ("LISTED", "old", 101), ("ADDED", "new", 102), ("MODIFIED", "old", 103), ("DELETED", "old", 104),
    ]
    assert heard.gaps() == []


def test_a_list_of_several_pages_is_read_to_its_end(fake: FakeApi, listen: Listen) -> None:
    fake.page = 2
    for number in range(5):
        fake.put("pods", pod(f"demo-{number}"))
    assert listen().names("Pod") == {f"demo-{number}" for number in range(5)}


def test_a_list_that_breaks_off_is_read_again(fake: FakeApi, listen: Listen) -> None:
    fake.put("pods", pod("demo"))
    fake.broken_lists["pods"] = 2
    assert listen().versions() == [("LISTED", "demo", 101)]


def test_a_watch_that_ends_goes_on_where_it_was(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    fake.cut("pods")
    fake.put("pods", pod("b"))
    heard.until(lambda: heard.names("Pod") == {"a", "b"})
    assert heard.versions() == [("ADDED", "a", 101), ("ADDED", "b", 102)]
    heard.until(lambda: len(heard.gaps()) == 1)
    gap = heard.gaps()[0]
    assert gap["from_ns"] < gap["until_ns"]
    assert gap["is_healed"], "all that came meanwhile was told"


def test_an_api_server_that_is_too_busy_is_asked_again_when_it_says(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    with fake.lock:
        fake.too_busy["pods"] = 3
        fake.cut("pods")
        fake.put("pods", pod("b"))
    heard.until(lambda: heard.names("Pod") == {"a", "b"})
    waits = [after - before for before, after in pairwise(fake.refused_at)]
    # `Retry-After: 1`, spread by up to a half.
    assert len(waits) == 2
    assert min(waits) > 0.45
    heard.until(lambda: len(heard.gaps()) == 1)
    assert heard.gaps()[0]["is_healed"]


def test_a_burst_that_takes_long_to_write_has_the_instants_of_its_arrival(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    take = heard.recorder.desk.take

    def take_slowly(*what: Any) -> None:
        time.sleep(0.02)
        take(*what)

    heard.recorder.desk.take = take_slowly
    for number in range(100):
        fake.put("pods", pod(f"demo-{number}"))
    put_at_ns = time.time_ns()
    heard.until(lambda: len(heard.versions()) == 100)
    assert time.time_ns() - put_at_ns > 1_000_000_000, "it took its time"
    seen_at_ns = [line["seen_at_ns"] for line in heard.lines() if line.get("type") == "ADDED"]
    assert max(seen_at_ns) - put_at_ns < 1_000_000_000
    assert [version for _, _, version in heard.versions()] == list(range(101, 201))
    assert heard.gaps() == []


def test_a_watch_that_only_seems_to_go_on_is_deaf_since_it_broke_off(fake: FakeApi, listen: Listen) -> None:
    fake.put("pods", pod("a"))
    heard = listen()
    with fake.lock:
        fake.cut("pods")
        fake.put("pods", pod("a"))
        fake.put("pods", pod("a"))
        fake.compact("pods")
    heard.until(lambda: heard.versions()[-1] == ("MODIFIED", "a", 103))
    heard.until(lambda: any("410" in gap["reason"] for gap in heard.gaps()))
    lost = next(gap for gap in heard.gaps() if "410" in gap["reason"])
    assert not lost["is_healed"]
    assert lost["from_ns"] == min(gap["from_ns"] for gap in heard.gaps())


def test_half_a_line_is_no_version_and_loses_none(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    fake.cut("pods", in_mid_line=True)
    fake.put("pods", pod("a"))
    heard.until(lambda: len(heard.versions()) == 2)
    assert heard.versions() == [("ADDED", "a", 101), ("MODIFIED", "a", 102)]
    assert heard.recorder.troubles == []


def test_a_bookmark_moves_the_place_to_go_on_from(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    fake.bookmark("pods")
    heard.until(lambda: heard.recorder.watchers[0].resource_version == "101")
    fake.compact("pods")
    fake.cut("pods")
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    assert [reason for reason in (gap["reason"] for gap in heard.gaps()) if "410" in reason] == []


def test_a_list_whose_later_pages_come_too_late_is_read_anew(fake: FakeApi, listen: Listen) -> None:
    fake.page = 2
    fake.broken_pages["pods"] = 1
    for number in range(5):
        fake.put("pods", pod(f"demo-{number}"))
    assert listen().names("Pod") == {f"demo-{number}" for number in range(5)}


def test_what_an_api_server_that_starts_anew_cannot_tell_is_read_from_its_history(
    fake: FakeApi, listen: Listen
) -> None:
    for name in ("stays", "changes", "goes"):
        fake.put("pods", pod(name))
    heard = listen()
    with fake.lock:
        fake.cut("pods")
        for _ in range(3):
            fake.put("pods", pod("changes"))
        fake.put("pods", pod("goes"))
        fake.put("pods", pod("comes"))
        fake.remove("pods", pod("goes"))
        fake.put("pods", pod("comes"))
        fake.restart("pods")
    fake.put("pods", pod("stays"))
    heard.until(lambda: len(heard.versions()) == 11)
    assert heard.versions()[3:] == [
        ("MODIFIED", "changes", 104), ("MODIFIED", "changes", 105), ("MODIFIED", "changes", 106),
        ("MODIFIED", "goes", 107), ("ADDED", "comes", 108), ("DELETED", "goes", 107), ("MODIFIED", "comes", 110),
        ("MODIFIED", "stays", 111),
    ]
    assert heard.gaps()[-1]["reason"] == (
        "410 too old resource version: 103 (110); 4 older versions were read from its history"
    )
    assert heard.gaps()[-1]["is_healed"], "all of it was still there"


def test_a_list_with_the_earliest_place_goes_on_from_there(fake: FakeApi, listen: Listen) -> None:
    fake.put("pods", pod("a"))
    heard = listen()
    with fake.lock:
        fake.cut("pods")
        fake.put("pods", pod("a"))
        fake.restart("pods")
        # The new API server already hears these, and tells them to who asks from the place that it named.
        for _ in range(3):
            fake.put("pods", pod("a"))
    heard.until(lambda: len(heard.versions()) == 5)
    assert [version for _, _, version in heard.versions()] == [101, 102, 103, 104, 105]
    assert any("resourceVersion=102&resourceVersionMatch=Exact" in path for path in fake.paths)


def test_after_410_the_difference_is_written(fake: FakeApi, listen: Listen) -> None:
    for name in ("stays", "changes", "goes"):
        fake.put("pods", pod(name))
    heard = listen()
    # Nobody hears these: they happen between the end of the watch and its compaction.
    with fake.lock:
        fake.cut("pods")
        fake.put("pods", pod("changes"))
        fake.put("pods", pod("comes"))
        fake.remove("pods", pod("goes"))
        fake.compact("pods")
    heard.until(lambda: len(heard.versions()) == 6)
    assert heard.versions()[3:] == [("MODIFIED", "changes", 104), ("ADDED", "comes", 105), ("DELETED", "goes", 103)]
    # Of one there was nothing in between: its new version follows the last one heard.
    heard.until(lambda: "410" in heard.gaps()[-1]["reason"])
    assert heard.gaps()[-1]["reason"].endswith("of 2 objects some may be lost: etcd was compacted")
    assert not heard.gaps()[-1]["is_healed"]


def test_a_missing_right_costs_that_source_one_warning_and_a_gap(fake: FakeApi, listen: Listen) -> None:
    fake.refused = {"nodes"}
    fake.put("pods", pod("a"))
    heard = listen()
    heard.until(lambda: heard.gaps("nodes"))
    assert [warning.split(":")[0] for warning in heard.warnings] == ["nodes will be missing"]
    assert heard.gaps("nodes")[0]["until_ns"] is None
    assert heard.names("Pod") == {"a"}


def test_without_a_right_to_endpoint_slices_endpoints_are_taken(fake: FakeApi, listen: Listen) -> None:
    fake.refused = {"endpointslices"}
    fake.put("endpoints", thing("Endpoints", "demo"))
    heard = listen()
    assert heard.names("Endpoints") == {"demo"}
    assert heard.warnings == []


def test_apis_that_are_not_installed_are_no_gaps(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    assert heard.gaps("httproutes") == []
    assert heard.warnings == []
    assert heard.late == []


def test_apis_that_are_not_installed_are_not_missing_for_somebody_who_may_not_ask(
    fake: FakeApi, listen: Listen
) -> None:
    fake.refused = {"httproutes"}
    assert listen().warnings == []


def test_routes_of_the_gateway_api_are_heard_where_it_is_installed(fake: FakeApi, listen: Listen) -> None:
    fake.installed = {"httproutes", "gateway.networking.k8s.io"}
    fake.put("httproutes", thing("HTTPRoute", "demo"))
    assert listen().names("HTTPRoute") == {"demo"}


def test_without_a_right_to_old_events_new_ones_are_taken(fake: FakeApi, listen: Listen) -> None:
    fake.refused = {"/events"}
    fake.put("events", thing("Event", "demo.17"))
    heard = listen()
    assert heard.names("Event") == {"demo.17"}
    assert heard.warnings == []


def test_lines_that_are_no_json_are_counted(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    fake.say("pods", b'{"type":"ADDED","object":17}')
    fake.say("pods", b"\xff\x00nonsense")
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    assert heard.recorder.troubles == ["2 lines of watches could not be read"]


def test_secrets_never_reach_the_journal(fake: FakeApi, listen: Listen) -> None:
    canary = "c4nary-5ecret"
    heard = listen()
    fake.put("pods", pod("a", containers=[{
        "name": "app", "env": [{"name": "DB_PASSWORD", "value": canary}], "args": [f"--token={canary}"],
    }]))
    heard.until(lambda: heard.names("Pod") == {"a"})
    heard.journal.flush()
    assert canary not in "".join(path.read_text() for path in (heard.folder / "journal").iterdir())


def test_the_instant_is_of_the_arrival(fake: FakeApi, listen: Listen) -> None:
    heard = listen()
    before_ns = time.time_ns()
    fake.put("pods", pod("a"))
    heard.until(lambda: heard.names("Pod") == {"a"})
    seen_at_ns = next(line["seen_at_ns"] for line in heard.lines() if "object" in line)
    assert before_ns < seen_at_ns < time.time_ns()
