"""A cluster that can be changed, and hands for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_cluster import FakeCluster

from zdtrace.chaos.cluster import Cluster, Ref
from zdtrace.collectors.api import Access, connect


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
