"""Gates: another verdict on other evidence, the same one among bystanders.

That each experiment is understood, and that in peace nobody is blamed, is in `test_accuracy`.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import variants
from judging import Bench, Judgement, Make
from labelled_corpus import corpus

pytestmark = pytest.mark.slow
EVERY = {one.name: one for one in corpus()}
WORDS, OBJECT = ("proxy_events", "message"), ("objects", "object")
ACCESS = ("proxy_requests", "upstream_connect_times_s")
REFUSED, CUT = "111: Connection refused", "104: Connection reset by peer"


def changed(changes: dict[tuple[str, str], dict[str, str]]) -> Make:
    return partial(variants.with_changes, changes=changes)


MUTATIONS: dict[str, tuple[str, Make]] = {
    "endpoint_lag_refused": ("it was accepted and then cut", changed({
        WORDS: {REFUSED: CUT, "while connecting to": "while reading response header from"}, ACCESS: {"-$": "0.001"},
    })),
    "endpoint_lag_blackhole": ("the port answered that it was closed", changed({
        WORDS: {"110: Connection timed out|113: No route to host": REFUSED}, ACCESS: {"-$": "0.001"},
    })),
    "inflight_cut_sigterm": ("nobody listened", changed({
        WORDS: {
            "upstream prematurely closed connection|recv.. failed .104: Connection reset by peer.":
                f"connect() failed ({REFUSED})",
            CUT: REFUSED,
            "while reading response header from upstream": "while connecting to upstream",
        },
        ACCESS: {r"[\d.]+$": "-"},
    })),
    "inflight_cut_sigkill": ("the container left by itself", changed({
        OBJECT: {'"exitCode":137': '"exitCode":0', '"reason":"Error"': '"reason":"Completed"'},
    })),
    "prestop_exceeds_grace": ("the hook sleeps for a second", changed({
        OBJECT: {r'\["sleep","\d+"\]': '["sleep","1"]'},
    })),
    "container_crash": ("no container ended", changed({
        OBJECT: {r'"lastState":\{"terminated"': '"lastState":{"x"', r'"state":\{"terminated"': '"state":{"x"',
                 r'"restartCount":\d+': '"restartCount":0'},
    })),
    "no_endpoints": ("a pod was tried, which cut the connection", changed({
        WORDS: {REFUSED: CUT, "while connecting to": "while reading response header from"}, ACCESS: {"-$": "0.001"},
        ("proxy_requests", "upstream_addresses"): {"127.0.0.1:8181": "198.18.16.250:8080"},
        ("proxy_events", "upstream_address"): {"127.0.0.1:8181": "198.18.16.250:8080"},
    })),
    "pod_not_ready_yet": ("it was accepted and then cut", changed({
        WORDS: {REFUSED: CUT, "while connecting to": "while reading response header from"}, ACCESS: {"-$": "0.001"},
    })),
    "app_5xx_new_version": ("all pods are of one version", changed({
        OBJECT: {r'"pod-template-hash":"\w+"': '"pod-template-hash":"one"'},
    })),
}
"""For each cause what its decisive evidence is made to say instead."""


def judgements(bench: Bench, name: str, change: Make | None = None) -> dict[str, Judgement]:
    judged = bench.judge(EVERY[name], change)
    assert judged
    return {each.request_id: each for each in judged.judgements}


def homes(bench: Bench, cause: str) -> str | None:
    """Return the recording of one fault, with the proxy's log, that has most requests of a cause."""
    counted: dict[str, int] = {}
    for one in EVERY.values():
        if one.truth.get("via", "ingress") == "ingress":
            _, labels = bench.imported(one)
            counted[one.name] = sum(label.mechanism == cause for label in labels.values())
    best = max(counted, key=lambda name: counted[name])
    return best if counted[best] else None


@pytest.mark.parametrize("cause", MUTATIONS)
def test_other_evidence_gives_another_verdict(bench: Bench, cause: str) -> None:
    name = homes(bench, cause)
    assert name, f"no recording shows {cause} through a proxy"
    right = {key for key, each in judgements(bench, name).items() if each.label.mechanism == each.cause == cause}
    assert right
    words, mutation = MUTATIONS[cause]
    after = judgements(bench, name, mutation)
    kept = [key for key in right if after[key].cause == cause]
    assert len(kept) <= 0.02 * len(right), f"{name}: still {cause} when {words}: {len(kept)} of {len(right)}"


NOISY = ("endpoint_lag_refused", "crash-ids", "rollout-exit-ids", "no-endpoints-ids", "clean")


@pytest.mark.parametrize("same_namespace", [False, True], ids=["foreign namespaces", "same namespace"])
@pytest.mark.parametrize("name", NOISY)
def test_bystanders_change_nothing(bench: Bench, name: str, same_namespace: bool) -> None:
    """500 pods of other applications that start, end and crash at the same moments, with their events."""
    recording, _ = bench.imported(EVERY[name])
    before = essence(judgements(bench, name))
    pods = 0

    def crowd(source: Path, target: Path) -> None:
        nonlocal pods
        copies = 500 // max(1, pod_count(recording)) + 1
        pods = variants.with_bystanders(source, target, copies, same_namespace)

    assert essence(judgements(bench, name, crowd)) == before
    assert pods >= 500


def pod_count(recording: Path) -> int:
    import polars as pl

    from zdtrace.recording.store import open_recording

    objects = pl.read_parquet(open_recording(recording).files("objects"))
    return objects.filter(pl.col("kind") == "Pod")["uid"].n_unique()


def essence(found: dict[str, Judgement]) -> dict[str, Any]:
    return {key: (each.cause, each.tier, each.trigger) for key, each in found.items()}
