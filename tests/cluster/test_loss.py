"""No version of an object is missed: against etcd's own stream and the API server's audit log."""

from __future__ import annotations

import calendar
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from clusters import NODE_IP, Lab, end
from recordings import in_table

# Resources of the API that the recorder listens to, as etcd and audit logs name them, and the kinds in a recording.
KINDS = {
    "pods": "Pod", "replicasets": "ReplicaSet", "deployments": "Deployment", "services": "Service",
    "endpointslices": "EndpointSlice", "ingresses": "Ingress", "events": "Event", "nodes": "Node", "leases": "Lease",
}
NAMESPACES = {"leases": "kube-node-lease", "nodes": ""}
Version = tuple[str, str, int]


def in_recording(folder: Path) -> tuple[set[Version], set[tuple[str, str]]]:
    """Return every version in a recording (kind, name, resourceVersion), and what it saw deleted (kind, name)."""
    rows = in_table(folder, "objects", "kind, name, resource_version, event_type")
    return (
        {(kind, name, int(version)) for kind, name, version, _ in rows},
        {(kind, name) for kind, name, _, event_type in rows if event_type == "DELETED"},
    )


def in_etcd(file: Path) -> list[dict[str, Any]]:
    """Return what etcd was told of the resources that are recorded."""
    found = map(json.loads, file.read_text().splitlines())
    return [
        each for each in found
        if each["kind"] in KINDS and each["namespace"] == NAMESPACES.get(each["kind"], "default")
    ]


def in_audit_log(lines: list[str], since_ns: int, until_ns: int) -> set[Version]:
    """Return the versions that the API server answered to who wrote them."""
    found = set()
    for line in lines:
        event = json.loads(line)
        about, metadata = event.get("objectRef", {}), event.get("responseObject", {}).get("metadata", {})
        resource = about.get("resource")
        is_ours = resource in KINDS and about.get("namespace", "") == NAMESPACES.get(resource, "default")
        is_object = event.get("responseObject", {}).get("kind") == KINDS.get(resource)
        seen_at_ns = nanoseconds(event["stageTimestamp"])
        if is_ours and is_object and metadata.get("resourceVersion") and since_ns < seen_at_ns < until_ns:
            found.add((KINDS[resource], metadata["name"], int(metadata["resourceVersion"])))
    return found


def nanoseconds(stamp: str) -> int:
    """Read an audit log's `2026-11-26T20:19:07.847514Z`."""
    whole, _, fraction = stamp.rstrip("Z").partition(".")
    return calendar.timegm(time.strptime(whole, "%Y-%m-%dT%H:%M:%S")) * 10**9 + int((fraction or "0").ljust(9, "0"))


def compacted_away(
    written: list[dict[str, Any]], compacted: int, stopped_at_ns: int, gaps: list[tuple[str, str, int, int]],
) -> set[Version]:
    """Return the versions that nobody can have had: written when the API server told nothing any more, replaced by
    others, and then compacted; as far as the recording has a gap there that says so."""
    newest_kept = {
        (each["kind"], each["name"]): each["version"]
        for each in sorted(written, key=lambda each: int(each["version"])) if each["version"] <= compacted
    }
    found = set()
    for each in written:
        ends = [until_ns for subject, reason, _, until_ns in gaps if subject == each["kind"] and "compacted" in reason]
        is_told = any(stopped_at_ns < each["seen_at_ns"] < until_ns for until_ns in ends)
        is_replaced = each["version"] < newest_kept.get((each["kind"], each["name"]), 0)
        if is_told and is_replaced:
            found.add((KINDS[each["kind"]], each["name"], each["version"]))
    return found


@contextmanager
def changes_without_end(lab: Lab) -> Iterator[None]:
    """Change Services, also in the moments when the API server ends its watches and still takes changes."""
    services = "/api/v1/namespaces/default/services"
    with lab.start(sys.executable, Path(__file__).with_name("change.py"), lab.kubeconfig, services, "50") as busy:
        yield
        end(busy)


