"""Other versions of a recording, made from its tables: without the proxy's log, with a wrong clock, with lost events.

Each function writes a new recording beside the old one, whose unchanged files it links.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl

from zdtrace.recording import manifest as manifests
from zdtrace.recording.manifest import DataFile, Manifest, Source
from zdtrace.recording.store import open_recording

Change = Callable[[pl.DataFrame], pl.DataFrame]
_CROWD = ("Pod", "Event", "ReplicaSet", "Deployment", "EndpointSlice", "Service")
_UID = r"\b[0-9a-f]{2}([0-9a-f]{6}-[0-9a-f]{4}-4[0-9a-f]{3}-)"
_PROXY_FORMATS = re.compile(r"nginx|envoy|haproxy|traefik|caddy|contour|audit|kube-proxy")


def without_proxy(recording: Path, target: Path) -> None:
    """Keep the client's log and what a watch shows: no log of a proxy, kube-proxy or API server."""
    _write(recording, target, keep=lambda source: not _PROXY_FORMATS.search(source.format))


def with_clock_shifted(recording: Path, target: Path, clock: str, seconds: float) -> None:
    """Move all that one clock wrote; of the recorder's that is when it saw what the API told."""
    shift = round(seconds * 1e9)

    def moved(rows: pl.DataFrame) -> pl.DataFrame:
        instants = [name for name in rows.columns if name.endswith("_at_ns")]
        return rows.with_columns(pl.col(name) + shift for name in instants)

    shifted = {source.source_id for source in open_recording(recording).manifest.sources if source.clock == clock}
    _write(recording, target, change=lambda file: moved if _source_of(file) in shifted else None)


def with_events_dropped(recording: Path, target: Path, share: float, seed: int) -> None:
    """Lose a share of what the watch told."""
    def dropped(rows: pl.DataFrame) -> pl.DataFrame:
        dice = random.Random(seed)  # noqa: S311
        return rows.filter(pl.Series([dice.random() >= share for _ in range(rows.height)], dtype=pl.Boolean))

    _write(recording, target, change=lambda file: dropped if file.table == "objects" else None)


def with_addresses_reused(recording: Path, target: Path) -> bool:
    """Give each new pod the address of one that was gone before; False when no pod was gone in time."""
    opened = open_recording(recording)
    renamed = _reusable(opened.files("objects"), opened.files("proxy_requests"))
    if not renamed:
        return False
    pattern = re.compile(r"(?<![\d.])(" + "|".join(map(re.escape, renamed)) + r")(?![\d.])")

    def readdressed(rows: pl.DataFrame) -> pl.DataFrame:
        told = ("object", "upstream_addresses", "upstream_address", "message")
        texts = [name for name in told if name in rows.columns]
        return rows.with_columns(
            pl.col(name).map_elements(lambda text: pattern.sub(lambda found: renamed[found[1]], text), pl.String)
            for name in texts
        )

    tables = ("objects", "proxy_requests", "proxy_events", "client_messages")
    _write(recording, target, change=lambda file: readdressed if file.table in tables else None)
    return True


def with_bystanders(recording: Path, target: Path, copies: int, same_namespace: bool) -> int:
    """Let all that happened to the cluster's objects happen to others as well, at the same time; return how many pods.

    Each copy is another application, with pods, addresses, UIDs and events of its own, in a namespace of its own or in
    the same one.
    """
    pods = 0

    def crowded(rows: pl.DataFrame) -> pl.DataFrame:
        nonlocal pods
        ours = rows.filter(pl.col("kind").is_in(_CROWD))
        pods += ours.filter(pl.col("kind") == "Pod")["uid"].n_unique() * copies
        copied = [_copy(ours, number, same_namespace) for number in range(1, copies + 1)]
        return pl.concat([rows, *copied]).sort("observed_at_ns", maintain_order=True)

    _write(recording, target, change=lambda file: crowded if file.table == "objects" else None)
    return pods


