"""What may be changed of a workload is changed, and what may not is named with its reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.analysis.remedies import OTHER, WORDS
from zdtrace.proving.treatment import _MAKERS, _WHY_NOT, treatment

Make = Callable[..., Any]
Advise = Callable[..., Recommendation]


def pod(patch: Any) -> dict[str, Any]:
    found: dict[str, Any] = patch["spec"]["template"]["spec"]
    return found


def test_prestop_and_probe_of_one_container_are_one_patch(workload: Make, advice: Advise) -> None:
    manifest = workload()
    found = treatment(manifest, advice(manifest, ("readiness_probe", 40, 40), ("prestop", 17, 20), prestop_s=6))
    assert pod(found.patch)["containers"] == [{
        "name": "web", "lifecycle": {"preStop": {"sleep": {"seconds": 6}}},
        "readinessProbe": {"tcpSocket": {"port": 8080}, "periodSeconds": 2, "failureThreshold": 3},
    }]
    assert found.words == "container web: preStop sleeps 6 s; container web: readinessProbe tcpSocket 8080, every 2 s"
    assert (found.refused, found.prestop_s) == ((), 6)


def test_a_grace_period_alone_is_a_patch_without_a_hook(workload: Make, advice: Advise) -> None:
    manifest = workload(pod={"terminationGracePeriodSeconds": 5})
    found = treatment(manifest, advice(
        manifest, ("grace_period", 9, 9), grace_period_s=22, verdict=Answer.WRONG_MEDICINE,
    ))
    assert pod(found.patch) == {"terminationGracePeriodSeconds": 22}
    assert (found.prestop_s, found.grace_period_s) == (None, 22)


def test_a_new_probe_asks_what_the_liveness_probe_asks(workload: Make, advice: Advise) -> None:
    manifest = workload(livenessProbe={"httpGet": {"path": "/healthz", "port": 8080}, "initialDelaySeconds": 30})
    found = treatment(manifest, advice(manifest, ("readiness_probe", 4, 4), verdict=Answer.WRONG_MEDICINE))
    (container,) = pod(found.patch)["containers"]
    assert container["readinessProbe"] == {
        "httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 2, "failureThreshold": 3,
    }


@pytest.mark.parametrize(("container", "why"), [
    ({"readinessProbe": {"tcpSocket": {"port": 8080}}}, "has a readiness probe"),
    ({"ports": []}, "names no port"),
])
def test_a_probe_that_cannot_be_known_is_refused(
    workload: Make, advice: Advise, container: dict[str, Any], why: str
) -> None:
    manifest = workload(**container)
    found = treatment(manifest, advice(manifest, ("readiness_probe", 4, 4), verdict=Answer.WRONG_MEDICINE))
    assert found.is_empty
    (refusal,) = found.refused
    assert why in refusal.why


@pytest.mark.parametrize(("strategy", "expected"), [
    ({}, {"maxUnavailable": 0, "maxSurge": "25%"}),
    ({"rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}}, {"maxUnavailable": 0, "maxSurge": 1}),
    ({"type": "Recreate"}, "strategy Recreate is chosen"),
    ({"rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}, "more replicas are yours to pay for"),
])
def test_no_pod_is_ended_before_another_is_ready_unless_that_was_chosen(
    workload: Make, advice: Advise, strategy: dict[str, Any], expected: dict[str, Any] | str
) -> None:
    manifest = workload(spec={"strategy": strategy})
    found = treatment(manifest, advice(manifest, ("replicas", 4, 4), verdict=Answer.WRONG_MEDICINE))
    if isinstance(expected, str):
        assert expected in found.refused[0].why
    else:
        assert found.patch["spec"]["strategy"]["rollingUpdate"] == expected


def test_what_only_may_help_is_applied_only_when_the_rest_is_not_enough(workload: Make, advice: Advise) -> None:
    manifest = workload()
    both = (("prestop", 17, 20), ("readiness_probe", 0, 3))
    found = treatment(manifest, advice(manifest, *both, prestop_s=6, failed=17))
    assert [step.remedy for step in found.steps] == ["prestop"]
    assert "surely avoids nothing" in found.refused[0].why
    # Of 20 failures 3 are left that preStop may not have avoided.
    more = treatment(manifest, advice(manifest, *both, prestop_s=6, failed=20))
    assert [step.remedy for step in more.steps] == ["prestop", "readiness_probe"]


def test_a_prestop_that_is_long_enough_is_no_step(workload: Make, advice: Advise) -> None:
    manifest = workload(lifecycle={"preStop": {"sleep": {"seconds": 30}}})
    found = treatment(manifest, advice(manifest, ("prestop", 2, 2), prestop_s=6))
    assert found.is_empty
    assert "sleeps long enough already" in found.refused[0].why


def test_each_remedy_is_applied_or_refused_with_a_reason(workload: Make, advice: Advise) -> None:
    ours = {"prestop", "grace_period", *_MAKERS}
    assert set(WORDS) - {OTHER} == ours | set(_WHY_NOT)
    manifest = workload()
    for name in set(_WHY_NOT):
        found = treatment(manifest, advice(manifest, (name, 3, 3), verdict=Answer.WRONG_MEDICINE))
        assert found.is_empty, name
        assert found.refused[0].why == _WHY_NOT[name]


def test_a_revision_is_shown_with_all_that_was_changed_before(workload: Make, advice: Advise) -> None:
    manifest = workload()
    probe = treatment(manifest, advice(manifest, ("readiness_probe", 9, 9), verdict=Answer.WRONG_MEDICINE, failed=9))
    first = treatment(manifest, advice(manifest, ("prestop", 9, 9), prestop_s=3, failed=9))
    longer = treatment(manifest, advice(manifest, ("prestop", 9, 9), prestop_s=4, failed=9))
    whole = longer.upon(probe.upon(first))
    (container,) = pod(whole.patch)["containers"]
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 4}}}
    assert container["readinessProbe"]["tcpSocket"] == {"port": 8080}
    assert ([step.remedy for step in whole.steps], whole.prestop_s) == (["readiness_probe", "prestop"], 4)
