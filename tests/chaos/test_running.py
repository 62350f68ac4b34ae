"""A run from its begin to its end, and everything that may end it before: what was changed is put back."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from fake_cluster import FakeCluster, same_chance
from fake_rbac import Rules

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.guards import Refused
from zdtrace.chaos.journal import ActionJournal, Header, Plan, journals, read_journal
from zdtrace.chaos.judging import RUNS, judge, read_runs
from zdtrace.chaos.lease import Lease
from zdtrace.chaos.live import parsed
from zdtrace.chaos.outcomes import Outcome
from zdtrace.chaos.running import run
from zdtrace.collectors.rights import Reach, manifests, of_experiments, of_recording
from zdtrace.sessions.session import Heard

Parse = Callable[..., Experiment]
QUICK = {"steadyState": {"for": "0.2s"}, "observe": "0.2s", "abort": {"apiLostFor": "3s"}}
UP = {"scale": {"by": 2, "pause": "0.2s"}}


@pytest.fixture
def start(fake: FakeCluster, cluster: Cluster, tmp_path: Path) -> Callable[..., Outcome]:
    """Run an experiment; what is said is thrown away."""

    def started(
        experiment: Experiment, heard: Heard | None = None, say: Callable[[str], None] = lambda _: None
    ) -> Outcome:
        return run(
            experiment, cluster.api, tmp_path / "runs", heard=heard or Heard(), say=say,
            chance=same_chance(),
        )

    return started


def replicas(fake: FakeCluster) -> int:
    return int(fake.one("deployments", "demo")["spec"]["replicas"])


def reasons(fake: FakeCluster) -> list[str]:
    return [each["reason"] for each in fake.objects.get("events", {}).values()]


def test_a_run_does_what_was_planned_undoes_it_and_tells(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo")
    outcome = start(parse(UP, "rolloutRestart", **QUICK))
    assert (outcome.state, outcome.reason, outcome.is_undone) == ("finished", "", True)
    assert replicas(fake) == 3
    story = read_journal(outcome.journal)
    assert [(each.plan.action, each.ended, each.undone) for each in story.steps] == [
        ("scale", "done", "restored"), ("rolloutRestart", "done", "kept"),
    ]
    assert story.closed == "finished"
    assert reasons(fake) == ["ChaosStarted", "ChaosActed", "ChaosActed", "ChaosUndone", "ChaosFinished"]
    assert fake.objects["leases"] == {}
    assert list(outcome.recording.glob("tables/marks/*.parquet")), "what was done is in the recording"


def test_each_round_begins_with_what_the_first_began_with(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    before = fake.deploy("demo")["spec"]
    change = {"changeTemplate": {"image": "demo:v2", "pause": "0s"}}
    outcome = start(parse(change, **QUICK, repeat={"times": 3, "pause": "0s"}))
    assert (outcome.state, outcome.reason) == ("finished", "")
    story = read_journal(outcome.journal)
    assert [(each.ended, each.undone) for each in story.steps] == [("done", "restored")] * 3
    assert fake.one("deployments", "demo")["spec"] == before


def test_nothing_is_written_when_it_is_refused(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome], tmp_path: Path
) -> None:
    fake.deploy("demo")
    with pytest.raises(Refused, match="not opted in"):
        start(parse(UP, **QUICK, safety={"namespaces": []}))
    assert fake.writes == []
    assert not (tmp_path / "runs").exists()


def test_the_rights_that_rbac_prints_are_enough_for_every_action_and_every_undoing(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo", replicas=4)
    fake.deploy("edge", namespace="edge")
    backend = {"service": {"name": "demo", "port": {"number": 80}}}
    canary = {"nginx.ingress.kubernetes.io/canary": "true"}
    fake.put("ingresses", {
        "metadata": {"name": "demo", "namespace": "shop", "uid": "i", "annotations": canary},
        "spec": {"defaultBackend": backend},
    })
    fake.put("endpointslices", {
        "metadata": {
            "name": "next", "namespace": "shop", "uid": "e", "labels": {"kubernetes.io/service-name": "next"},
        },
        "endpoints": [{"conditions": {"ready": True}}],
    })
    for name in ("node1", "node2"):
        ready = {"conditions": [{"type": "Ready", "status": "True"}]}
        fake.put("nodes", {"metadata": {"name": name, "uid": name}, "spec": {}, "status": ready})
    reach = Reach(namespace="shop", ingresses=("edge",))
    rights = [*of_recording(reach), *of_experiments("shop", reach.ingresses)]
    fake.rules = Rules(manifests(rights, {"kind": "User", "name": "me"}, "zdtrace"))
    said: list[str] = []
    experiment = parse(
        "deletePods", "evictPods", "rolloutRestart", UP, {"changeTemplate": {"image": "demo:v2"}}, "restartIngress",
        {"switchBackend": {"ingress": "demo", "from": "demo", "to": "next"}},
        {"canaryWeight": {"ingress": "demo", "weight": 5}}, {"drainNode": {"node": "node1"}},
        ingress=[{"namespace": "edge", "workload": "deployment/edge"}],
        safety={"namespaces": ["shop", "edge"], "nodes": ["node1"], "maxShare": 1, "minReady": 0},
        **QUICK,
    )
    experiment = replace(experiment, actions=tuple(replace(each, pause_s=0.0) for each in experiment.actions))
    outcome = start(experiment, say=said.append)
    assert (outcome.state, outcome.reason, outcome.is_undone) == ("finished", "", True)
    assert not [each for each in said if "Event" in each]


def test_two_experiments_on_one_workload_exclude_each_other(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome], cluster: Cluster
) -> None:
    fake.deploy("demo")
    experiment = parse(UP, **QUICK)
    first = Lease(cluster.api, experiment.target)
    first.take()
    with pytest.raises(Refused, match="another experiment runs on deployment/demo"):
        start(experiment)
    assert replicas(fake) == 3
    assert first.renew()
    first.release()
    assert start(experiment).state == "finished"


def test_a_lease_that_nobody_renews_runs_out(fake: FakeCluster, parse: Parse, cluster: Cluster) -> None:
    fake.deploy("demo")
    target = parse().target
    killed = Lease(cluster.api, target)
    killed.take()
    (found,) = fake.objects["leases"].values()
    fake.put("leases", {**found, "spec": {**found["spec"], "renewTime": "2026-01-01T00:00:00.000000Z"}})
    heir = Lease(cluster.api, target)
    heir.take()
    assert not killed.renew()
    killed.release()
    assert len(fake.objects["leases"]) == 1


def test_who_undoes_takes_over_the_lease_of_who_was_killed(fake: FakeCluster, parse: Parse, cluster: Cluster) -> None:
    fake.deploy("demo")
    killed = Lease(cluster.api, parse().target)
    killed.take()
    Lease(cluster.api, parse().target, killed.holder).take()


@pytest.mark.parametrize("signal_number", [2, 15])
def test_a_signal_ends_it_and_everything_is_put_back(
    signal_number: int, fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    before = fake.deploy("demo")["spec"]
    heard = Heard()

    def tell() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        heard.number = signal_number
        heard.stop.set()

    threading.Thread(target=tell, daemon=True).start()
    outcome = start(parse({"scale": {"by": 2, "pause": "60s"}}, **QUICK), heard)
    assert outcome.state == "aborted"
    assert outcome.reason == f"told to stop by {'SIGINT' if signal_number == 2 else 'SIGTERM'}"
    assert outcome.is_interrupted
    assert fake.one("deployments", "demo")["spec"] == before
    assert "ChaosAborted" in reasons(fake)


def test_an_aborted_restart_is_rolled_back(fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]) -> None:
    before = fake.deploy("demo")["spec"]
    fake.heals = False  # the rollout never ends
    heard = Heard()
    threading.Timer(1.5, heard.stop.set).start()
    outcome = start(parse("rolloutRestart", **QUICK), heard)
    assert outcome.state == "aborted"
    assert fake.one("deployments", "demo")["spec"] == before


def test_too_few_ready_pods_end_it(fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]) -> None:
    fake.deploy("demo")
    quick = {**QUICK, "abort": {"apiLostFor": "3s", "readyReplicas": 3}}

    def break_pods() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        fake.heals = False
        found = fake.one("deployments", "demo")
        fake.put("deployments", {**found, "status": {**found["status"], "readyReplicas": 2}})

    threading.Thread(target=break_pods, daemon=True).start()
    outcome = start(parse({"scale": {"by": 2, "pause": "60s"}}, **quick))
    assert (outcome.state, outcome.reason) == ("aborted", "2 pods are ready, and 3 are the limit")
    assert replicas(fake) == 3


LOAD = """
import json, sys, time
from pathlib import Path

