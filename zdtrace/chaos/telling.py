"""Telling in the cluster what is done: Events on the workload, which `kubectl describe` shows."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

from zdtrace.chaos.cluster import KINDS
from zdtrace.chaos.workloads import Workload
from zdtrace.collectors.api import Api, ApiFailure

STARTED, ACTED, UNDONE, ABORTED, FINISHED = (
    "ChaosStarted", "ChaosActed", "ChaosUndone", "ChaosAborted", "ChaosFinished",
)
_MOST_CHARACTERS = 1000
_TIMEOUT_S = 2.0


class Teller:
    """Makes Events. One that cannot be made is said once, and hinders nothing."""

    def __init__(self, api: Api, workload: Workload, say: Callable[[str], None]) -> None:
        self._api = api
        self._workload = workload
        self._say = say
        self._has_failed = False

    def tell(self, reason: str, message: str, *, is_warning: bool = False) -> None:
        """Make an Event on the workload."""
        ref = self._workload.ref
        resource = KINDS[ref.kind]
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        event = {
            "apiVersion": "v1", "kind": "Event", "type": "Warning" if is_warning else "Normal",
            # As the recorder of client-go names them: its name dates an Event to the nanosecond.
            "metadata": {"name": f"{ref.name}.{time.time_ns():x}", "namespace": ref.namespace},
            "involvedObject": {
                "apiVersion": resource.api_version, "kind": ref.kind, "namespace": ref.namespace, "name": ref.name,
                "uid": ref.uid,
            },
            "reason": reason, "message": message[:_MOST_CHARACTERS], "source": {"component": "zdtrace"},
            "reportingComponent": "zdtrace", "firstTimestamp": now, "lastTimestamp": now, "count": 1,
        }
        try:
            self._api.change("POST", KINDS["Event"].path(ref.namespace), event, timeout_s=_TIMEOUT_S)
        except ApiFailure as failure:
            if not self._has_failed:
                self._has_failed = True
                self._say(f"no Event could be made on {ref.words}: {failure.words}")
