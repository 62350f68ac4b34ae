"""What recordings tell of one workload, for the question how long its preStop must be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import Any

from zdtrace.analysis.draining import Drain, drain_of
from zdtrace.analysis.engine import Engine
from zdtrace.analysis.propagation import PodEvidence
from zdtrace.errors import UsageError

LEAST_PODS = 2
_SIDECAR_DRAIN_S: Mapping[str, float] = {"istio-proxy": 5.0, "linkerd-proxy": 0.0, "consul-dataplane": 5.0}


@dataclass(frozen=True, slots=True)
class Facts:
    """One workload in all its recordings; times are seconds.

    `evidence` and `rows` are the same pods and paths, those that ended without a gap; `ended` counts all.
    `answer_s` is how long all but one of 1000 good answers took at most; `step_s` the time from one pod's end to the
    next; `proxies` are the kinds of which lines were recorded.
    """

    workload: str
    requests: int
    near_misses: int
    evidence: tuple[PodEvidence, ...]
    rows: tuple[Mapping[str, Any], ...]
    verdicts: tuple[Mapping[str, Any], ...]
    ended: int
    lag_count: int
    prestop_s: float | None
    grace_s: int | None
    answer_s: float
    delays: Mapping[str, float]
    proxies: tuple[str, ...]
    manifest: Mapping[str, Any] | None
    versions: Versions
    has_failed_hook: bool
    is_node_shutdown: bool

    @property
    def kind(self) -> str:
        """Kind of the workload."""
        return self.workload.split("/")[1]

    def drain(self, confidence: float, coverage: float) -> Drain:
        """Return the bound of what the application takes to finish after SIGTERM."""
        pods = ((each.block, row) for each, row in zip(self.evidence, self.rows, strict=True))
        return drain_of(pods, self.answer_s, confidence, coverage)

    @property
    def is_cutting(self) -> bool:
        """Whether the application breaks off what runs at SIGTERM."""
        return any(row["cut_count"] for row in self.rows)

    @property
    def is_serving_on(self) -> bool:
        """Whether it took requests after SIGTERM, answered them, and refused none: it waits for the end by itself."""
        return any(row["served_count"] for row in self.rows) and not any(
            row["refused_count"] or row["cut_count"] for row in self.rows
        )

    @property
    def pinned_count(self) -> int:
        """Requests to ending pods over connections that may have been older."""
        return sum(row["pinned_count"] for row in self.rows)

    @property
    def silent_paths(self) -> tuple[str, ...]:
        """Paths on which no pod that ended was ever seen to be chosen, and whose own log says nothing either."""
        paths: dict[str, bool] = {}
        for each in self.evidence:
            paths[each.path] = paths.get(each.path, False) or each.is_exercised
        return tuple(sorted(path for path, is_exercised in paths.items() if not is_exercised))

    @property
    def blocks(self) -> Mapping[tuple[str, int], int]:
        """How many pods ended in each block."""
        pods = {(each.block, row["pod_uid"]) for each, row in zip(self.evidence, self.rows, strict=True)}
        found: dict[tuple[str, int], int] = {}
        for block, _ in pods:
            found[block] = found.get(block, 0) + 1
        return found

    @property
    def pods_per_block(self) -> float:
        """How many pods one rollout ends; the median."""
        return median(self.blocks.values()) if self.blocks else 0

    @property
    def step_s(self) -> float:
        """How long after one pod's end the next began to end; the median, 0 when no two of a block ended."""
        ends: dict[tuple[str, int], set[int]] = {}
        for each, row in zip(self.evidence, self.rows, strict=True):
            ends.setdefault(each.block, set()).add(row["killed_lo_ns"])
        steps = [
            (later - earlier) / 1e9
            for block in ends.values() for earlier, later in zip(sorted(block), sorted(block)[1:], strict=False)
        ]
        return median(steps) if steps else 0.0

    @property
    def sidecar_s(self) -> float:
        """How long sidecars that are known to drain by themselves take for it."""
        containers = pod_spec(self.manifest).get("containers") or [] if self.manifest else []
        return max((_SIDECAR_DRAIN_S.get(str(each.get("name")), 0.0) for each in containers), default=0.0)

    def doubts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Return why nothing can be said of the path, and what to record instead; both empty when something can."""
        found = list(self._doubts())
        return tuple(reason for reason, _ in found), tuple(wanted for _, wanted in found)

    def _doubts(self) -> Iterable[tuple[str, str]]:
        if not self.requests:
            yield "no request was recorded", "a load test while the workload is rolled out"
            return
        if not self.ended:
            yield "no pod of the workload was seen to end", "a rollout under load, with the workload's pods watched"
            return
        if not self.evidence:
            yield (
                "the watch had a gap while the pods ended",
                "the rollout again, with a watch that holds; `zdtrace analyze` names the gap",
            )
            return
        useful = [each for each in self.evidence if each.is_exercised]
        if not useful:
            yield (
                "no path says which pods it chose",
                "the proxy's access log with upstream addresses, or kube-proxy's log (-v=2) for the Service",
            )
            return
        watched = [
            each for each in useful if each.settled_s is not None
            or (inf if each.observed_s is None else each.observed_s) > (each.signalled_hi_s or 0.0)
        ]
        if not watched:
            yield "no request was sent after SIGTERM", "load that goes on for a minute after the last pod was replaced"
        if len({row["pod_uid"] for row in self.rows}) < LEAST_PODS:
            yield (
                "a single pod was seen to end",
                "a whole rollout (kubectl rollout restart) under load, best several of them",
            )


@dataclass(frozen=True, slots=True)
class Versions:
    """Minor versions of Kubernetes that were recorded: of the API server, None when unknown, and of the kubelets."""

    server: int | None
    kubelets: tuple[int, ...]


def pod_spec(manifest: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the pod's spec in a manifest of a workload, or of a pod."""
    spec = manifest.get("spec") or {}
    found = spec if manifest.get("kind") == "Pod" else ((spec.get("template") or {}).get("spec") or {})
    return found if isinstance(found, Mapping) else {}


