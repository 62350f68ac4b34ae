"""A cluster that can be changed, hands for it, and experiments on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_cluster import FakeCluster, same_chance

from zdtrace.chaos.actions.base import Scene
from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.chaos.experiment import Experiment, parse_experiment
from zdtrace.chaos.scenes import look
from zdtrace.collectors.api import Access, connect

Parse = Callable[..., Experiment]
Look = Callable[[Experiment], Scene]


@pytest.fixture
def fake() -> Iterator[FakeCluster]:
    with FakeCluster() as found:
        yield found


@pytest.fixture
def cluster(fake: FakeCluster, tmp_path: Path) -> Iterator[Cluster]:
    api = connect(Access(kubeconfig=str(fake.kubeconfig(tmp_path)), timeout_s=5))
    yield Cluster(api)
    api.close()


@pytest.fixture
def demo() -> Ref:
    return Ref(kind="Deployment", name="demo", namespace="shop")


@pytest.fixture
def parse() -> Parse:
    """Read an experiment: `parse("deletePods", safety={"minReady": 2})`."""

    def parsed(*actions: Any, **rest: Any) -> Experiment:
        return parse_experiment({
            "zdtrace": 1, "name": "one", "target": {"workload": "deployment/demo", "namespace": "shop"},
            "actions": list(actions or ["deletePods"]), "safety": {"namespaces": ["shop"], **rest.pop("safety", {})},
            **rest,
        })

    return parsed


@pytest.fixture
def at(cluster: Cluster) -> Look:
    """Look at the target of an experiment, with chances that are always the same."""
    return lambda experiment: look(experiment, cluster, same_chance())
