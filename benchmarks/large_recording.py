"""Build a large recording: many requests, few failures, rollouts all along; rows made by DuckDB, objects real JSON.

The pods are replaced four at a time; the failures stand within half a second after a deletion, as they do in life.
"""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from zdtrace.recording import manifest
from zdtrace.recording.manifest import Source
from zdtrace.recording.store import DraftFile, Writer, extend
from zdtrace.recording.tables import BY_NAME

START_NS = 1_795_450_000_000_000_000
SECOND_NS = 1_000_000_000
PODS_A_ROLLOUT = 4
ROWS_A_FILE = 2_000_000


def build(folder: Path, *, requests: int, failures: int, rollouts: int, has_proxy: bool) -> None:
    """Write the recording to `folder`, replacing what is there."""
    shutil.rmtree(folder, ignore_errors=True)
    span_ns = requests * 2_000_000  # 500 requests a second
    with extend(folder) as writer, duckdb.connect() as db:
        db.execute("set memory_limit = '4GB'")
        _add_objects(writer, span_ns, rollouts)
        _add_requests(writer, db, "requests", requests, failures, span_ns, rollouts)
        if has_proxy:
            _add_requests(writer, db, "proxy_requests", requests, failures, span_ns, rollouts)


def _add_requests(
    writer: Writer, db: duckdb.DuckDBPyConnection, table: str, requests: int, failures: int, span_ns: int, rollouts: int
) -> None:
    source_id = writer.next_source_id
    pods = rollouts * PODS_A_ROLLOUT
    every = span_ns // pods
    step = max(1, requests // failures)
    # A failure every `step` requests, moved to within 0.5 s after the deletion of the pod that is ending then.
    rows = f"""
        select i, i % {step} = 0 as failed, {START_NS} + i * 2000000 as at_ns, (i * 2000000) // {every} as pod,
            1000000 + hash(i) % 9000000 as latency_ns
        from range(FIRST, LAST) as r(i)
    """
    started = f"case when failed then {START_NS} + pod * {every} + hash(i) % 500000000 else at_ns end::bigint"
    own = {
        "requests": {
            "thread": "(i % 50)::varchar", "status": "case when failed then 502 else 200 end", "resolution_ns": "1000",
        },
        "proxy_requests": {
            "status": "case when failed then 502 else 200 end", "resolution_ns": "1000000", "proxy": "'nginx'",
            "upstream_addresses": "'10.0.' || (pod % 250) || '.1:8080'",
            "upstream_statuses": "case when failed then '502' else '200' end",
            "upstream_connect_times_s": "case when failed then '-' else '0.001' end",
            "upstream_response_times_s": "'0.003'", "path": "'/demo'", "method": "'GET'",
        },
    }[table]
    values = {**own, "started_at_ns": started, "ended_at_ns": f"{started} + latency_ns"}
    columns = ", ".join(
        f"{values.get(column.name, 'null')}::{column.type} as {column.name}" for column in BY_NAME[table].columns[2:]
    )
    drafts = []
    for number, first in enumerate(range(0, requests, ROWS_A_FILE)):
        last = min(first + ROWS_A_FILE, requests)
        path = writer.scratch / f"{table}-{number}.parquet"
        some = rows.replace("FIRST", str(first)).replace("LAST", str(last))
        db.execute(f"""
            copy (
                select {source_id}::integer as source_id, i + 1 as line, {columns} from ({some})
                order by started_at_ns
            ) to '{path}' (format parquet, parquet_version v2, compression zstd, compression_level 1)
        """)
        drafts.append(DraftFile.sealed(table, path, last - first))
    clock = "client" if table == "requests" else "proxy"
    writer.add(_source(source_id, f"{table}.ndjson", clock, {table: requests}, START_NS, START_NS + span_ns), drafts)


def _add_objects(writer: Writer, span_ns: int, rollouts: int) -> None:
    source_id = writer.next_source_id
    pods = rollouts * PODS_A_ROLLOUT
    every = span_ns // pods
    path = writer.scratch / "objects.ndjson"
    count = 0
    with path.open("w", encoding="utf-8") as file:
        for number in range(pods):
            deleted_ns = START_NS + number * every
            born_ns = max(START_NS - 60 * SECOND_NS, deleted_ns - 2 * every)
            for kind, at_ns, name, value in _versions(number, born_ns, deleted_ns):
                count += 1
                row = {
                    "source_id": source_id, "line": count, "observed_at_ns": at_ns, "event_type": "MODIFIED",
                    "api_version": value["apiVersion"], "kind": kind, "namespace": "default", "name": name,
                    "uid": value["metadata"]["uid"], "resource_version": str(count), "object": json.dumps(value),
                }
                file.write(json.dumps(row) + "\n")
    columns = ", ".join(f"'{column.name}': '{column.type}'" for column in BY_NAME["objects"].columns)
    draft = writer.scratch / "objects.parquet"
    with duckdb.connect() as db:
        db.execute(f"""
            copy (
                from read_json('{path}', format = 'newline_delimited', columns = {{{columns}}})
                order by observed_at_ns
            ) to '{draft}' (format parquet, compression zstd)
        """)
    writer.add(
        _source(source_id, "watch.ndjson", "recorder", {"objects": count}, START_NS, START_NS + span_ns),
        [DraftFile.sealed("objects", draft, count)],
    )


def _versions(number: int, born_ns: int, deleted_ns: int) -> list[tuple[str, int, str, dict[str, Any]]]:
    """Return a pod's versions and its Killing event: (kind, observed at, name, object)."""
    version = number // PODS_A_ROLLOUT
    name, uid = f"demo-{version:05x}-{number:05}", f"uid-{number}"
    metadata = {
        "name": name, "namespace": "default", "uid": uid, "creationTimestamp": _second(born_ns),
        "labels": {"app": "demo", "pod-template-hash": f"{version:05x}"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": f"demo-{version:05x}", "controller": True}],
    }
    container = {"name": "demo", "readinessProbe": {}}
    spec = {"terminationGracePeriodSeconds": 30, "nodeName": "node1", "containers": [container]}
    ready = [{"type": "Ready", "status": "True", "lastTransitionTime": _second(born_ns + SECOND_NS)}]
    running = {"podIP": f"10.0.{number % 250}.1", "conditions": ready, "containerStatuses": [
        {"name": "demo", "restartCount": 0, "state": {"running": {"startedAt": _second(born_ns)}}}]}
    ended = {"podIP": f"10.0.{number % 250}.1", "containerStatuses": [{"name": "demo", "restartCount": 0, "state": {
        "terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": _second(deleted_ns)}}}]}
    ending = {**metadata, "deletionTimestamp": _second(deleted_ns + 30 * SECOND_NS), "deletionGracePeriodSeconds": 30}
    pod = {"apiVersion": "v1", "kind": "Pod", "spec": spec}
    killing = {
        "apiVersion": "v1", "kind": "Event", "reason": "Killing", "message": "Stopping container demo",
        "metadata": {"name": f"{name}.{deleted_ns + 20_000_000:x}", "uid": f"event-{number}"},
        "involvedObject": {"kind": "Pod", "name": name, "uid": uid}, "source": {"component": "kubelet"},
    }
    return [
        ("Pod", born_ns + 2 * SECOND_NS, name, {**pod, "metadata": metadata, "status": running}),
        ("Pod", deleted_ns + 30_000_000, name, {**pod, "metadata": ending, "status": running}),
        ("Pod", deleted_ns + 600_000_000, name, {**pod, "metadata": ending, "status": ended}),
        ("Event", deleted_ns + 40_000_000, name, killing),
    ]


def _second(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _source(source_id: int, name: str, clock: str, rows: dict[str, int], first_ns: int, last_ns: int) -> Source:
    total = sum(rows.values())
    return Source(
        source_id=source_id, name=name, format="made", sha256=name, content_sha256=name, bytes=0, lines_in=total,
        skipped=0, rows_kept=total, rejects=0, rows_by_table=rows, reject_reasons={}, clock=clock, written="made",
        resolution_ns=1000, shows_failures=True, first_at_ns=first_ns, last_at_ns=last_ns, imported_at=manifest.now(),
    )
