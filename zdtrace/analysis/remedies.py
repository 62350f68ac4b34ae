"""What would have prevented the failures, costliest first: preStop among others, each with its number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis.catalog import library

PRESTOP, GRACE_PERIOD, DRAIN, KEEPALIVE = "prestop", "grace_period", "drain_on_sigterm", "keepalive"
OTHER = "other"
_BEFORE = {PRESTOP: " for", KEEPALIVE: ":"}
_SURE = ("A", "B", "C")

WORDS: Mapping[str, str] = {
    PRESTOP: "let preStop sleep",
    GRACE_PERIOD: "raise terminationGracePeriodSeconds",
    DRAIN: "finish running requests after SIGTERM, then exit",
    "readiness_probe": "let a readiness probe (a startup probe for slow starts) ask the port that serves",
    "warm_up": "warm the application up before its readiness probe succeeds, or let the proxy start it slowly",
    "ready_first": "switch a route only once the pods behind it are ready, and keep the old ones until they drained",
    "replicas": "keep pods to send to: 2 replicas or more, maxUnavailable 0, a PodDisruptionBudget",
    KEEPALIVE: "let the server keep idle connections longer than the proxy does",
    "close_connections": "let the server close kept-alive connections once it ends (Connection: close)",
    "reload_less": "reload the proxy less often: batch changes, or use one that takes endpoints without",
    "rollback": "roll back the new version, then find out why it answers with errors",
    "fix_application": "look at the application: it fails by itself, no rollout setting helps",
    "fix_hook": "repair the preStop hook: it fails, and SIGTERM follows at once",
    "faster_answers": "find out why answers took longer than the client waits",
    "sidecar_order": "let the sidecar outlive the application: make it a native sidecar",
    "capacity": "keep enough ready pods for the load while pods are replaced",
    "fix_client": "repair the load test: it ran out of its own means",
    "fix_network": "look at the network: nodes, policies, DNS",
    "liveness_probe": "give the liveness probe more time: it ended pods that were only slow",
    "fix_controller": "repair the ingress controller: it does not take changes of endpoints into use",
    "service_setting": "unset publishNotReadyAddresses: the Service keeps pods that are ending",
    "rate_limit": "raise the rate limit, or send less",
    "fix_tls": "look at certificates and TLS settings",
    OTHER: "see what `zdtrace analyze` says of each cause",
}
"""Every remedy in the words of a command; a cause names its own in `Fixed by`."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """A remedy with how many of the failed requests it would have avoided, surely and possibly.

    `value` is its own number, where it has one: seconds of preStop, of the grace period, of an idle connection.
    """

    remedy: str
    avoids_certain: int
    avoids_possible: int
    why: str
    value: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the remedy as `zdtrace recommend -o json` writes it."""
        return {
            "remedy": self.remedy, "avoids_certain": self.avoids_certain, "avoids_possible": self.avoids_possible,
            "why": self.why, "value": self.value,
        }


def fixed_by(cause: str | None) -> str | None:
    """Return the remedy of a cause, by its name; None for failures that nothing explains."""
    query = library().get(f"causes.{cause}")
    return query.fields.get("Fixed by", OTHER) if query else None


def ranked(remedies: Iterable[Remedy]) -> tuple[Remedy, ...]:
    """Return those that avoid anything, by how much they surely avoid, then by how much they may; of equals preStop."""
    some = [each for each in remedies if each.avoids_possible]
    return tuple(sorted(some, key=_rank))


def _rank(each: Remedy) -> tuple[int, int, bool, str]:
    return -each.avoids_certain, -each.avoids_possible, each.remedy != PRESTOP, each.remedy


def by_cause(rows: Iterable[Mapping[str, Any]], values: Mapping[str, int | None]) -> list[Remedy]:
    """Return the remedies other than preStop. A row is (cause, tier, runner_up, failed_count)."""
    certain: dict[str, int] = {}
    possible: dict[str, int] = {}
    causes: dict[str, set[str]] = {}
    for row in rows:
        remedy, second = fixed_by(row["cause"]), fixed_by(row["runner_up"])
        for each in {remedy, second} - {None, PRESTOP}:
            assert each is not None  # noqa: S101 - left out above
            possible[each] = possible.get(each, 0) + row["failed_count"]
            causes.setdefault(each, set()).add(row["cause"] if each == remedy else row["runner_up"])
            if each == remedy and second in (None, remedy) and row["tier"] in _SURE:
                certain[each] = certain.get(each, 0) + row["failed_count"]
    return [
        Remedy(name, certain.get(name, 0), possible[name], why(name, values.get(name), sorted(causes[name])),
               values.get(name))
        for name in possible
    ]


def why(remedy: str, value: int | None, causes: Iterable[str]) -> str:
    """Return what to do, with its number, and against which causes."""
    amount = f"{_BEFORE.get(remedy, ' to')} {value} s" if value is not None else ""
    against = ", ".join(causes)
    return f"{WORDS.get(remedy, WORDS[OTHER])}{amount}" + (f" (against {against})" if against else "")
