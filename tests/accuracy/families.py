"""The mechanisms that can be told from recorded data, and the families that they belong to."""

from __future__ import annotations

ENDING, GRACE, STARTING = "sent to an ending pod", "killed at the end of the grace period", "pod not ready yet"
NOWHERE, BROKEN, APPLICATION = "no endpoints", "crash, OOM or liveness kill", "application"
BETWEEN = "client, network or proxy"

FAMILY_OF = {
    "endpoint_lag_refused": ENDING,
    "endpoint_lag_blackhole": ENDING,
    "inflight_cut_sigterm": ENDING,
    "l4_pinned_connection": ENDING,
    "prestop_hook_failed": ENDING,
    "prestop_stops_app_early": ENDING,
    "ingress_stale_upstream": ENDING,
    "control_plane_lag": ENDING,
    "publish_not_ready": ENDING,
    "sticky_session": ENDING,
    "sidecar_exits_first": ENDING,
    "inflight_cut_sigkill": GRACE,
    "prestop_exceeds_grace": GRACE,
    "no_sigterm_handler": GRACE,
    "pod_not_ready_yet": STARTING,
    "warmup_slow": STARTING,
    "no_endpoints": NOWHERE,
    "container_crash": BROKEN,
    "oom_killed": BROKEN,
    "liveness_kill": BROKEN,
    "node_lost": BROKEN,
    "app_5xx": APPLICATION,
    "app_5xx_new_version": APPLICATION,
    "overload_queueing": APPLICATION,
    "client_timeout": BETWEEN,
    "client_exhausted": BETWEEN,
    "dns": BETWEEN,
    "tls": BETWEEN,
    "ingress_pod_restart": BETWEEN,
    "ingress_reload_reset": BETWEEN,
    "keepalive_race_client": BETWEEN,
    "keepalive_race_upstream": BETWEEN,
    "network_fault": BETWEEN,
    "rate_limit": BETWEEN,
    "response_truncated": BETWEEN,
    "route_switch": BETWEEN,
}


def family_of(mechanism: str | None) -> str:
    """Return the family of a mechanism; what belongs to none (unattributed) is its own."""
    return FAMILY_OF.get(mechanism or "", mechanism or "unattributed")