log, trouble, bad = open(sys.argv[1], "w", buffering=1), Path(sys.argv[2]), json.loads(sys.argv[3])

def write(latency, details):
    log.write(json.dumps({"latency": latency, "timestamp": time.time_ns() - int(latency * 1e9), "details": details}))
    log.write("\\n")

while not trouble.exists():
    write(0.001, "200")
    time.sleep(0.01)
for _ in range(300):
    write(*bad)
time.sleep(60)
"""
SLOW, FAILED = [3.0, "200"], [0.001, "502"]


@pytest.mark.parametrize(("limit", "bad", "reason"), [
    ({"p99": "2s"}, SLOW, "p99 of latency is 3000 ms, and 2000 ms are the limit"),
    ({"failedRatio": "20%"}, FAILED, "and 20.0% are the limit"),
    ({"failedRequests": 300}, FAILED, "300 requests failed within 10 s; 300 are the limit"),
])
def test_a_burnt_budget_ends_it_within_a_second(
    limit: dict[str, object], bad: list[object], reason: str,
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome], tmp_path: Path,
) -> None:
    fake.deploy("demo")
    script, log, trouble = tmp_path / "load.py", tmp_path / "requests.ndjson", tmp_path / "trouble"
    script.write_text(LOAD, encoding="utf-8")
    began_at, aborted_at = [0.0], [0.0]

    def make_trouble() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        time.sleep(0.5)
        began_at[0] = time.monotonic()
        trouble.touch()

    def hear(words: str) -> None:
        if words.startswith("aborted"):
            aborted_at[0] = time.monotonic()

    threading.Thread(target=make_trouble, daemon=True).start()
    command = [sys.executable, str(script), str(log), str(trouble), json.dumps(bad)]
    outcome = start(parse(
        {"scale": {"by": 2, "pause": "60s"}}, load={"command": command, "requests": str(log)},
        **{**QUICK, "abort": {"apiLostFor": "3s", **limit}},
    ), say=hear)
    assert (outcome.state, outcome.is_undone) == ("aborted", True), outcome.reason
    assert reason in outcome.reason
    assert 0 < aborted_at[0] - began_at[0] < 1
    assert replicas(fake) == 3


def test_a_lease_that_somebody_took_ends_it_within_a_second(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo")
    taken_at, aborted_at = [0.0], [0.0]

    def take() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        (found,) = fake.objects["leases"].values()
        fake.put("leases", {**found, "spec": {**found["spec"], "holderIdentity": "somebody"}})
        taken_at[0] = time.monotonic()

    def hear(words: str) -> None:
        if words.startswith("aborted"):
            aborted_at[0] = time.monotonic()

    threading.Thread(target=take, daemon=True).start()
    outcome = start(parse({"scale": {"by": 2, "pause": "60s"}}, **QUICK), say=hear)
    assert (outcome.state, outcome.is_undone) == ("aborted", True)
    assert outcome.reason == "the lease zdtrace-chaos-deployment-demo was taken by somebody else"
    assert 0 < aborted_at[0] - taken_at[0] < 1
    assert replicas(fake) == 3
    (left,) = fake.objects["leases"].values()
    assert left["spec"]["holderIdentity"] == "somebody", "it is theirs, and stays"


def test_a_run_first_undoes_what_one_before_it_left(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome], cluster: Cluster, tmp_path: Path
) -> None:
    """Else it would take five replicas for what was there, and leave five."""
    fake.deploy("demo")
    experiment = parse(UP, **QUICK)
    killed = Lease(cluster.api, experiment.target)
    killed.take()
    journal = left_behind(tmp_path / "runs", cluster, experiment.target, killed.holder)
    assert replicas(fake) == 5
    assert start(experiment).state == "finished"
    assert replicas(fake) == 3
    assert read_journal(journal).closed == "undone"


def test_what_one_before_it_left_and_somebody_changed_since_stays_theirs(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome], cluster: Cluster, tmp_path: Path
) -> None:
    fake.deploy("demo")
    experiment = parse(UP, **QUICK)
    left_behind(tmp_path / "runs", cluster, experiment.target, "")
    cluster.api.change(
        "PATCH", experiment.target.path, {"spec": {"replicas": 7}}, content_type="application/merge-patch+json"
    )
    said: list[str] = []
    assert start(experiment, say=said.append).state == "finished"
    assert any("changed by somebody else since, and is left so" in each for each in said)
    assert replicas(fake) == 7


def left_behind(folder: Path, cluster: Cluster, target: Ref, holder: str) -> Path:
    """Scale to five, as a run does that is killed in the middle; returns its journal."""
    folder.mkdir()
    header = Header(id="killed", experiment="one", target=target, server=cluster.api.server, lease=holder)
    with ActionJournal(folder / "killed.journal", header) as journal:
        edit = cluster.prepare(target, {"spec": {"replicas": 5}})
        journal.begin(Plan(action="scale", edits=(edit,)))
        cluster.apply(edit)
    return journal.path


def test_a_lost_api_server_ends_it_within_a_second_and_it_is_undone_when_that_is_back(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    before = fake.deploy("demo")["spec"]
    lost_at, back_at = [0.0], [0.0]

    def lose() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        time.sleep(0.3)
        lost_at[0] = time.time()
        fake.is_deaf = True
        time.sleep(4.0)
        back_at[0] = time.time()
        fake.is_deaf = False

    threading.Thread(target=lose, daemon=True).start()
    quick = {**QUICK, "abort": {"apiLostFor": "1s"}}
    outcome = start(parse({"scale": {"by": 2, "pause": "60s"}}, **quick))
    assert outcome.state == "aborted"
    assert outcome.reason.startswith("the API server has not answered for 1.")
    assert outcome.is_undone
    assert fake.one("deployments", "demo")["spec"] == before
    story = json.loads(outcome.journal.read_text().splitlines()[-1])
    assert story["closed"].startswith("aborted: the API server")


def test_an_action_that_fails_ends_the_run_and_what_was_done_before_is_undone(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    before = fake.deploy("demo")["spec"]
    fake.refuses_evictions = True
    outcome = start(parse(UP, {"evictPods": {"within": "0s"}}, **QUICK))
    assert outcome.state == "failed"
    assert "disruption budget" in outcome.reason
    assert fake.one("deployments", "demo")["spec"] == before


def test_what_is_not_steady_at_first_is_not_touched(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo")
    outcome = start(parse(UP, **{**QUICK, "steadyState": {"for": "0.1s", "readyReplicas": 4}}))
    assert (outcome.state, outcome.reason) == ("not steady", "3 pods are ready, and 4 are wanted")
    assert [path for _, path in fake.writes if "leases" not in path] == []


def test_guards_are_asked_again_before_each_action(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo")
    quick = {**QUICK, "repeat": {"times": 2, "pause": "0.5s"}}

    def forbid() -> None:
        while replicas(fake) == 3:
            time.sleep(0.01)
        found = fake.one("deployments", "demo")
        metadata = {**found["metadata"], "labels": {"zdtrace.io/chaos": "disabled"}}
        fake.put("deployments", {**found, "metadata": metadata})

    threading.Thread(target=forbid, daemon=True).start()
    outcome = start(parse({"scale": {"by": 2, "pause": "0.5s"}}, **quick))
    assert outcome.state == "failed"
    assert "zdtrace.io/chaos=disabled" in outcome.reason
    assert replicas(fake) == 3


def test_a_run_without_requests_is_inconclusive_and_its_line_is_kept(
    fake: FakeCluster, parse: Parse, start: Callable[..., Outcome]
) -> None:
    fake.deploy("demo")
    experiment = parse(UP, **QUICK)
    outcome = start(experiment)
    judged = judge(experiment, outcome)
    assert (judged.verdict, judged.exit_code, judged.before, judged.has_changed) == ("inconclusive", 3, None, True)
    assert (outcome.journal.parent / RUNS).is_file()
    assert [each["verdict"] for each in read_runs(outcome.journal.parent)] == ["inconclusive"]
    assert journals(outcome.journal.parent) == [outcome.journal]
    again = judge(experiment, start(experiment))
    assert (again.before, again.has_changed) == ("inconclusive", False)


@pytest.mark.parametrize(("line", "latency_ms", "is_failed"), [
    ({"probe": 1, "intended_at_ns": 0, "ended_at_ns": 5_000_000, "status": 200, "error": None}, 5, False),
    ({"probe": 1, "intended_at_ns": 0, "ended_at_ns": 5_000_000, "status": 503, "error": None}, 5, True),
    ({"probe": 1, "intended_at_ns": 0, "ended_at_ns": 5_000_000, "status": 200, "is_truncated": True}, 5, True),
    ({"latency": 0.25, "timestamp": 1, "thread": 0, "iter": 0, "ok": True, "details": "200"}, 250, False),
    ({"latency": 0.25, "timestamp": 1, "thread": 0, "iter": 0, "ok": False, "details": "-1"}, 250, True),
    ({"metric": "http_req_duration", "type": "Point", "data": {
        "time": "2026-11-26T12:00:00.5Z", "value": 12.5, "tags": {"status": "429"}}}, 12.5, True),
])
def test_requests_are_read_while_they_are_sent(line: dict[str, object], latency_ms: float, is_failed: bool) -> None:
    found = parsed(json.dumps(line).encode())
    assert found is not None
    assert (found.latency_ms, found.is_failed) == (latency_ms, is_failed)


@pytest.mark.parametrize("line", [
    b"", b"{", b"[]", b"5", b'{"probe": 1}', b'{"latency": "x"}',
    b'{"latency": 1e999, "timestamp": 1, "details": "200"}',
    b'{"probe": 1, "is_canary": true, "ended_at_ns": 1, "intended_at_ns": 0}',
])
def test_other_lines_of_a_log_are_no_requests(line: bytes) -> None:
    assert parsed(line) is None
