"""What no experiment may do: each rule with a case where it forbids, and one where it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fake_cluster import FakeCluster, same_chance
from hypothesis import given
from hypothesis import strategies as st

from zdtrace.chaos.cluster import Cluster
from zdtrace.chaos.experiment import Experiment
from zdtrace.chaos.fields import Fields
from zdtrace.chaos.hours import Hours
from zdtrace.chaos.scenes import planned

Parse = Callable[..., Experiment]
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)  # a Thursday


@pytest.fixture
def why(cluster: Cluster) -> Callable[..., list[str]]:
    """Say why the first action of an experiment is refused, if it is."""

    def refused(experiment: Experiment, now: datetime = NOON) -> list[str]:
        action = experiment.actions[0].action
        return planned(experiment, cluster, action, same_chance(), lambda: now)[1]

    return refused


def budget(name: str, allowed: int, app: str = "demo") -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": name},
        "spec": {"selector": {"matchLabels": {"app": app}}}, "status": {"disruptionsAllowed": allowed},
    }


def test_a_workload_is_opted_in_by_its_label_or_by_its_namespace_and_else_refused(
    fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    fake.deploy("demo")
    assert why(parse()) == []
    (reason,) = why(parse(safety={"namespaces": []}))
    assert "is not opted in" in reason
    fake.deploy("demo", labels={"zdtrace.io/chaos": "enabled"})
    assert why(parse(safety={"namespaces": []})) == []


def test_a_label_that_forbids_wins_over_a_namespace_that_allows(
    fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    fake.deploy("demo", labels={"zdtrace.io/chaos": "disabled"})
    assert why(parse()) == ["deployment/demo says zdtrace.io/chaos=disabled"]


def test_a_pod_that_forbids_it_is_no_victim(fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]) -> None:
    fake.deploy("demo", replicas=1)
    (pod,) = fake.pods("demo")
    labels = {"app": "demo", "zdtrace.io/chaos": "disabled"}
    fake.put("pods", {**pod, "metadata": {**pod["metadata"], "labels": labels}})
    reasons = why(parse(safety={"minReady": 0, "maxShare": 1}))
    assert reasons == [f"pod/{pod['metadata']['name']} says zdtrace.io/chaos=disabled"]


@pytest.mark.parametrize("home", ["kube-system", "kube-public", "ingress-nginx", "edge"])
def test_the_cluster_itself_and_ingress_controllers_are_no_targets(
    home: str, fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    fake.deploy("demo", namespace=home, labels={"zdtrace.io/chaos": "enabled"})
    target = {"workload": "deployment/demo", "namespace": home}
    reasons = why(parse(target=target, safety={"namespaces": [home]}, ingress=["edge"]))
    assert len(reasons) == 1
    assert f"nothing in {home} is" in reasons[0]


def test_so_many_pods_stay_ready_and_no_larger_share_is_away(
    fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    fake.deploy("demo", replicas=4)
    two = {"deletePods": {"count": 2}}
    assert why(parse(two)) == []
    (few,) = why(parse(two, safety={"minReady": 3}))
    assert few == "2 of 4 ready pods would be away, and `safety.minReady` wants 3 to stay"
    (share,) = why(parse(two, safety={"maxShare": "25%"}))
    assert share == "2 of 4 pods are 50%, and `safety.maxShare` is 25%"


def test_a_share_is_rounded_down_and_is_at_least_one_pod(
    fake: FakeCluster, parse: Parse, cluster: Cluster
) -> None:
    fake.deploy("demo", replicas=5)
    for share, pods in (("50%", 2), ("1%", 1), ("100%", 5)):
        action = parse({"deletePods": {"share": share}}).actions[0].action
        plan, _ = planned(parse(), cluster, action, same_chance())
        assert len(plan.victims) == pods, share


def test_a_disruption_budget_is_kept_to_also_by_deletions_which_the_api_would_let_pass(
    fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    fake.deploy("demo", replicas=4)
    fake.put("poddisruptionbudgets", budget("others", 0, app="other"))
    fake.put("poddisruptionbudgets", budget("ours", 1))
    assert why(parse({"deletePods": {"count": 1}})) == []
    assert why(parse({"deletePods": {"count": 2}})) == [
        "the disruption budget ours allows 1 disruptions now, and 2 are planned"
    ]


def test_a_workload_that_is_busy_already_is_left_alone(
    fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]
) -> None:
    found = fake.deploy("demo")
    fake.put("deployments", {**found, "status": {**found["status"], "updatedReplicas": 1}})
    assert why(parse()) == ["deployment/demo is busy already: 1 of 3 pods are new"]


def test_nothing_is_done_in_quiet_hours(fake: FakeCluster, parse: Parse, why: Callable[..., list[str]]) -> None:
    fake.deploy("demo")
    # Noon in UTC is 13:00 in Berlin, in winter.
    quiet = {"quietHours": [{"from": "13:00", "to": "14:00"}], "timeZone": "Europe/Berlin"}
    assert why(parse(safety=quiet)) == ["these are quiet hours: 13:00 to 14:00 (Europe/Berlin)"]
    assert why(parse(safety=quiet), NOON + timedelta(hours=1)) == []


def hours(**found: Any) -> Hours:
    return Hours.read(Fields(found, "quietHours[0]"), "UTC")


def test_hours_over_midnight_belong_to_the_day_on_which_they_begin() -> None:
    night = hours(**{"from": "22:00", "to": "06:00", "days": ["fri"]})
    friday = datetime(2026, 11, 27, tzinfo=UTC)
    assert [hour for hour in range(48) if night.holds(friday + timedelta(hours=hour))] == [22, 23, *range(24, 30)]


def test_a_time_without_quotes_is_what_yaml_makes_of_it() -> None:
    assert hours(**{"from": 1320, "to": "24:00"}).words == "22:00 to 24:00 (UTC)"  # 22:00 in YAML 1.1


def test_hours_that_change_with_summer_time_are_those_on_the_wall() -> None:
    evening = Hours(from_minute=18 * 60, to_minute=19 * 60, zone="Europe/Berlin")
    assert evening.holds(datetime(2026, 7, 1, 16, 30, tzinfo=UTC))
    assert evening.holds(datetime(2026, 12, 1, 17, 30, tzinfo=UTC))
    assert not evening.holds(datetime(2026, 12, 1, 16, 30, tzinfo=UTC))


@given(st.integers(0, 1439), st.integers(0, 1440), st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_in_some_hours_or_in_the_rest_of_the_day(begin: int, end: int, now: datetime) -> None:
    some, rest = Hours(from_minute=begin, to_minute=end), Hours(from_minute=end % 1440, to_minute=begin or 1440)
    if begin != end % 1440:
        assert some.holds(now) != rest.holds(now)
