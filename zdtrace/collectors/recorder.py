"""Everything that listens while a recording is made, started and stopped together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.collectors.clocks import Bounds, ClockSampler
from zdtrace.collectors.desk import Desk, Scope
from zdtrace.collectors.labels import requirements
from zdtrace.collectors.logs import Follower, containers
from zdtrace.collectors.resources import CONFIG_MAPS, OF_CONTROLLERS, PODS, RESOURCES, Resource
from zdtrace.collectors.scope import Everything, Touched
from zdtrace.collectors.settings import NodeSettings, read_proxy_settings
from zdtrace.collectors.watching import Watcher
from zdtrace.errors import UsageError
from zdtrace.recording.journal import Journal
from zdtrace.recording.redaction import DEFAULT, Policy
from zdtrace.recording.versions import masked

_READY_S = 20.0
_JOIN_S = 3.0
_CONFIG_MAP_FLAG = ("configmap", "nginx-configmaps")


@dataclass(frozen=True, slots=True)
class Ingress:
    """Where an ingress controller runs: a namespace and, when more runs there, a label selector."""

    namespace: str
    selector: str | None = None

    @classmethod
    def parsed(cls, text: str) -> Ingress:
        """Read `NAMESPACE` or `NAMESPACE/SELECTOR`. Raises UsageError."""
        namespace, _, selector = text.partition("/")
        if not namespace or not namespace.replace("-", "").isalnum():
            raise UsageError(
                f"`--ingress {text}` is not understood", hint="write it as NAMESPACE or NAMESPACE/app=nginx-ingress"
            )
        requirements(selector)
        return cls(namespace, selector or None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be recorded. `namespace` null means all of them; logs are read from `logs_from_ns` on, or from now."""

    namespace: str | None
    selector: str | None = None
    everything: bool = False
    ingresses: tuple[Ingress, ...] = ()
    policy: Policy = DEFAULT
    logs_from_ns: int | None = None


class Recorder:
    """Listens from `start` to `stop`. `warn` hears, once, of each source that will be missing."""

    def __init__(self, api: Api, journal: Journal, wanted: Wanted, warn: Callable[[str], None]) -> None:
        self._api = api
        self._journal = journal
        self._wanted = wanted
        self._warn = warn
        scope: Scope
        if wanted.everything:
            scope = Everything()
        else:
            scope = touched = Touched(wanted.selector)
            touched.take = self._take_late
        self._node_settings = NodeSettings(api, self._take_late)
        self.desk = Desk(journal, _Nodes(scope, self._node_settings), wanted.policy)
        self.watchers = [self._watcher(each) for each in RESOURCES]
        self.followers: dict[tuple[str, str, str], Follower] = {}
        self._lock = threading.Lock()
        self._controllers = [self._controller(each) for each in wanted.ingresses]
        self._clocks = [ClockSampler("apiserver", self._api_date, self._tell_clock)]

    def _watcher(self, resource: Any) -> Watcher:
        wanted = self._wanted
        selectors = {"labelSelector": wanted.selector} if wanted.selector and resource.name == "pods" else None
        return Watcher(self._api, self.desk, resource, wanted.namespace, selectors=selectors, warn=self._warn)

    def sample_clock(self, name: str, ask: Callable[[], str | None]) -> None:
        """Sample one more clock; before `start`."""
        self._clocks.append(ClockSampler(name, ask, self._tell_clock))

    def start(self) -> list[str]:
        """Begin to listen and wait until all do; returns the sources that still do not."""
        every = [*self.watchers, *(watcher for each in self._controllers for watcher in each.watchers)]
        for thread in [*every, *self._clocks, self._node_settings]:
            thread.start()
        read_proxy_settings(self._api, self._take_late, self._warn)
        deadline = time.monotonic() + _READY_S
        for each in every:
            each.ready.wait(max(0.0, deadline - time.monotonic()))
        return [each.subject for each in every if not each.ready.is_set()]

    def stop(self) -> None:
        """End all listening; everything heard is in the journal then."""
        with self._lock:
            followers = list(self.followers.values())
            of_controllers = [watcher for each in self._controllers for watcher in each.watchers]
        threads: list[Watcher | Follower | ClockSampler | NodeSettings] = [
            *self.watchers, *of_controllers, *followers, *self._clocks, self._node_settings,
        ]
        for thread in threads:
            thread.stop()
        for thread in threads:
            thread.join(_JOIN_S)
        self.desk.close()
        for each in self._controllers:
            each.desk.close()

    @property
    def troubles(self) -> list[str]:
        """Return what went wrong on our side: objects and lines that could not be read."""
        desks = [self.desk, *(each.desk for each in self._controllers)]
        found = [words for desk in desks for words in desk.failures]
        unreadable = sum(desk.unreadable for desk in desks)
        return [*found, *([f"{unreadable} lines of watches could not be read"] if unreadable else [])]

    def _take_late(self, found: dict[str, Any]) -> None:
        """Take what is only now known to belong; a node, say, that was listed before the first pod on it."""
        if found.get("kind") == "Node":
            self._node_settings.note(found)
        self._journal.saw(time.time_ns(), "LISTED", masked(found, self._wanted.policy))

    def _tell_clock(self, clock: str, at_ns: int, bounds: Bounds) -> None:
        self._journal.note(clock={
            "sampled_at_ns": at_ns, "clock": clock, "reference": "recorder", "offset_lo_ns": bounds.lo_ns,
            "offset_hi_ns": bounds.hi_ns, "method": "http_date",
        })

    def _api_date(self) -> str | None:
        try:
            answer = self._api.open("/version")
        except ApiFailure:
            return None
        date = answer.headers.get("Date")
        for _ in answer.chunks():
            pass
        answer.close()
        return date

    def _controller(self, ingress: Ingress) -> _Controller:
        return _Controller(self, ingress)

    def follow(self, pod: dict[str, Any], since_ns: int) -> None:
        """Follow the log of each of a pod's containers, also of those that were started anew."""
        for container in containers(pod):
            key = (container.namespace, container.pod, container.name)
            with self._lock:
                follower = self.followers.get(key)
                if follower is None:
                    follower = Follower(self._api, self._journal, container, since_ns, warn=self._warn)
                    self.followers[key] = follower
                    self._journal.is_of(follower.formats)
                    follower.start()
            follower.restarted(container.restarts)

    def unfollow(self, namespace: str, pod: str) -> None:
        """Expect no more from the logs of a pod that is gone."""
        with self._lock:
            for (home, name, _), follower in self.followers.items():
                if (home, name) == (namespace, pod):
                    follower.gone()


