"""From what the wire and the application saw of a failed request to its label: mechanism and trigger.

Nothing here reads what the analysis reads, or shares code with it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

_ENDED = {
    "endpoint_lag_refused", "endpoint_lag_blackhole", "inflight_cut_sigterm", "inflight_cut_sigkill", "no_endpoints",
    "prestop_exceeds_grace", "prestop_hook_failed", "prestop_stops_app_early", "no_sigterm_handler",
}
_TRIGGERS = {"restart": "rollout", "release": "rollout", "delete-pod": "deletion", "evict": "eviction"}


@dataclass(frozen=True)
class Label:
    """What broke a request, and why its pod went away; `trigger` is None where no pod did, or where it is not known."""

    mechanism: str
    trigger: str | None = None


def trigger_of(mechanism: str, truth: dict[str, Any]) -> str | None:
    """Return the trigger that what was done gives a mechanism."""
    if mechanism == "no_endpoints" and "CRASH_AFTER" in truth["settings"]["action"].get("env", {}):
        return "crash"
    if mechanism in _ENDED:
        return _TRIGGERS.get(truth["settings"]["action"]["do"])
    return {"container_crash": "crash", "app_5xx_new_version": "rollout"}.get(mechanism)


def labels_of_facts(lines: list[str], truth: dict[str, Any]) -> dict[int, Label]:
    """Return the label of each failed request by its line in the client's log."""
    return {row["line"]: Label(row["mechanism"], row.get("trigger")) for row in map(json.loads, lines)}
