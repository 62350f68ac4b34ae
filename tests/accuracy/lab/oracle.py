"""What broke each failed request of a raw lab recording, by those who saw it: the wire, the application, the node.

The wire tells which pod a request or a connection went to, and whether it was refused, met silence, was answered, or
was ended by whom. The application's log tells when each container started, listened, was told to end, ended; kubelet's
and containerd's logs why. What was done is in `truth.json`. nginx' own words say only how the kernel answered it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from fates import Fates
from witnesses import MS, Fate, Pod, S

EJECTED_NS = 11 * S
REMOVALS = {
    "restart": "rollout",
    "release": "rollout",
    "scale": "scale_in",
    "hpa": "autoscaling",
    "delete-pod": "deletion",
    "evict": "eviction",
    "drain": "drain",
}
TRIGGERS = {
    "container_crash": "crash",
    "oom_killed": "oom",
    "liveness_kill": "liveness",
    "app_5xx_new_version": "rollout",
}
ENDINGS = {
    "endpoint_lag_refused",
    "endpoint_lag_blackhole",
    "inflight_cut_sigterm",
    "inflight_cut_sigkill",
    "prestop_exceeds_grace",
    "prestop_hook_failed",
    "prestop_stops_app_early",
    "no_sigterm_handler",
    "no_endpoints",
    "l4_pinned_connection",
}


@dataclass(frozen=True)
class Told:
    """The label of one failed request, with what it rests on."""

    mechanism: str
    trigger: str | None
    pod: str | None
    fate: str
    at_ns: int


class Oracle(Fates):
    """The labels of a raw recording's failed requests."""

    # Labels

    def labels(self, rows: list[dict[str, Any]]) -> dict[int, Told]:
        """Return the label of each failed client row (`line`, `id`, `started_ns`, `status` …) that has one."""
        fates = self.fates(rows)
        told = [(each, self._cause(row, each)) for row in rows if (each := fates.get(row["line"])) and each.pod]
        self._failed_tries = sorted(
            (each.at_ns, cause, each.pod.deleted_ns is not None)
            for each, cause in told
            if cause and each.pod is not None
        )
        found = {}
        for row in rows:
            fate = fates.get(row["line"])
            cause = self._cause(row, fate) if fate else None
            if fate and cause:
                pod = fate.pod
                found[row["line"]] = Told(
                    cause, self._trigger(cause, pod, fate.at_ns), pod.name if pod else None, fate.what, fate.at_ns
                )
        return found

    # From fate to cause

    def _cause(self, row: dict[str, Any], fate: Fate) -> str | None:
        if fate.what == "answered":
            # An answer that did not reach the client is not what the application said.
            return self._why_answered(fate) if row["status"] else None
        if fate.what == "refused":
            return self._why_refused(fate)
        if fate.what == "silence":
            return self._why_silent(fate)
        if fate.what.startswith("cut"):
            return self._why_cut(fate)
        if fate.what == "waiting":
            return self._why_waiting(fate)
        if fate.what in ("ingress closed", "no way in"):
            return self._why_ingress(fate)
        if fate.what == "nowhere":
            return self._why_nowhere(fate.at_ns)
        if fate.what == "nobody":
            return self._why_nowhere(fate.at_ns) if self._is_rejected(row) else None
        return self._why_not_tried(row, fate)

    def _why_answered(self, fate: Fate) -> str:
        erring = {"FAIL_CODE" in self.settings.get("env", {})}
        return "app_5xx" if True in erring else "app_5xx_new_version"

    def _why_refused(self, fate: Fate) -> str | None:
        if fate.pod is None:
            return None
        state = fate.pod.state(fate.at_ns)
        if state == "ending":
            return "prestop_hook_failed" if self._has_failing_hook else "endpoint_lag_refused"
        return {
            "new": "pod_not_ready_yet",
            "stopped": "prestop_stops_app_early",
            "liveness": "liveness_kill",
            "crash": "container_crash",
            "oom": "oom_killed",
        }.get(state)

    def _why_silent(self, fate: Fate) -> str | None:
        if self.is_dropped(fate.pod, fate.at_ns):
            return "network_fault"
        if fate.pod is None:
            return None
        ended = [at for at, what in fate.pod.happened if what.startswith("ended") or what in ("oom", "exit")]
        if fate.pod.deleted_ns and ended and fate.at_ns >= ended[-1] - 50 * MS:
            return "prestop_hook_failed" if self._has_failing_hook else "endpoint_lag_blackhole"
        return None

    def _why_cut(self, fate: Fate) -> str | None:
        if fate.pod is None:
            return None
        # On a busy machine the kernel closes a dead process' sockets late, and nginx notices it later still.
        since = min(fate.at_ns - 400 * MS, fate.asked.at_ns - 60 * MS if fate.asked else fate.at_ns)
        near = [what for at, what in fate.pod.happened if since <= at <= fate.at_ns + 60 * MS]
        state = fate.pod.state(fate.at_ns)
        if "stop" in near:
            return "prestop_stops_app_early"
        if any(what.startswith("ended") or what in ("oom", "exit", "signal") for what in near):
            if any(what == "liveness" for _, what in fate.pod.before(fate.at_ns)[-5:]) and not fate.pod.deleted_ns:
                return "liveness_kill"
            state = fate.pod.state(fate.at_ns + 60 * MS)
            if state in ("crash", "oom", "liveness"):
                return {"crash": "container_crash", "oom": "oom_killed", "liveness": "liveness_kill"}[state]
            if self._ended_by_itself(fate.pod, fate.at_ns):
                return "prestop_hook_failed" if self._has_failing_hook else "inflight_cut_sigterm"
            return self._why_killed(fate)
        if self.settings.get("env", {}).get("TRUNCATE") and fate.what == "cut in the answer":
            return "response_truncated"
        if fate.what == "cut on a reused connection":
            return "keepalive_race_upstream" if self.is_ingress else "keepalive_race_client"
        return None

    def _ended_by_itself(self, pod: Pod, at: int) -> bool:
        """Tell whether the container that ran at a time left at its signal, without SIGKILL."""
        starts = [when for when, what in pod.happened if what == "start" and when <= at]
        return any(what == "exit" and (not starts or when >= starts[-1]) for when, what in pod.happened)

    def _why_killed(self, fate: Fate) -> str:
        hook = self.settings.get("prestop")
        if isinstance(hook, list) and hook[0] == "sleep" and float(hook[1]) >= self.settings.get("grace", 30):
            return "prestop_exceeds_grace"
        signal = fate.pod.first("signal") if fate.pod else None
        is_heeded = self.settings.get("env", {}).get("ON_TERM") != "ignore"
        # What began before SIGTERM was long: an application that drains would have lost it as well.
        began_before = signal is None or fate.asked is None or fate.asked.at_ns <= signal
        return "inflight_cut_sigkill" if is_heeded or began_before else "no_sigterm_handler"

    def _why_waiting(self, fate: Fate) -> str | None:
        if self.is_dropped(fate.pod, fate.at_ns) or (fate.asked and self.is_dropped(fate.pod, fate.asked.at_ns)):
            return "network_fault"
        slow: str | None = self.settings.get("holds", {}).get("slow")
        if slow == "warmup_slow" and fate.pod and fate.asked:
            started = fate.pod.first("start") or 0
            return slow if fate.asked.at_ns - started < 4 * S else None
        return slow

    def _why_ingress(self, fate: Fate) -> str | None:
        restarts = [each for each in self.actions if each["do"] in ("restart-ingress", "delete-ingress")]
        if any(-100 * MS <= fate.at_ns - each["started_ns"] <= 20 * S for each in restarts):
            return "ingress_pod_restart"
        return "ingress_reload_reset" if fate.what == "ingress closed" else None

    def _why_nowhere(self, at: int) -> str:
        switches = [each for each in self.actions if each["do"] in ("route", "select") and each["started_ns"] <= at]
        if switches and at <= switches[-1]["finished_ns"] + 30 * S:
            return "route_switch"
        return "no_endpoints"

    def _is_rejected(self, row: dict[str, Any]) -> bool:
        """No endpoints: kube-proxy rejects the connection in the client's own kernel, so that nothing is on a wire."""
        return "refused" in row["error"]

    def _why_not_tried(self, row: dict[str, Any], fate: Fate) -> str | None:
        """nginx answered by itself: a limit, or all peers were ejected; then the cause is what made them fail."""
        if "limit_req" in str(self.settings.get("nginx", {})) and row["status"] in (429, 503):
            return "rate_limit"
        if row["status"] != 502:
            return None
        tries = [each for each in self._failed_tries if 0 <= fate.at_ns + 5 * MS - each[0] <= EJECTED_NS]
        staying = [each for each in tries if not each[2]] or tries
        return Counter(cause for _, cause, _ in staying).most_common(1)[0][0] if staying else None

    @property
    def _has_failing_hook(self) -> bool:
        hook = self.settings.get("prestop")
        return isinstance(hook, list) and hook[0] != "sleep"

    def _trigger(self, cause: str, pod: Pod | None, at: int) -> str | None:
        if cause in ENDINGS:
            end = (pod.deleted_ns if pod else None) or at
            named = [each for each in self.actions if pod and each.get("pod") == pod.name and each["do"] in REMOVALS]
            told = (
                named
                or [
                    each
                    for each in self.actions
                    if each["do"] in REMOVALS and "pod" not in each and each["started_ns"] <= end
                ]
                or [each for each in self.actions if each["do"] in REMOVALS and each["started_ns"] <= end]
            )
            return REMOVALS[told[-1]["do"]] if told else None
        if cause == "pod_not_ready_yet":
            is_rollout = any(each["do"] in ("restart", "release") for each in self.actions)
            return "rollout" if is_rollout else "start"
        return TRIGGERS.get(cause)
