"""What a recording can prove, and what would let it prove more: sources, logs, clocks, and how workloads are set up."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from zdtrace.analysis import better_logs
from zdtrace.analysis.better_logs import Setting
from zdtrace.analysis.engine import Engine
from zdtrace.analysis.workload_setup import workload_lines
from zdtrace.collectors.asking import Granted
from zdtrace.collectors.recorder import config_maps

Object = Mapping[str, Any]
_TIERS = {
    "A": "the pod of each request can be known by its id",
    "B": "the pod can be found by time and outcome alone",
    "C": "nothing tells which pod a request went to",
}
_ACCESS_LOGGERS = ("ingress-nginx", "nginx-kic", "haproxy", "traefik", "envoy")
_WIDE_MS = 100.0


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `state`: ok, note, risk (requests may be lost) or thin (evidence is missing)."""

    area: str
    subject: str
    state: str
    words: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """Everything that was looked at, and what to change for better evidence."""

    lines: tuple[Line, ...]
    settings: tuple[Setting, ...]

    @property
    def is_thin(self) -> bool:
        """Whether evidence is missing that verdicts need."""
        return any(line.state == "thin" for line in self.lines)

    def as_json(self) -> dict[str, Any]:
        """Return it for `-o json`."""
        return {
            "evidence": "thin" if self.is_thin else "good",
            "checks": [asdict(line) for line in self.lines],
            "changes": [asdict(each) for each in self.settings],
        }


def examine(engine: Engine, granted: list[Granted] | None = None) -> Checkup:
    """Look at a recording; with `granted`, at one that was made just to look, and at the rights that it had."""
    engine.make("staging.log_fields", "staging.last_objects", "staging.clock_offsets")
    objects = _objects(engine)
    logs, settings = _logs(engine, objects, is_live=granted is not None)
    first = _rights(granted) if granted is not None else _sources(engine)
    lines = [*first, *logs, *_client(engine), *_clocks(engine), *_data_path(objects), *workload_lines(objects, Line)]
    return Checkup(tuple(lines), tuple(dict.fromkeys(settings)))


def _objects(engine: Engine) -> list[Object]:
    rows = engine.rows("select object from staging.last_objects where not is_deleted order by kind, namespace, name")
    found: list[Object] = []
    for row in rows:
        each = json.loads(row["object"])
        if isinstance(each, dict):
            found.append(each)
    return found


def _rights(granted: list[Granted]) -> Iterator[Line]:
    for each in granted:
        right = each.right
        where = f" in {right.namespace}" if right.namespace else ""
        if not each.is_installed:
            yield Line("rights", right.source, "ok", "not installed here, and so not needed")
        elif not each.refused:
            yield Line("rights", right.source, "ok", f"{', '.join(right.verbs)}{where}")
        else:
            what = f"may not {' and '.join(each.refused)} {right.resource}{where}"
            words = f"{what}; not to be known then: {right.without}"
            yield Line("rights", right.source, "note" if right.is_optional else "thin", words)


def _sources(engine: Engine) -> Iterator[Line]:
    kinds = engine.rows(
        "select kind, count(*) as versions, count(distinct uid) as objects from recording.objects "
        "group by kind order by kind"
    )
    for row in kinds:
        yield Line("sources", row["kind"], "ok", f"{row['objects']:,} objects in {row['versions']:,} versions")
    if not kinds:
        yield Line("sources", "cluster", "thin", "nothing of the cluster was recorded")
    for row in engine.rows(
        "select subject, count(*) as gaps, bool_or(until_ns is null) as is_for_good, any_value(reason) as reason "
        "from recording.gaps group by subject order by subject"
    ):
        how = "at last not any more" if row["is_for_good"] else f"{row['gaps']} times for a while"
        yield Line("sources", row["subject"], "thin", f"was not listened to, {how}: {row['reason']}")


