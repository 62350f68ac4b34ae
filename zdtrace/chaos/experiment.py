"""An experiment as its file says it: the target, the load, what is steady, what is done, when to stop, what to report.

`reports/schema/experiment-1.json` is the contract of the file; a test holds it against what is read here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.analysis.limits import limits
from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.actions.base import Action, Controller
from zdtrace.chaos.cluster import Ref
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.hours import Hours
from zdtrace.chaos.workloads import parse_workload
from zdtrace.collectors.labels import requirements
from zdtrace.collectors.load import is_read_live, tool_of
from zdtrace.errors import UsageError

VERSION = 1
_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?")
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Our own load test. `address` is connected to in place of the URL's host."""

    url: str
    rate: float = 50.0
    address: str | None = None
    headers: tuple[str, ...] = ()
    timeout_s: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What sends requests: a command, our probe, or both. `requests` is the log that a command writes by itself."""

    command: tuple[str, ...] = ()
    requests: Path | None = None
    probe: Probe | None = None

    @property
    def is_seen(self) -> bool:
        """Whether requests can be looked at while they are sent. A log that is said is: its lines must show it."""
        return self.probe is not None or self.requests is not None or is_read_live(self.command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Steady:
    """What must hold for `for_s` before anything is done, and again at the end. Null limits are not looked at."""

    for_s: float = 10.0
    failed_ratio: float | None = 0.0
    p50_ms: float | None = None
    p90_ms: float | None = None
    p99_ms: float | None = None
    ready_replicas: int | None = None

    @property
    def quantiles_ms(self) -> dict[float, float]:
        """Limits of latency by quantile."""
        every = {0.5: self.p50_ms, 0.9: self.p90_ms, 0.99: self.p99_ms}
        return {quantile: limit for quantile, limit in every.items() if limit is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """What ends the experiment at once. Requests are counted over the last `over_s`; null limits are not looked at."""

    failed_requests: int | None = None
    failed_ratio: float | None = None
    p99_ms: float | None = None
    over_s: float = 10.0
    ready_replicas: int | None = None
    api_lost_s: float = 1.0

    @property
    def watches_requests(self) -> bool:
        """Whether requests must be looked at while they are sent."""
        return any(each is not None for each in (self.failed_requests, self.failed_ratio, self.p99_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Safety:
    """What is opted in beside labels, and what is never exceeded."""

    namespaces: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    min_ready: int = 1
    max_share: float = 0.5
    quiet_hours: tuple[Hours, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Where results go, what the gate is, how many runs its history shows, and how many stay at all (null: all)."""

    folder: Path = Path("chaos-runs")
    fail_on: tuple[str, ...] = ("failed>0",)
    history: int = 10
    keep: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One action of the experiment, and how long to wait when it is done."""

    action: Action
    pause_s: float = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    """A whole file. `selector` narrows which pods of the target may be touched."""

    name: str
    target: Ref
    selector: str | None
    controllers: tuple[Controller, ...]
    load: Load
    steady: Steady
    actions: tuple[Done, ...]
    repeat: int = 1
    repeat_pause_s: float = 30.0
    observe_s: float = 10.0
    abort: Abort = Abort()
    safety: Safety = Safety()
    report: Report = Report()
    title: str | None = None


def read_experiment(path: Path, *, namespace: str | None = None) -> Experiment:
    """Read a file; `namespace` is meant when it says none. Raises UsageError with the name of the field."""
    import yaml

    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except OSError as error:
        words = f"`{path}` cannot be read: {error.strerror}"
        raise UsageError(words, hint="`zdtrace chaos init` writes one") from error
    if len(text) > _MOST_BYTES:
        raise UsageError(f"`{path}` is larger than any experiment")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        words = " ".join(str(error).split())[:200]
        raise UsageError(f"`{path}` is no YAML: {words}", hint="`zdtrace chaos init` writes one that is") from error
    if not isinstance(found, Mapping):
        raise UsageError(f"`{path}` is no experiment", hint="`zdtrace chaos init` writes one")
    return parse_experiment(found, namespace=namespace or "default")


def parse_experiment(found: Mapping[Any, Any], *, namespace: str = "default") -> Experiment:
    """Read what a file holds. Raises UsageError with the name of the field."""
    whole = Fields(found, "")
    if whole.take("zdtrace", None) != VERSION:
        words = "`zdtrace` does not say which version the file is of"
        raise UsageError(words, hint=f"begin it with zdtrace: {VERSION}")
    name = whole.text("name")
    if not _NAME.fullmatch(name):
        whole.refuse("name", f"`{name}` is no name", hint="letters a to z, digits and `-`, at most 42")
    title = whole.text("title", None)
    target, selector = _target(whole.fields("target"), namespace)
    experiment = Experiment(
        name=name, title=title, target=target, selector=selector, controllers=_controllers(whole),
        load=_load(whole.fields("load")), steady=_steady(whole.fields("steadyState")), actions=_actions(whole),
        **_repeat(whole.fields("repeat")), observe_s=whole.seconds("observe", 10.0),
        abort=_abort(whole.fields("abort")), safety=_safety(whole.fields("safety")),
        report=_report(whole.fields("report")),
    )
    whole.end()
    _check_watching(experiment)
    return experiment


def _check_watching(experiment: Experiment) -> None:
    """Refuse limits that could never be exceeded, because nobody would see it."""
    load = experiment.load
    if experiment.abort.watches_requests:
        field = "abort"
    elif experiment.steady.quantiles_ms:
        field = "steadyState"
    else:
        return
    if not (load.command or load.probe):
        raise UsageError(f"`{field}` counts requests, and nothing sends any", hint="add `load.probe` or `load.command`")
    if not load.is_seen:
        raise UsageError(
            f"`{field}` counts requests while they are sent, and the log of `{tool_of(load.command)}` cannot be read "
            "before it ends",
            hint="add `load.probe`, which sends beside it, or use fortio, k6 or `zdtrace probe`",
        )


def _target(fields: Fields, namespace: str) -> tuple[Ref, str | None]:
    home = fields.name("namespace", namespace)
    target = parse_workload(fields.text("workload"), home)
    selector = fields.text("selector", None)
    requirements(selector or "")
    fields.end()
    return target, selector


def _controllers(whole: Fields) -> tuple[Controller, ...]:
    found = []
    for number, each in enumerate(whole.items("ingress")):
        fields = Fields({"namespace": each} if isinstance(each, str) else each, f"ingress[{number}]")
        home = fields.name("namespace")
        said = fields.text("workload", None)
        fields.end()
        found.append(Controller(namespace=home, workload=parse_workload(said, home) if said else None))
    return tuple(found)


def _load(fields: Fields) -> Load:
    said = fields.take("command", ())
    command = shlex.split(said) if isinstance(said, str) else said
    if not isinstance(command, list | tuple) or not all(isinstance(each, str | int | float) for each in command):
        fields.refuse("command", "is no list of words")
    requests = fields.text("requests", None)
    if requests is not None and not command:
        fields.refuse("requests", "is the log of a command, and there is none")
    probe = _probe(fields.fields("probe")) if fields.has("probe") else None
    fields.end()
    return Load(command=tuple(map(str, command)), requests=Path(requests) if requests else None, probe=probe)


def _probe(fields: Fields) -> Probe:
    probe = Probe(
        url=fields.text("url"), rate=fields.number("rate", 50.0), address=fields.text("resolve", None),
        headers=fields.texts("headers"), timeout_s=fields.seconds("timeout", 10.0),
    )
    fields.end()
    return probe


def _steady(fields: Fields) -> Steady:
    steady = Steady(
        for_s=fields.seconds("for", 10.0), failed_ratio=fields.share("failedRatio", 0.0), p50_ms=_ms(fields, "p50"),
        p90_ms=_ms(fields, "p90"), p99_ms=_ms(fields, "p99"), ready_replicas=fields.whole("readyReplicas", None),
    )
    fields.end()
    return steady


def _abort(fields: Fields) -> Abort:
    abort = Abort(
        failed_requests=fields.whole("failedRequests", None, least=1), failed_ratio=fields.share("failedRatio", None),
        p99_ms=_ms(fields, "p99"), over_s=fields.seconds("over", 10.0),
        ready_replicas=fields.whole("readyReplicas", None), api_lost_s=fields.seconds("apiLostFor", 1.0),
    )
    fields.end()
    return abort


def _ms(fields: Fields, name: str) -> float | None:
    found = fields.seconds(name, None)
    return None if found is None else float(found) * 1000


def _safety(fields: Fields) -> Safety:
    zone = fields.text("timeZone", "UTC")
    quiet = tuple(Hours.read(each, zone) for each in fields.every("quietHours"))
    safety = Safety(
        namespaces=fields.texts("namespaces"), nodes=fields.texts("nodes"), min_ready=fields.whole("minReady", 1),
        max_share=fields.share("maxShare", 0.5), quiet_hours=quiet,
    )
    fields.end()
    return safety


def _report(fields: Fields) -> Report:
    report = Report(
        folder=Path(fields.text("folder", "chaos-runs")), fail_on=fields.texts("failOn") or ("failed>0",),
        history=fields.whole("history", 10), keep=fields.whole("keep", None, least=1),
    )
    limits(report.fail_on)
    fields.end()
    return report


def _repeat(fields: Fields) -> dict[str, Any]:
    found = {"repeat": fields.whole("times", 1, least=1), "repeat_pause_s": fields.seconds("pause", 30.0)}
    fields.end()
    return found


def _actions(whole: Fields) -> tuple[Done, ...]:
    found = [_action(each, f"actions[{number}]") for number, each in enumerate(whole.items("actions"))]
    if not found:
        whole.refuse("actions", "names nothing to do", hint=f"there are {', '.join(ACTIONS)}")
    return tuple(found)


def _action(found: object, path: str) -> Done:
    """Read `- deletePods: {count: 1}`, or `- rolloutRestart` where nothing is to be said."""
    if isinstance(found, str):
        found = {found: {}}
    if not isinstance(found, Mapping) or len(found) != 1:
        raise UsageError(f"`{path}` is no action", hint="write it as - deletePods: {count: 1}, one a line")
    ((name, settings),) = found.items()
    kind = ACTIONS.get(str(name))
    if kind is None:
        raise UsageError(f"`{path}`: there is no action `{name}`", hint=f"there are {', '.join(ACTIONS)}")
    fields = Fields(settings, f"{path}.{name}")
    pause_s = fields.seconds("pause", 5.0)
    action = kind.read(fields)
    fields.end()
    return Done(action=action, pause_s=pause_s)
