"""What proofs are made of in these tests: workloads and recommendations of a few words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster

from zdtrace.analysis.advice import Answer
from zdtrace.analysis.draining import Drain
from zdtrace.analysis.patching import change_of
from zdtrace.analysis.propagation import Claim
from zdtrace.analysis.recommendation import Recommendation
from zdtrace.analysis.remedies import Remedy
from zdtrace.analysis.workloads import Versions
from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.workloads import Workload, read_workload
from zdtrace.collectors.api import Access, connect
from zdtrace.proving.treatment import Treatment, treatment

Manifest = dict[str, Any]


@pytest.fixture
def workload() -> Callable[..., Manifest]:
    """A Deployment of one container; words go to the container, `spec` to the workload, `pod` to its pods."""

    def make(*, spec: Manifest | None = None, pod: Manifest | None = None, **container: Any) -> Manifest:
        first = {"name": "web", "image": "registry.example/web:1", "ports": [{"containerPort": 8080}], **container}
        return {
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
            "spec": {"replicas": 3, "template": {"spec": {"containers": [first], **(pod or {})}}, **(spec or {})},
        }

    return make


@pytest.fixture
def advice() -> Callable[..., Recommendation]:
    """A recommendation for a workload: remedies are (name, surely avoids, possibly avoids)."""

    def make(
        manifest: Manifest, *remedies: tuple[str, int, int], prestop_s: int | None = None,
        grace_period_s: int | None = None, verdict: Answer = Answer.RECOMMENDED, failed: int = 10,
        reasons: tuple[str, ...] = (),
    ) -> Recommendation:
        change = None if verdict is Answer.INCONCLUSIVE else change_of(
            manifest, prestop_s, grace_period_s, Versions(37, (37,))
        )
        return Recommendation(
            workload="shop/Deployment/web", recordings=("baseline-1",), verdict=verdict, sentence="So it is.",
            prestop_s=prestop_s, grace_period_s=grace_period_s, current_prestop_s=0.0, current_grace_period_s=30,
            seen_s=1.0, is_at_least=False, claim=Claim(0.95, 0.05, 1), more_runs=(), requests=1000, failed=failed,
            near_misses=0, needs=(), primary_remedy=remedies[0][0] if remedies else None,
            remedies=tuple(Remedy(name, sure, maybe, f"do {name}") for name, sure, maybe in remedies),
            drain=Drain(Claim(0.95, 0.0, 0), 0, 0.0, None, 0.0),
            counterfactual=(), price=None, change=change, reasons=reasons, wanted=(), notes=(),
        )

    return make


@pytest.fixture
def sleeps(workload: Callable[..., Any], advice: Callable[..., Recommendation]) -> Callable[..., Callable[[int], Any]]:
    """Advice that says these lengths of preStop, one after the other, then that nothing helps."""

    def make(*lengths: int, remedy: str = "fix_application") -> Callable[[int], Any]:
        def judge(number: int) -> tuple[Recommendation, Treatment]:
            manifest = workload()
            if number < len(lengths):
                found = advice(manifest, ("prestop", 17, 17), prestop_s=lengths[number])
            else:
                found = advice(manifest, (remedy, 17, 17), verdict=Answer.WRONG_MEDICINE)
            return found, treatment(manifest, found)

        return judge

    return make


@pytest.fixture
def workload_of() -> Callable[..., Workload]:
    """A workload of the namespace `shop` as the API server has it."""
    return lambda cluster, name: read_workload(cluster, Ref(kind="Deployment", name=name, namespace="shop"))


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with FakeCluster() as found:
        found.deploy("demo")
        yield found


@pytest.fixture
def cluster(fake: FakeCluster, tmp_path: Path) -> Iterator[Cluster]:
    api = connect(Access(kubeconfig=str(fake.kubeconfig(tmp_path)), timeout_s=5))
    yield Cluster(api)
    api.close()