def choose(engines: Sequence[Engine], workload: str | None, namespace: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the workload, `namespace/kind/name`, that is meant, or that lost most; and others that lost requests.

    Raises UsageError when no pod belongs to the one that is named, or when its name stands for several.
    """
    lost: dict[str, int] = {}
    for engine in engines:
        for row in engine.rows(_WORKLOADS):
            lost[row["workload"]] = lost.get(row["workload"], 0) + row["failed_count"]
    candidates = [name for name in lost if _is_meant(name, workload, namespace)]
    if not candidates:
        asked = workload or (f"namespace {namespace}" if namespace else "")
        known = ", ".join(sorted(lost)) or "none"
        raise UsageError(
            f"no pod of `{asked}` was recorded" if asked else "no pod of any workload was recorded",
            hint=f"workloads of the recordings: {known}" if lost else
            "record the cluster too: `zdtrace record`, or `zdtrace import` a watch of pods, endpointslices and events",
        )
    if workload and len(candidates) > 1:
        several = " or ".join(sorted(candidates))
        raise UsageError(f"`{workload}` may be {several}", hint="name it as namespace/kind/name")
    first, *rest = sorted(candidates, key=lambda name: (-lost[name], name))
    return first, tuple(name for name in rest if lost[name])


def _is_meant(name: str, workload: str | None, namespace: str | None) -> bool:
    own, kind, short = name.split("/", 2)
    if namespace is not None and own != namespace:
        return False
    if workload is None:
        return True
    wanted = workload.lower()
    return wanted in (name.lower(), f"{kind}/{short}".lower(), short.lower())


def facts_of(engines: Sequence[Engine], workload: str) -> Facts:
    """Return what all recordings together tell of a workload. The newest pod tells its present settings."""
    evidence: list[PodEvidence] = []
    rows: list[Mapping[str, Any]] = []
    ended = 0
    verdicts: list[Mapping[str, Any]] = []
    delays: dict[str, float] = {}
    lag = near = requests = 0
    named = {"workload": workload}
    for number, engine in enumerate(engines):
        engine.make("findings.near_misses")
        found = engine.rows(f"from findings.prestop_evidence where {_NAMED} order by killed_lo_ns, path", named)
        ended += len(found)
        whole = [row for row in found if not row["has_gap"]]
        rows += whole
        evidence += [PodEvidence.from_row(f"{number}:{engine.recording.name}", row) for row in whole]
        verdicts += engine.rows(_VERDICTS, named)
        for row in engine.rows("from findings.path_delays"):
            delays[row["step"]] = max(row["seconds_s"] or 0.0, delays.get(row["step"], 0.0))
        counts = engine.rows(_COUNTS, named)[0]
        requests += counts["request_count"]
        near += counts["near_miss_count"]
        lag += counts["lag_count"]
    answers = [engine.rows("from findings.answer_times")[0] for engine in engines]
    pods = [pod for engine in engines for pod in engine.rows(_NEWEST, named)]
    newest = max(pods, key=lambda pod: pod["created_lo_ns"] or 0)
    return Facts(
        workload=workload,
        requests=requests,
        near_misses=near,
        evidence=tuple(evidence),
        rows=tuple(rows),
        verdicts=tuple(verdicts),
        ended=ended,
        lag_count=lag,
        prestop_s=newest["prestop_s"],
        grace_s=newest["grace_s"],
        answer_s=max(row["usual_s"] or 0.0 for row in answers),
        delays=delays,
        proxies=tuple(sorted({row["proxy"] for engine in engines for row in engine.rows(_PROXIES)})),
        manifest=_manifest(engines, workload),
        versions=_versions(engines),
        has_failed_hook=any(pod["has_failed_prestop"] for pod in pods),
        is_node_shutdown=any(pod["is_node_shutdown"] for pod in pods),
    )


_PROXIES = "select distinct proxy from timeline.proxy_lines where proxy is not null"
_NAMED = "namespace || '/' || workload = $workload"
_WORKLOADS = """
    select
        pod_lifecycles.namespace || '/' || pod_lifecycles.workload as workload,
        (
            select count(*) from findings.prestop_effects
            where list_contains(workloads, pod_lifecycles.namespace || '/' || pod_lifecycles.workload)
        ) * 1000000 + count(pod_lifecycles.killed_lo_ns) as failed_count
    from timeline.pod_lifecycles group by pod_lifecycles.namespace, pod_lifecycles.workload
"""
_VERDICTS = """
    select cause, tier, runner_up, count(*) as failed_count from findings.prestop_effects
    where workloads is null or list_contains(workloads, $workload)
    group by cause, tier, runner_up order by cause, tier, runner_up
"""
_COUNTS = """
    with near as (
        select distinct near_misses.request_id, near_misses.cause from findings.near_misses
        inner join causes.every using (request_id, attempt, cause)
        inner join timeline.pod_lifecycles on every.pod_uid = pod_lifecycles.pod_uid
        where pod_lifecycles.namespace || '/' || pod_lifecycles.workload = $workload
    ),
    helped as (select unnest(['endpoint_lag_refused', 'endpoint_lag_blackhole', 'inflight_cut_sigterm']) as cause)
    select
        (select request_count from findings.totals) as request_count,
        (select count(distinct request_id) from near) as near_miss_count,
        (select count(*) from near inner join helped using (cause))
        + (
            select count(*) from findings.prestop_effects inner join helped using (cause)
            where list_contains(workloads, $workload)
        ) as lag_count
"""
_NEWEST = f"""
    select
        max(created_lo_ns) as created_lo_ns,
        max_by(coalesce(prestop_s, -1), created_lo_ns) as hook_s,
        nullif(max_by(coalesce(prestop_s, -1), created_lo_ns), -1) as prestop_s,
        max_by(grace_s, created_lo_ns) as grace_s,
        coalesce(bool_or(has_failed_prestop), false) as has_failed_prestop,
        coalesce(bool_or(disruption = 'TerminationByKubelet'), false) as is_node_shutdown
    from timeline.pod_lifecycles where {_NAMED} having count(*) > 0
"""
_MANIFEST = """
    select object, observed_at_ns from recording.objects
    where namespace = $namespace and kind = $kind and name = $name and event_type <> 'DELETED'
    order by observed_at_ns desc nulls last, try_cast(resource_version as ubigint) desc nulls last limit 1
"""
_NEWEST_POD = f"""
    select objects.object, objects.observed_at_ns from recording.objects
    inner join timeline.pod_lifecycles on objects.uid = pod_lifecycles.pod_uid
    where pod_lifecycles.{_NAMED.replace("workload =", "pod_lifecycles.workload =")}
    order by pod_lifecycles.created_lo_ns desc, try_cast(objects.resource_version as ubigint) desc nulls last limit 1
"""


def _manifest(engines: Sequence[Engine], workload: str) -> Mapping[str, Any] | None:
    """Return the workload as it was last seen; where only pods were watched, its newest pod."""
    namespace, kind, name = workload.split("/", 2)
    for sql, named in (
        (_MANIFEST, {"namespace": namespace, "kind": kind, "name": name}), (_NEWEST_POD, {"workload": workload}),
    ):
        found = [row for engine in engines for row in engine.rows(sql, named)]
        if found:
            newest = max(found, key=lambda row: row["observed_at_ns"] or 0)
            manifest = json.loads(newest["object"])
            return manifest if isinstance(manifest, dict) else None
    return None


def _versions(engines: Sequence[Engine]) -> Versions:
    servers = [
        minor for engine in engines for key, value in engine.recording.manifest.cluster.items()
        if "version" in key and (minor := _minor(value)) is not None
    ]
    kubelets = {
        minor for engine in engines for row in engine.rows("""
            select distinct json_extract_string(object, '$.status.nodeInfo.kubeletVersion') as version
            from recording.objects where kind = 'Node'
        """) if (minor := _minor(row["version"])) is not None
    }
    return Versions(min(servers, default=None), tuple(sorted(kubelets)))


def _minor(version: str | None) -> int | None:
    parts = (version or "").removeprefix("v").split(".")
    return int(parts[1]) if len(parts) > 1 and parts[0] == "1" and parts[1].isdigit() else None
