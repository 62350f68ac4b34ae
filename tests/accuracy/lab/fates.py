"""What became of each failed request: whom it or its connection reached, and how that ended."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from wire import Asked, Connection
from witnesses import MS, Fate, Pod, S, Witnesses


class Fates(Witnesses):
    """The fate of each failed request of a raw recording."""

    def fates(self, rows: list[dict[str, Any]]) -> dict[int, Fate]:
        """Return the fate of each failed client row by its line, as far as somebody saw it."""
        return self._fates_through_ingress(rows) if self.is_ingress else self._fates_direct(rows)

    def _fates_direct(self, rows: list[dict[str, Any]]) -> dict[int, Fate]:
        """The client itself connects to the pods, through the Service's address."""
        asked = {}
        for one in self.upstream:
            for request in one.asked:
                if request.id:
                    asked[request.id] = (one, request)
        units: list[tuple[int, int, Fate]] = []
        for one in self.upstream:
            if not one.asked and not self._is_probe(one):
                units.append((one.opened_ns, one.refused_ns or 0, self._fate_of_connect(one)))
            elif one.asked:
                units += [
                    (
                        request.at_ns,
                        one.ended_by_server_ns or one.client_closed_ns or 0,
                        self._fate_of_request(one, request),
                    )
                    for request in one.asked
                    if not request.id and self._is_bad(one, request)
                ]
        found: dict[int, Fate] = {}
        waiting = []
        for row in rows:
            if row["id"] and row["id"] in asked:
                found[row["line"]] = self._fate_of_request(*asked[row["id"]])
            else:
                waiting.append(row)
        found |= _nearest(waiting, units, lambda row, at, end: abs(at - row["started_ns"]))
        for row in waiting:
            # A packet that the fault dropped in the client's own kernel was on no wire.
            dropped = next((pod for pod in self.pods.values() if self.is_dropped(pod, row["started_ns"])), None)
            fate = Fate("silence", row["started_ns"], dropped) if dropped else Fate("nobody", row["started_ns"])
            found.setdefault(row["line"], fate)
        return found

    def _is_bad(self, one: Connection, request: Asked) -> bool:
        is_last = request is one.asked[-1]
        return (request.status or 0) >= 500 or (is_last and request.answered_ns is None)

    def _fates_through_ingress(self, rows: list[dict[str, Any]]) -> dict[int, Fate]:
        """nginx connects to the pods for the client.

        A request that reached a pod is on the wire there, with its id. Of one that did not, nginx says whom it tried
        and how the kernel answered (111, 104, 113); the wire must have seen a connection to that pod that failed so.
        """
        front = {
            request.id or f"{one.client_port}/{request.at_ns}": (one, request)
            for one in self.front
            for request in one.asked
        }
        mine = self._on_the_wire(rows, front)
        reached = {request.id: (one, request) for one in self.upstream for request in one.asked if request.id}
        found: dict[int, Fate] = {}
        for row in rows:
            own = mine.get(row["line"])
            if own is None:
                found[row["line"]] = Fate("no way in", row["started_ns"])
                continue
            one, request = own
            if (
                request.answered_ns is None
                and one.ended_by_server_ns
                and (one.client_closed_ns is None or one.ended_by_server_ns <= one.client_closed_ns)
            ):
                found[row["line"]] = Fate("ingress closed", one.ended_by_server_ns)
                continue
            line = self._line_of(one, request)
            address = line["upstream_addr"].split(", ")[-1] if line else ""
            last = reached.get(request.id or "")
            if last and f"{last[0].server}:8080" == address:
                found[row["line"]] = self._fate_of_request(*last)
            elif line and (fate := self._fate_in_words(line, address, request)):
                found[row["line"]] = fate
        return found

    def _line_of(self, one: Connection, request: Asked) -> dict[str, Any] | None:
        """Return nginx's line of a request: of its connection the first that ended after it was asked."""
        lines = sorted(self.access.get(one.client_port, []), key=lambda each: each[0])
        return next((line for at, line in lines if at >= request.at_ns - 2 * MS), None)

    def _fate_in_words(self, line: dict[str, Any], address: str, request: Asked) -> Fate | None:
        ended = round(float(line["msec"]) * 1000) * MS
        if address == "127.0.0.1:8181":
            return Fate("nowhere", ended)
        if not re.match(r"[\d.]+:8080$", address):
            return Fate("not tried", ended)
        said = self.words.get((line["worker"], line["connection"], address), [])
        at, words = min(said, key=lambda each: abs(each[0] - ended), default=(ended, ""))
        is_connected = line["upstream_connect_time"].split(", ")[-1] != "-"
        pod = self.pod_at(address.split(":")[0], at)
        if not words:
            return (
                Fate("waiting", ended, pod, request)
                if is_connected
                else self._confirmed("silence", address, ended, pod, request)
            )
        if "111:" in words:
            return self._confirmed("refused", address, at, pod, request)
        if "104:" in words or "prematurely closed" in words:
            what = (
                "cut in the answer"
                if "while reading upstream" in words
                else "cut"
                if is_connected
                else "cut before it was asked"
            )
            return Fate(what, at, pod, request)
        if "110:" in words and is_connected:
            return Fate("waiting", at, pod, request)
        return self._confirmed("silence", address, at, pod, request)

    def _confirmed(self, what: str, address: str, at: int, pod: Pod | None, request: Asked) -> Fate | None:
        """Return the fate if the wire saw such a connection between the request and its end."""
        if what == "silence" and pod and self.is_dropped(pod, request.at_ns):
            return Fate(what, request.at_ns, pod, request)
        for one in self.upstream:
            if (
                f"{one.server}:8080" == address
                and not one.asked
                and request.at_ns - 2 * MS <= one.opened_ns <= at + 2 * MS
            ):
                if what == "refused" and one.refused_ns:
                    return Fate(what, one.refused_ns, pod, request)
                if what == "silence" and one.accepted_ns is None and one.refused_ns is None:
                    return Fate(what, one.opened_ns, pod, request)
        return None

    def _on_the_wire(
        self, rows: list[dict[str, Any]], front: dict[str, tuple[Connection, Asked]]
    ) -> dict[int, tuple[Connection, Asked]]:
        """Return each row's request at the ingress: by id, or by status and time."""
        if any(row["id"] for row in rows):
            return {row["line"]: front[row["id"]] for row in rows if row["id"] in front}
        units = [
            (request.at_ns, request.answered_ns or one.client_closed_ns or 0, (one, request))
            for one, request in front.values()
        ]
        return _nearest(
            rows,
            [unit for unit in units if unit[2][1].status is None or unit[2][1].status >= 500],
            lambda row, at, end: abs(at - row["started_ns"]) + abs(end - row["ended_ns"]),
        )

    def _is_probe(self, one: Connection) -> bool:
        """kubelet probes a pod that does not listen yet; nginx is not told of it before a probe went well."""
        pod = self.pod_at(one.server, one.opened_ns)
        if pod is None or not self.settings.get("readiness"):
            return False
        has_listened = any(what == "listen" for _, what in pod.before(one.opened_ns))
        return pod.state(one.refused_ns or one.opened_ns) == "new" and not has_listened

    def _fate_of_connect(self, one: Connection) -> Fate:
        at = one.refused_ns or one.opened_ns
        pod = self.pod_at(one.server, at)
        if one.accepted_ns is None:
            return Fate("refused" if one.refused_ns else "silence", at, pod)
        # The kernel accepted it, the application never did, or was too late.
        ended = one.ended_by_server_ns
        return Fate("cut before it was asked", ended, pod) if ended else Fate("unasked", at, pod)

    def _fate_of_request(self, one: Connection, request: Asked) -> Fate:
        pod = self.pod_at(one.server, request.at_ns)
        ended = one.ended_by_server_ns
        if request.answered_ns and (request.status or 0) >= 400:
            return Fate("answered", request.answered_ns, pod, request)
        if ended and (one.client_closed_ns is None or ended <= one.client_closed_ns):
            reused = one.asked.index(request) > 0
            what = "cut in the answer" if request.answered_ns else "cut on a reused connection" if reused else "cut"
            return Fate(what, ended, pod, request)
        return Fate("waiting", one.client_closed_ns or request.at_ns, pod, request)


def _nearest(
    rows: list[dict[str, Any]],
    units: list[tuple[int, int, Any]],
    distance: Callable[[dict[str, Any], int, int], int | None],
) -> dict[int, Any]:
    """Give each row the unit that it fits best, each unit to one row at most; nothing further off than 2 s.

    On a busy machine a proxy reads a request, and connects for it, long after it came.
    """
    units = sorted(units, key=lambda each: each[0])
    pairs = []
    for row in rows:
        for number, (at, end, _) in enumerate(units):
            if row["started_ns"] - 50 * MS <= at <= row["ended_ns"] + 50 * MS:
                cost = distance(row, at, end)
                if cost is not None and cost <= 2 * S:
                    pairs.append((cost, row["line"], number))
    found: dict[int, Any] = {}
    used: set[int] = set()
    for _, line, number in sorted(pairs):
        if line not in found and number not in used:
            found[line] = units[number][2]
            used.add(number)
    return found
