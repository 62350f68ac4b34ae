"""What a packet capture of the lab shows: connections, the requests on them, and how each ended. Standard library only.

Two captures (the pods' bridge, the loopback) and conntrack's list of new connections; the last one names the pod that
kube-proxy chose, also for a SYN that no pod ever got.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

_CONNTRACK = re.compile(
    r"\[(\d+)\.(\d+)\]\s+\[NEW\] tcp .*? src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+) "
    r".*?src=(\S+) dst=(\S+) sport=(\d+) dport=(\d+)"
)
_REQUEST = re.compile(rb"^(?:GET|POST|PUT|HEAD|PATCH|DELETE) (\S+) HTTP/1")
_RESPONSE = re.compile(rb"^HTTP/1\.[01] (\d{3})")
_ID = re.compile(rb"(?im)^(?:X-Vegeta-Seq|X-Request-Id): *([\w.-]+)")
FIN, SYN, RST, ACK = 1, 2, 4, 16


@dataclass
class Asked:
    """One request on a connection, and the first bytes that came back."""

    at_ns: int
    id: str | None
    path: str
    answered_ns: int | None = None
    status: int | None = None
    bytes_back: int = 0
    length: int | None = None


@dataclass
class Connection:
    """One TCP connection; `server` is the pod (or the ingress), `client_port` the port that the client itself used."""

    opened_ns: int
    server: str
    server_port: int
    client_port: int
    accepted_ns: int | None = None
    refused_ns: int | None = None
    reset_ns: int | None = None
    server_closed_ns: int | None = None
    client_closed_ns: int | None = None
    asked: list[Asked] = field(default_factory=list)

    @property
    def ended_by_server_ns(self) -> int | None:
        """When the server ended it, by FIN or RST; None if it did not."""
        times = [at for at in (self.reset_ns, self.server_closed_ns) if at]
        return min(times) if times else None


def packets(path: Path) -> Iterator[tuple[int, str, int, str, int, int, bytes]]:
    """Yield (ns, source, port, destination, port, flags, payload) of each TCP packet over IPv4."""
    data = path.read_bytes()
    if len(data) < 24:
        return
    nano = data[:4] == b"\x4d\x3c\xb2\xa1"
    at = 24
    while at + 16 <= len(data):
        seconds, fraction, kept, _ = struct.unpack_from("<IIII", data, at)
        frame = data[at + 16 : at + 16 + kept]
        at += 16 + kept
        if len(frame) < 54 or frame[12:14] != b"\x08\x00" or frame[23] != 6:
            continue
        head = (frame[14] & 15) * 4
        total = int.from_bytes(frame[16:18], "big")
        tcp = 14 + head
        offset = (frame[tcp + 12] >> 4) * 4
        length = total - head - offset
        source, destination = (".".join(map(str, frame[place : place + 4])) for place in (26, 30))
        yield (
            seconds * 1_000_000_000 + (fraction if nano else fraction * 1000),
            source,
            int.from_bytes(frame[tcp : tcp + 2], "big"),
            destination,
            int.from_bytes(frame[tcp + 2 : tcp + 4], "big"),
            frame[tcp + 13],
            frame[tcp + offset :] if length > 0 else b"",
        )


def tracked(path: Path) -> list[tuple[int, int, str, int, str, int, int]]:
    """Return conntrack's new connections.

    (ns, client's port, address and port that it asked for, real server and its port, port that the server sees).
    """
    found = []
    for line in path.read_text().splitlines():
        if each := _CONNTRACK.search(line):
            at = int(each[1]) * 1_000_000_000 + int(each[2].ljust(9, "0"))
            found.append((at, int(each[5]), each[4], int(each[6]), each[7], int(each[9]), int(each[10])))
    return found


def connections(capture: Path, server_port: int, tracking: Path | None = None) -> list[Connection]:
    """Return the connections to a port, in the order of their beginnings, with what became of each."""
    found: list[Connection] = []
    current: dict[tuple[str, int], Connection] = {}
    client_of = _own_ports(tracking, server_port)
    for at, source, source_port, destination, destination_port, flags, payload in packets(capture):
        if server_port not in (source_port, destination_port):
            continue
        is_request = destination_port == server_port
        key = (destination, client_of(destination, source_port, at)) if is_request else (source, destination_port)
        one = current.get(key)
        if is_request and flags & SYN:
            # A SYN that nobody answered is sent again: that is the same connection.
            if one is None or one.accepted_ns or one.refused_ns or at - one.opened_ns > 60_000_000_000:
                current[key] = Connection(at, key[0], server_port, key[1])
                found.append(current[key])
            continue
        if one is None:
            one = current[key] = Connection(at, key[0], server_port, key[1], accepted_ns=at)
            found.append(one)
        (_from_client if is_request else _from_server)(one, at, flags, payload)
    if tracking:
        found += _never_sent(found, tracking, server_port)
    return sorted(found, key=lambda each: each.opened_ns)


def _own_ports(tracking: Path | None, server_port: int) -> Callable[[str, int, int], int]:
    """Return how to tell the client's own port from the one that a server sees: kube-proxy may have masked it."""
    seen: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for at, client_port, _, _, server, port, seen_port in tracked(tracking) if tracking else ():
        if port == server_port:
            seen.setdefault((server, seen_port), []).append((at, client_port))

    def client_of(server: str, port: int, at: int) -> int:
        known = [client for when, client in seen.get((server, port), ()) if when <= at + 50_000_000]
        return known[-1] if known else port

    return client_of


def _never_sent(seen: list[Connection], tracking: Path, server_port: int) -> list[Connection]:
    """Return the connections that conntrack knows and no wire carried: nobody answered for the pod's address."""
    starts: dict[tuple[str, int], list[int]] = {}
    for each in seen:
        starts.setdefault((each.server, each.client_port), []).append(each.opened_ns)
    return [
        Connection(at, server, port, client_port)
        for at, client_port, _, _, server, port, _ in tracked(tracking)
        if port == server_port
        and not any(abs(at - start) < 200_000_000 for start in starts.get((server, client_port), ()))
    ]


def _from_client(one: Connection, at: int, flags: int, payload: bytes) -> None:
    if request := _REQUEST.match(payload):
        found = _ID.search(payload)
        asked = Asked(at, found[1].decode() if found else None, request[1].decode(errors="replace"))
        # What nobody acknowledged is sent again.
        if not (one.asked and one.asked[-1].answered_ns is None and one.asked[-1].id == asked.id):
            one.asked.append(asked)
    if flags & (FIN | RST) and one.client_closed_ns is None:
        one.client_closed_ns = at


def _from_server(one: Connection, at: int, flags: int, payload: bytes) -> None:
    if flags & SYN:
        one.accepted_ns = one.accepted_ns or at
        return
    if payload and one.asked:
        last = one.asked[-1]
        last.bytes_back += len(payload)
        if last.answered_ns is None:
            last.answered_ns = at
            response = _RESPONSE.match(payload)
            last.status = int(response[1]) if response else None
    if flags & RST:
        if one.accepted_ns is None:
            one.refused_ns = one.refused_ns or at
        else:
            one.reset_ns = one.reset_ns or at
    elif flags & FIN:
        one.server_closed_ns = one.server_closed_ns or at
