"""What a proof does to a workload, and that all is taken back: in one go, after kill -9, beside others' changes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.journal import ActionJournal, Header, read_journal
from zdtrace.chaos.undoing import undo
from zdtrace.errors import ClusterError, UsageError
from zdtrace.proving.hands import TURN, Hands, check_may_be_restarted
from zdtrace.proving.treatment import Treatment

DEMO = Ref(kind="Deployment", name="demo", namespace="shop")


@pytest.fixture
def journal(cluster: Cluster, tmp_path: Path) -> Iterator[ActionJournal]:
    header = Header(id="prove-1", experiment="prove", target=DEMO, server=cluster.api.server)
    with ActionJournal(tmp_path / "proof.journal", header) as opened:
        yield opened


def template(fake: FakeCluster) -> Any:
    return copy.deepcopy(fake.one("deployments", "demo")["spec"]["template"])


def turn(fake: FakeCluster) -> str | None:
    found = template(fake)["metadata"].get("annotations", {}).get(TURN)
    return None if found is None else str(found)


def sleeping(seconds: int) -> Treatment:
    patch = {"spec": {"template": {"spec": {"containers": [
        {"name": "app", "lifecycle": {"preStop": {"sleep": {"seconds": seconds}}}},
    ]}}}}
    return Treatment(steps=(), refused=(), patch=patch, warnings=(), prestop_s=seconds)


def quiet(_: str) -> None:
    pass


def rollouts(hands: Hands, fake: FakeCluster, count: int) -> list[str | None]:
    found = []
    for _ in range(count):
        hands.restart()
        found.append(turn(fake))
    return found


def test_five_rollouts_take_two_templates_and_two_steps_of_the_journal(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal
) -> None:
    before = template(fake)
    hands = Hands(cluster, DEMO, journal, lambda _: None)
    assert rollouts(hands, fake, 5) == ["a", "b", "a", "b", "a"]
    assert [step.plan.action for step in read_journal(journal.path).steps] == ["prove", "prove"]
    assert hands.restore(quiet).state == "restored"
    assert template(fake) == before


def test_changes_one_upon_the_other_are_taken_back_with_one_write(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal
) -> None:
    before = template(fake)
    hands = Hands(cluster, DEMO, journal, lambda _: None)
    rollouts(hands, fake, 2)
    for seconds in (6, 9):
        # The play's controllers are at once: its pods stay, so there is nothing to wait for.
        hands._make(cluster.prepare(DEMO, dict(sleeping(seconds).patch)), ("a longer sleep",))
        rollouts(hands, fake, 2)
    hands.check_still_ours()
    writes = len(fake.writes)
    assert hands.restore(quiet).state == "restored"
    assert len(fake.writes) == writes + 1
    assert template(fake) == before
    assert read_journal(journal.path).to_undo == ()


@pytest.mark.parametrize("restarts", [0, 1, 2, 3])
def test_what_kill_9_leaves_behind_chaos_undo_takes_back(
    fake: FakeCluster, cluster: Cluster, tmp_path: Path, restarts: int
) -> None:
    before = template(fake)
    header = Header(id="prove-1", experiment="prove", target=DEMO, server=cluster.api.server)
    with ActionJournal(tmp_path / "cut.journal", header) as journal:
        hands = Hands(cluster, DEMO, journal, lambda _: None)
        rollouts(hands, fake, restarts)
        hands._make(cluster.prepare(DEMO, dict(sleeping(6).patch)), ("sleep",))
    undo(tmp_path / "cut.journal", cluster, quiet)
    assert template(fake) == before


def test_kept_changes_stay_and_only_the_mark_goes(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal
) -> None:
    hands = Hands(cluster, DEMO, journal, lambda _: None)
    rollouts(hands, fake, 3)
    hands._make(cluster.prepare(DEMO, dict(sleeping(6).patch)), ("sleep",))
    assert hands.restore(quiet, keeps_changes=True).is_good
    assert turn(fake) is None
    assert template(fake)["spec"]["containers"][0]["lifecycle"] == {"preStop": {"sleep": {"seconds": 6}}}


def test_what_somebody_else_set_meanwhile_stays_and_is_told_of(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal
) -> None:
    hands = Hands(cluster, DEMO, journal, lambda _: None)
    rollouts(hands, fake, 1)
    hands._make(cluster.prepare(DEMO, dict(sleeping(6).patch)), ("sleep",))
    deployment = copy.deepcopy(fake.one("deployments", "demo"))
    deployment["spec"]["template"]["spec"]["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"] = 30
    fake.put("deployments", deployment)
    with pytest.raises(ClusterError, match="somebody changed deployment/demo meanwhile"):
        hands.check_still_ours()
    done = hands.restore(quiet)
    assert (done.state, turn(fake)) == ("overwritten", None)
    lifecycle = template(fake)["spec"]["containers"][0]["lifecycle"]
    assert lifecycle["preStop"]["sleep"]["seconds"] == 30
    assert read_journal(journal.path).to_undo != ()


def test_the_mark_of_a_proof_that_was_cut_off_is_not_taken_for_the_original(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal
) -> None:
    rollouts(Hands(cluster, DEMO, journal, lambda _: None), fake, 1)
    with pytest.raises(ClusterError, match="carries the mark of a proof that was cut off"):
        Hands(cluster, DEMO, journal, lambda _: None).restart()


@pytest.mark.parametrize(("spec", "why"), [
    ({"paused": True}, "is paused"), ({"replicas": 0}, "wants no pods"),
    ({"updateStrategy": {"type": "OnDelete"}}, "OnDelete"),
    ({"updateStrategy": {"rollingUpdate": {"partition": 2}}}, "partition"),
])
def test_a_workload_that_would_not_roll_out_is_refused(
    fake: FakeCluster, cluster: Cluster, journal: ActionJournal, spec: dict[str, Any], why: str,
    workload_of: Callable[..., Any],
) -> None:
    fake.deploy("other", **{"replicas": 3, **spec})
    with pytest.raises(UsageError, match=why):
        check_may_be_restarted(workload_of(cluster, "other"))