def _logs(engine: Engine, objects: list[Object], *, is_live: bool) -> tuple[list[Line], list[Setting]]:
    rows = engine.rows("from staging.log_fields")
    lines: list[Line] = []
    settings: list[Setting | None] = []
    named: set[str] = set()
    for controller, pod, container in _controllers(objects):
        metadata = pod["metadata"]
        prefix = f"proxy.{metadata.get('namespace')}.{metadata.get('name')}.{container}."
        own = [row for row in rows if row["source"].startswith(prefix)]
        named.update(row["source"] for row in own)
        lines += [_log(row, f"{metadata.get('namespace')}/{metadata.get('name')}") for row in own]
        if not own and is_live:
            words = "no access-log line in the last ten minutes: send a request through it, or switch its access log on"
            lines.append(Line("log", f"{metadata.get('namespace')}/{metadata.get('name')}", "thin", words))
        if all(row["best_tier"] != "A" for row in own) and (own or is_live):
            settings.append(_setting(controller, pod))
    for row in rows:
        if row["source"] not in named:
            lines.append(_log(row, row["source"]))
            if row["best_tier"] != "A":
                settings.append(better_logs.setting(row["proxy"] or "nginx"))
    if not lines:
        lines.append(Line("log", "ingress", "thin", "no log of a proxy is here: name it with --ingress, or import it"))
    return lines, [each for each in settings if each is not None]


def _controllers(objects: list[Object]) -> Iterator[tuple[str, Object, str]]:
    """Yield the containers that should write an access log: controller, pod, name of the container."""
    for pod in objects:
        if pod.get("kind") != "Pod":
            continue
        for container in (pod.get("spec") or {}).get("containers") or ():
            controller = better_logs.controller_of(str(container.get("image")))
            if controller in _ACCESS_LOGGERS:
                yield controller, pod, str(container.get("name"))


def _setting(controller: str, pod: Object) -> Setting | None:
    metadata = pod["metadata"]
    namespace = str(metadata.get("namespace"))
    if controller == "traefik":
        owners = [each for each in metadata.get("ownerReferences") or () if each.get("kind") == "ReplicaSet"]
        name = str(owners[0].get("name")).rpartition("-")[0] if owners else None
        return better_logs.setting(controller, namespace, name)
    home, name = next(iter(config_maps(dict(pod))), (namespace, None))
    return better_logs.setting(controller, home, name)


def _log(row: Mapping[str, Any], subject: str) -> Line:
    missing = [
        words for count, words in (
            (row["address_count"], "the pod's address"), (row["client_id_count"], "the client's request id"),
            (row["connect_time_count"], "times to connect"),
            (row["connection_requests_count"], "whether the client's connection was reused"),
        ) if not count
    ]
    tier = row["best_tier"]
    words = f"tier {tier} at best: {_TIERS[tier]}; {row['line_count']:,} lines"
    if row["resolution_ms"] >= 1000:
        words += ", to the second only: what came first cannot be told"
    if missing:
        words += f"; without {', '.join(missing)}"
    is_thin = tier == "C" or (tier == "B" and row["resolution_ms"] >= 1000)
    return Line("log", subject, "thin" if is_thin else "ok" if tier == "A" else "note", words)


def _client(engine: Engine) -> Iterator[Line]:
    (row,) = engine.rows("select count(*) as sent, count(correlation_id) as with_id from recording.requests")
    if row["sent"] and not row["with_id"]:
        words = "its requests have no ids; `zdtrace probe` sends them, in k6 set a header X-Request-ID"
        yield Line("log", "load test", "note", words)


def _clocks(engine: Engine) -> Iterator[Line]:
    for row in engine.rows("from staging.clock_offsets order by clock"):
        low_ms, high_ms = row["offset_lo_ns"] / 1e6, row["offset_hi_ns"] / 1e6
        if row["clock"] == "recorder":
            continue
        if row["is_measured"]:
            words = f"between {low_ms:+.1f} and {high_ms:+.1f} ms of the recorder's, known to {high_ms - low_ms:.1f} ms"
            yield Line("clocks", row["clock"], "ok" if high_ms - low_ms <= _WIDE_MS else "note", words)
        else:
            words = f"not compared: taken to be within {high_ms:.0f} ms, unless `analyze --set clock_bound_ms=N`"
            yield Line("clocks", row["clock"], "note", words)


def _data_path(objects: list[Object]) -> Iterator[Line]:
    for each in objects:
        if each.get("kind") == "KubeProxyConfiguration":
            mode = str(each.get("mode") or "iptables")
            period = (each.get(mode) or {}).get("minSyncPeriod") or "its default (1 s for iptables and nftables)"
            words = f"mode {mode}, syncs at most every {period}: endpoints may be that late"
            yield Line("data path", "kube-proxy", "note", words)
