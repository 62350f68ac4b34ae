"""How long a path takes at least by its own design to learn of a removal, whatever was seen: the table of floors.

The numbers and where they come from stand in docs/guide/recommending.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil


@dataclass(frozen=True, slots=True)
class Part:
    """One step of a path, s. `is_recorded`: it was seen or configured in the recording, else it is a default."""

    name: str
    seconds: float
    is_recorded: bool = False


@dataclass(frozen=True, slots=True)
class Floor:
    """The sum of a path's steps, s."""

    parts: tuple[Part, ...]

    @property
    def seconds(self) -> float:
        """The sum."""
        return sum(part.seconds for part in self.parts)


WATCH = Part("the watch tells it", 0.2)
_NGINX_RELOADS = 2
"""A reload takes in what came before it began; a removal that comes during one waits for the next."""
_DEFAULTS: Mapping[str, tuple[Part, ...]] = {
    "kube-proxy": (Part("kube-proxy: minSyncPeriod", 1.0), Part("kube-proxy: writing the rules", 0.1)),
    "nginx": (Part("nginx: two reloads", 0.6),),
    "nginx-kic": (Part("nginx: two reloads", 0.6),),
    "ingress-nginx": (Part("ingress-nginx: sync queue, 0.3 a second", 3.33), Part("ingress-nginx: workers poll", 1.0)),
    "traefik": (Part("Traefik: providersThrottleDuration", 2.0),),
    "envoy": (Part("Envoy: push of endpoints", 0.2),),
    "haproxy": (Part("HAProxy: update of servers", 1.0),),
    "caddy": (Part("Caddy: upstreams looked up anew", 1.0),),
}
IDLE_S: Mapping[str, float] = {
    "nginx": 60.0, "nginx-kic": 60.0, "ingress-nginx": 60.0, "traefik": 90.0, "envoy": 3600.0, "haproxy": 5.0,
    "caddy": 120.0,
}
"""How long a proxy keeps an idle connection to a pod, by default, s: `keepalive_timeout` of nginx' upstreams,
`upstream-keepalive-timeout`, `idleConnTimeout`, `idle_timeout`, `pool-purge-delay`, `keepalive`."""
_IDLE_MARGIN_S = 5
LOAD_BALANCERS: Mapping[str, Part] = {
    "aws": Part("AWS load balancer: deregistration takes effect", 15.0),
    "gcp-neg": Part("Google Cloud NEG: endpoint detached", 20.0),
    "azure-appgw": Part("Azure Application Gateway: backend update", 40.0),
    "alibaba": Part("Alibaba Cloud load balancer: backend removed", 10.0),
}
"""Load balancers that send to pods themselves: what their makers and users report, by sign of it in the cluster."""


def floor(proxy: str, recorded: Mapping[str, float]) -> Floor:
    """Return the floor of a kind of path. `recorded` are parts known from the recording, s, by name."""
    parts = [WATCH]
    slowest = recorded.get("nginx: reload")
    for part in _DEFAULTS.get(proxy, ()):
        seconds = recorded.get(part.name)
        if slowest is not None and "reloads" in part.name:
            seconds = _NGINX_RELOADS * slowest
        parts.append(part if seconds is None else Part(part.name, seconds, is_recorded=True))
    parts += [LOAD_BALANCERS[name] for name in LOAD_BALANCERS if f"load balancer: {name}" in recorded]
    return Floor(tuple(parts))


def keepalive_s(proxies: Iterable[str], recorded: Mapping[str, float]) -> int | None:
    """Return how long a server must keep idle connections, s, so that each proxy closes them first; None if unknown.

    `recorded` holds `NAME: idle connections` where the configuration of a proxy was recorded.
    """
    known = [recorded.get(f"{proxy}: idle connections", IDLE_S.get(proxy)) for proxy in proxies]
    longest = max((each for each in known if each is not None), default=None)
    return None if longest is None else ceil(longest) + _IDLE_MARGIN_S
