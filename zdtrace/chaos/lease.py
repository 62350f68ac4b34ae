"""One experiment a workload at a time: a Lease in the workload's namespace, renewed while the experiment runs.

Source: coordination.k8s.io/v1 Lease as leader election uses it; its resourceVersion decides between two who want it.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from zdtrace.chaos.cluster import KINDS, RIGHTS, Ref
from zdtrace.chaos.guards import Refused
from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.errors import ClusterError, NoAnswer

LASTS_S = 15
RENEW_EVERY_S = 4.0
_CONFLICT, _GONE = 409, 404


class Lease:
    """Held from `take` to `release`. Who is killed holds it for 15 s more; who undoes it may take it over."""

    def __init__(self, api: Api, target: Ref, holder: str | None = None) -> None:
        self._api = api
        self._target = target
        self.holder = holder or f"{socket.gethostname()}_{os.getpid()}_{secrets.token_hex(4)}"
        self.name = f"zdtrace-chaos-{target.kind.lower()}-{target.name}"[:253]
        self._home = KINDS["Lease"].path(target.namespace)
        self._renewed_at = 0.0

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"{self._home}/{self.name}"

    @property
    def is_due(self) -> bool:
        """Whether it should be renewed."""
        return time.monotonic() - self._renewed_at > RENEW_EVERY_S

    def take(self) -> None:
        """Take it. Raises Refused when somebody else holds it, ClusterError when it cannot be taken."""
        try:
            if not self._create():
                self._take_over()
        except ApiFailure as failure:
            hint = f"{RIGHTS} prints the rights" if failure.is_refusal else None
            kind = NoAnswer if failure.status == 0 or failure.status >= 500 else ClusterError
            raise kind(f"the lease {self.name} cannot be taken: {failure.words}", hint=hint) from failure
        self._renewed_at = time.monotonic()

    def renew(self) -> bool:
        """Hold it for longer; false when somebody else has it by now. Raises ApiFailure when nothing is answered."""
        try:
            found = self._api.get(self.path)
            if (found.get("spec") or {}).get("holderIdentity") != self.holder:
                return False
            found["spec"] = {**found["spec"], **self._spec(found)}
            self._api.change("PUT", self.path, found)
        except ApiFailure as failure:
            if failure.status in (_CONFLICT, _GONE):
                return False
            raise
        self._renewed_at = time.monotonic()
        return True

    def is_lost(self) -> bool:
        """Tell whether somebody else has it by now. Raises ApiFailure when nothing is answered."""
        try:
            found = self._api.get(self.path)
        except ApiFailure as failure:
            if failure.status == _GONE:
                return True
            raise
        return (found.get("spec") or {}).get("holderIdentity") != self.holder

    def release(self) -> None:
        """Give it up, if it is still ours; it runs out by itself otherwise."""
        try:
            found = self._api.get(self.path)
            if (found.get("spec") or {}).get("holderIdentity") == self.holder:
                metadata = found["metadata"]
                only = {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}
                self._api.change("DELETE", self.path, {"preconditions": only})
        except ApiFailure:
            return

    def _create(self) -> bool:
        body = {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self._target.namespace}, "spec": self._spec(None),
        }
        try:
            self._api.change("POST", self._home, body)
        except ApiFailure as failure:
            if failure.status == _CONFLICT:
                return False
            raise
        return True

    def _take_over(self) -> None:
        found = self._api.get(self.path)
        spec = found.get("spec") or {}
        holder = spec.get("holderIdentity")
        left_s = _left_s(spec)
        if holder not in (None, "", self.holder) and left_s > 0:
            raise Refused([
                f"another experiment runs on {self._target.words}: {holder} holds {self.name} for {left_s:.0f} s more"
            ])
        found["spec"] = {**spec, **self._spec(found)}
        try:
            self._api.change("PUT", self.path, found)
        except ApiFailure as failure:
            if failure.status == _CONFLICT:
                raise Refused([f"another experiment has just begun on {self._target.words}"]) from failure
            raise

    def _spec(self, found: dict[str, Any] | None) -> dict[str, Any]:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        spec = (found or {}).get("spec") or {}
        is_ours = spec.get("holderIdentity") == self.holder
        changes = int(spec.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self.holder, "leaseDurationSeconds": LASTS_S, "renewTime": now,
            "acquireTime": spec.get("acquireTime") if is_ours else now,
            "leaseTransitions": changes if is_ours or not found else changes + 1,
        }


@contextmanager
def inherited(
    api: Api, target: Ref, holder: str, take: Callable[[Lease], object] = Lease.take,
) -> Iterator[None]:
    """Hold the lease of a run that was killed: for some seconds it is still held in its name, and ours to take over.

    Raises Refused when somebody else has it by now.
    """
    if not holder:
        yield
        return
    lease = Lease(api, target, holder)
    take(lease)
    try:
        yield
    finally:
        lease.release()


def _left_s(spec: dict[str, Any]) -> float:
    """Return for how long it is held, by our clock; one that does not say is held."""
    try:
        renewed = datetime.fromisoformat(str(spec["renewTime"]))
        until = renewed.timestamp() + float(spec["leaseDurationSeconds"])
    except (KeyError, ValueError, TypeError):
        return float(LASTS_S)
    return until - time.time()