def test_no_version_is_missed_through_a_restart_and_a_compaction(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(has_readiness=True)
    recording, truth, raw = tmp_path / "rollout.zdtrace", tmp_path / "etcd.ndjson", tmp_path / "pods.ndjson"
    pods = ("api", lab.kubeconfig, "/api/v1/namespaces/default/pods")
    with lab.watching(truth, "etcd"), lab.watching(raw, *pods), changes_without_end(lab):
        audited = lab.audit_log.stat().st_size
        what = ("-n", "default", "--all", "--ingress", "nginx-ingress")
        with lab.recording(recording, *what, "--", *lab.load(60)) as run:
            from_ns = time.time_ns()
            time.sleep(4)
            lab.kubectl("rollout", "restart", "deployment/demo")
            time.sleep(2)
            lab.restart_api_server()
            lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
            lab.kubectl("rollout", "restart", "deployment/demo")
            time.sleep(2)
            # What the watches have not seen yet is gone from etcd when they ask again: 410.
            compactions: list[int] = []
            stopped_at_ns = time.time_ns()
            lab.restart_api_server(while_down=lambda: compactions.append(lab.compact_etcd()))
            lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
            until_ns = time.time_ns()
            assert run.wait(120) == 0, recording.with_name("rollout.zdtrace.stderr").read_text()
    seen, deleted = in_recording(recording)
    written = [each for each in in_etcd(truth) if from_ns < each["seen_at_ns"] < until_ns]
    versions = {(KINDS[each["kind"]], each["name"], each["version"]) for each in written if not each["is_deletion"]}
    deletions = {(KINDS[each["kind"]], each["name"]) for each in written if each["is_deletion"]}
    with lab.audit_log.open() as log:
        log.seek(audited)
        answered = in_audit_log(log.read().splitlines(), from_ns, until_ns)
    assert len(versions) > 1000, "a rollout writes more"
    assert len(answered) > 50, "the API server logs more"
    gaps = in_table(recording, "gaps", "subject, reason, from_ns, until_ns")
    assert any("410" in reason for _, reason, _, _ in gaps), gaps
    gone = compacted_away(written, compactions[0], stopped_at_ns, gaps)
    assert sorted(versions - seen - gone) == []
    assert sorted(deletions - deleted) == []
    # Some answers are of no new version: the object of a deletion that only begins is, the one that is gone is not.
    assert sorted((answered & versions) - seen - gone) == []
    # A client that listens and, after a 410, lists anew: nothing that it heard is missing, whatever was compacted.
    heard = [each for each in map(json.loads, raw.read_text().splitlines()) if from_ns < each["seen_at_ns"] < until_ns]
    told = {("Pod", each["name"], each["version"]) for each in heard if not each["is_deletion"]}
    assert len(told) > 30
    assert sorted(told - seen) == []


@contextmanager
def way_to_the_api_server(lab: Lab, kubeconfig: Path) -> Iterator[None]:
    """Forward a port of the lab's node to its API server, as long as this lasts."""
    server = "https://127.0.0.1:16443"
    kubeconfig.write_text(re.sub(r"https://[^\"]+", server, lab.kubeconfig.read_text()))
    script = Path(__file__).with_name("forward.py")
    with lab.start(sys.executable, script, "16443", NODE_IP, "6443", stdout=subprocess.PIPE) as forwarder:
        assert forwarder.stdout is not None
        assert forwarder.stdout.readline()
        yield
        end(forwarder)


@pytest.mark.long
def test_what_was_written_while_the_way_was_cut_and_the_api_server_restarted_is_read_from_the_history(
    lab: Lab, tmp_path: Path
) -> None:
    lab.deploy(has_readiness=True)
    recording, truth, kubeconfig = tmp_path / "cut.zdtrace", tmp_path / "etcd.ndjson", tmp_path / "kubeconfig"
    with ExitStack() as until_cut, lab.watching(truth, "etcd"):
        until_cut.enter_context(way_to_the_api_server(lab, kubeconfig))
        with lab.recording(recording, "--kubeconfig", kubeconfig, "-n", "default", "--all"):
            from_ns = time.time_ns()
            until_cut.close()
            lab.kubectl("rollout", "restart", "deployment/demo")
            lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
            lab.restart_api_server()
            with way_to_the_api_server(lab, kubeconfig):
                time.sleep(2)
                lab.kubectl("rollout", "restart", "deployment/demo")
                lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
                until_ns = time.time_ns()
                time.sleep(5)
    seen, deleted = in_recording(recording)
    written = [each for each in in_etcd(truth) if from_ns < each["seen_at_ns"] < until_ns]
    assert len(written) > 100, "two rollouts write more"
    gaps = in_table(recording, "gaps", "subject, reason")
    assert any("older versions were read from its history" in reason for _, reason in gaps), gaps
    versions = {(KINDS[each["kind"]], each["name"], each["version"]) for each in written if not each["is_deletion"]}
    assert sorted(versions - seen) == []
    deletions = {(KINDS[each["kind"]], each["name"]) for each in written if each["is_deletion"]}
    assert sorted(deletions - deleted) == []
    rows = in_table(recording, "objects", "uid, resource_version, observed_at_ns, event_type, kind")
    assert_in_order([row for row in rows if row[-1] in KINDS.values()])


def assert_in_order(rows: list[tuple[Any, ...]]) -> None:
    """Each object's versions are seen in the order in which they were written."""
    last: dict[str, int] = {}
    for uid, version, _, event_type, _ in sorted(rows, key=lambda each: each[2]):
        assert int(version) > last.get(uid, 0) or event_type == "DELETED", (uid, version)
        last[uid] = int(version)