def _copy(ours: pl.DataFrame, number: int, same_namespace: bool) -> pl.DataFrame:
    """Return the objects of another application that went through the same."""
    namespace = "default" if same_namespace else f"foreign-{number}"
    words = {
        r"\bdemo\b": f"other{number}",
        r"\b198\.18\.(\d+)\.": f"10.{number}.$1.",
        r"\b198\.19\.": f"10.{number}.",
        '"namespace":"default"': f'"namespace":"{namespace}"',
    }

    def renamed(name: str) -> pl.Expr:
        changed = pl.col(name)
        for pattern, word in words.items():
            changed = changed.str.replace_all(pattern, word)
        # UIDs differ in their first digits: two hexadecimal ones of the copy, six of the original.
        return changed.str.replace_all(_UID, f"{number:02x}$1").alias(name)

    return ours.with_columns(
        renamed("object"), renamed("name"), renamed("uid"),
        pl.when(pl.col("namespace") == "default").then(pl.lit(namespace)).otherwise("namespace").alias("namespace"),
        line=pl.col("line") + 1_000_000 * number,
    )


def with_changes(recording: Path, target: Path, changes: dict[tuple[str, str], dict[str, str]]) -> None:
    """Replace words (regular expressions) in columns, given as {(table, column): {pattern: new word}}."""
    def changed(rows: pl.DataFrame, table: str) -> pl.DataFrame:
        for (of, column), words in changes.items():
            for pattern, word in words.items() if of == table and column in rows.columns else ():
                rows = rows.with_columns(pl.col(column).str.replace_all(pattern, word))
        return rows

    tables = {table for table, _ in changes}
    _write(
        recording, target, change=lambda file: partial(changed, table=file.table) if file.table in tables else None
    )


def without_objects(recording: Path, target: Path, pattern: str) -> None:
    """Lose the object versions whose text has a pattern."""
    _write(
        recording, target,
        change=lambda file: (lambda rows: rows.filter(~pl.col("object").str.contains(pattern)))
        if file.table == "objects" else None,
    )


def _reusable(objects: list[str], access: list[str]) -> dict[str, str]:
    """Return the address that each pod is to get: of the pod gone for the longest, and that no proxy tried since."""
    pods = pl.read_parquet(objects).filter(pl.col("kind") == "Pod").select(
        "observed_at_ns", "event_type", "uid",
        pl.col("object").str.json_path_match("$.status.podIP").alias("ip"),
    ).filter(pl.col("ip").is_not_null())
    lives = pods.group_by("uid").agg(
        pl.col("ip").first(),
        pl.col("observed_at_ns").min().alias("from_ns"),
        pl.col("observed_at_ns").filter(pl.col("event_type") == "DELETED").max().alias("gone_ns"),
    ).sort("from_ns", "uid").rows(named=True)
    tried: dict[str, int] = {}
    lines = pl.read_parquet(access) if access else pl.DataFrame()
    if "upstream_addresses" in lines.columns:
        for addresses, ended in lines.select("upstream_addresses", "ended_at_ns").iter_rows():
            for address in re.findall(r"[\d.]+(?=:)", addresses or ""):
                tried[address] = max(tried.get(address, 0), ended)
    found: dict[str, str] = {}
    for new in lives:
        free = [
            old for old in lives
            if old["gone_ns"] and max(old["gone_ns"], tried.get(old["ip"], 0)) + 50_000_000 < new["from_ns"]
            and old["ip"] not in found.values() and old["ip"] not in found and old["uid"] != new["uid"]
        ]
        if free:
            found[new["ip"]] = min(free, key=lambda old: old["gone_ns"])["ip"]
    return found


def _source_of(file: DataFile) -> int:
    return int(Path(file.path).name.split("-")[0])


def _write(
    recording: Path,
    target: Path,
    keep: Callable[[Source], bool] = lambda source: True,
    change: Callable[[DataFile], Change | None] = lambda file: None,
) -> None:
    """Write the sources that stay, each table through its change."""
    manifest = manifests.read(recording)
    kept = {source.source_id for source in manifest.sources if keep(source)}
    files = [
        _file(recording, target, file, change(file)) for file in manifest.files if _source_of(file) in kept
    ]
    sources = tuple(source for source in manifest.sources if source.source_id in kept)
    written: Manifest = replace(manifest, sources=sources, files=tuple(files))
    manifests.write(target, written)


def _file(recording: Path, target: Path, file: DataFile, change: Change | None) -> DataFile:
    path = target / file.path
    path.parent.mkdir(parents=True, exist_ok=True)
    if change is None:
        os.link(recording / file.path, path)
        return file
    rows = change(pl.read_parquet(recording / file.path))
    rows.write_parquet(path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(file, rows=rows.height, bytes=path.stat().st_size, sha256=digest)