class _Nodes:
    """A scope that tells of each node that belongs."""

    def __init__(self, scope: Scope, settings: NodeSettings) -> None:
        self._scope = scope
        self._settings = settings
        self.looks_again = scope.looks_again

    def wants(self, event_type: str, found: dict[str, Any]) -> bool:
        """Ask the scope."""
        is_wanted = self._scope.wants(event_type, found)
        if is_wanted and found.get("kind") == "Node":
            self._settings.note(found)
        return is_wanted


class _Controller:
    """An ingress controller: its pods, what makes them and what is told of them are recorded, their logs followed."""

    looks_again = True
    """Its containers are followed as their status says."""

    def __init__(self, recorder: Recorder, ingress: Ingress) -> None:
        self._recorder = recorder
        self._since_ns = recorder._wanted.logs_from_ns or time.time_ns()
        self._config_maps: set[tuple[str, str]] = set()
        wanted = recorder._wanted
        self._is_wanted = bool(wanted.selector) or wanted.namespace not in (None, ingress.namespace)
        self._touched = Touched(ingress.selector)
        self._touched.take = recorder._take_late
        self.desk = Desk(recorder._journal, self, recorder._wanted.policy)
        selectors = {"labelSelector": ingress.selector} if ingress.selector else None
        self.watchers = [self._watcher(PODS, ingress.namespace, selectors)]
        if self._is_wanted:
            self.watchers += [self._watcher(each, ingress.namespace) for each in OF_CONTROLLERS]

    def _watcher(
        self, resource: Resource, namespace: str, selectors: dict[str, str] | None = None, subject: str | None = None
    ) -> Watcher:
        recorder = self._recorder
        return Watcher(
            recorder._api, self.desk, resource, namespace, selectors=selectors,
            subject=subject or f"ingress {resource.name} of {namespace}", warn=recorder._warn,
        )

    def wants(self, event_type: str, found: dict[str, Any]) -> bool:
        """Follow the pod. It belongs to the recording, unless it is recorded with all of its namespace anyway."""
        if found.get("kind") == CONFIG_MAPS.kind:
            return True
        if found.get("kind") == PODS.kind:
            metadata = found.get("metadata") or {}
            if event_type == "DELETED":
                self._recorder.unfollow(str(metadata.get("namespace")), str(metadata.get("name")))
            else:
                self._recorder.follow(found, self._since_ns)
                self._listen_to_settings(found)
        return self._is_wanted and self._touched.wants(event_type, found)

    def _listen_to_settings(self, pod: dict[str, Any]) -> None:
        """Listen to the ConfigMaps that a controller's pod names: how it writes its log stands there."""
        for namespace, name in config_maps(pod):
            if (namespace, name) in self._config_maps:
                continue
            self._config_maps.add((namespace, name))
            # A right to one ConfigMap is a right to watch it by its name.
            watcher = self._watcher(
                CONFIG_MAPS, namespace, {"fieldSelector": f"metadata.name={name}"}, f"settings {namespace}/{name}"
            )
            self.watchers.append(watcher)
            watcher.start()


def config_maps(pod: dict[str, Any]) -> list[tuple[str, str]]:
    """Return namespace and name of the ConfigMaps that a controller's arguments name."""
    namespace = str((pod.get("metadata") or {}).get("namespace"))
    found = []
    for container in (pod.get("spec") or {}).get("containers") or ():
        for word in [*(container.get("command") or ()), *(container.get("args") or ())]:
            flag, _, value = str(word).lstrip("-").partition("=")
            if flag in _CONFIG_MAP_FLAG and value:
                home, _, name = value.replace("$(POD_NAMESPACE)", namespace).rpartition("/")
                found.append((home or namespace, name))
    return found
