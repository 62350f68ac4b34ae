"""What the grace period must leave after SIGTERM, and that each remedy has its words and, where it can, its number."""

from __future__ import annotations

from typing import Any

import pytest

from zdtrace.analysis.catalog import library
from zdtrace.analysis.draining import Drain, drain_of
from zdtrace.analysis.floors import keepalive_s
from zdtrace.analysis.remedies import WORDS, by_cause, fixed_by
from zdtrace.reporting.language import language


def pod(rollout: int, drain_s: float | None, *, cut: int = 0) -> tuple[tuple[str, int], dict[str, Any]]:
    return ("rec", rollout), {"drain_s": drain_s, "finished_count": int(drain_s is not None), "cut_count": cut}


def bound(
    pods: list[tuple[tuple[str, int], dict[str, Any]]], *, coverage: float = 0.95, answer_s: float = 0.1
) -> Drain:
    return drain_of(pods, answer_s, 0.95, coverage)


def test_one_rollout_says_little_and_the_claim_says_how_little() -> None:
    found = bound([pod(1, 0.5), pod(1, 0.8)])
    assert (found.bound_s, found.seconds, found.claim.rollouts) == (0.8, 0.8, 1)
    assert found.claim.coverage == pytest.approx(0.04, abs=0.001)


def test_a_rollout_counts_with_its_slowest_pod() -> None:
    found = bound([pod(number, seconds) for number in range(60) for seconds in (0.2, 0.2 + number / 100)])
    assert (found.claim.rollouts, found.claim.coverage, found.bound_s) == (60, 0.95, 0.79)


def test_with_many_rollouts_the_bound_is_not_the_longest_seen() -> None:
    # That at most 27 of 30 rollouts lie among the lower 80 % has a chance of 95 %: the 28th bounds them.
    found = bound([pod(number, number / 10) for number in range(1, 31)], coverage=0.8)
    assert (found.bound_s, found.seen_s, found.claim.coverage) == (2.8, 3.0, 0.8)


def test_what_was_broken_off_might_have_run_for_ever() -> None:
    found = bound([pod(1, 0.5), pod(2, 0.7), pod(3, 0.2, cut=1)])
    assert (found.bound_s, found.censored, found.claim.coverage) == (None, 1, 0.0)
    assert found.seconds == 0.7


def test_one_broken_off_of_many_does_not_hide_the_bound() -> None:
    pods = [pod(number, 0.5) for number in range(29)] + [pod(30, None, cut=2)]
    found = bound(pods, coverage=0.8)
    assert (found.bound_s, found.censored, found.claim.rollouts) == (0.5, 1, 30)


def test_nothing_that_ran_at_sigterm_leaves_only_the_time_of_answers() -> None:
    found = bound([pod(1, None), pod(2, None)], answer_s=0.3)
    assert (found.bound_s, found.seconds, found.claim.rollouts) == (None, 0.3, 0)


@pytest.mark.parametrize(("proxies", "recorded", "seconds"), [
    (["nginx-kic"], {}, 65), (["traefik", "nginx"], {}, 95), (["traefik"], {"traefik: idle connections": 30.0}, 35),
    (["unknown"], {}, None), ([], {}, None),
])
def test_a_server_keeps_idle_connections_longer_than_each_proxy_before_it(
    proxies: list[str], recorded: dict[str, float], seconds: int | None
) -> None:
    assert keepalive_s(proxies, recorded) == seconds


def test_the_remedy_for_idle_connections_says_its_number() -> None:
    row = {"cause": "keepalive_race_upstream", "tier": "B", "runner_up": None, "failed_count": 7}
    [found] = by_cause([row], {"keepalive": 65})
    assert (found.avoids_certain, found.value) == (7, 65)
    assert found.why == (
        "let the server keep idle connections longer than the proxy does: 65 s (against keepalive_race_upstream)"
    )


def test_every_cause_says_what_fixes_it_in_words_and_on_which_side_it_lies() -> None:
    sides = {key.removeprefix("where.") for key in language("en").english if key.startswith("where.")}
    for query in library().values():
        if query.schema == "causes" and query.name != "every":
            assert fixed_by(query.name) in WORDS.keys() - {"other"}, query.name
            assert query.fields.get("Where") in sides - {"unknown"}, query.name
