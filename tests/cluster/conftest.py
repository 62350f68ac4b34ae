"""A real cluster for all tests of this folder: built and started once, ended with the run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from clusters import LAB, Cluster, Lab, cache_folder, lab_at, why_no_lab
from images import make_root

HERE = Path(__file__).parent
IMAGE = "lab.local/zdtrace:lab"
LAB_HOME = Path("/var/tmp")  # noqa: S108 - sockets in it need a short path, and the name is of this checkout alone


@pytest.hookimpl(tryfirst=True)  # before pytest itself leaves out by `-m`
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark these tests, and run them last: the lab may still be building meanwhile."""
    ours = [each for each in items if HERE in each.path.parents]
    for each in ours:
        each.add_marker(pytest.mark.cluster)
    items.sort(key=lambda each: HERE in each.path.parents)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """The cluster that `--kubeconfig` names, else the lab."""
    kubeconfig = request.config.getoption("--kubeconfig")
    if kubeconfig:
        yield Cluster(Path(kubeconfig).resolve())
    else:
        yield request.getfixturevalue("lab")


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """The lab, up. One that LAB_STATE names and that is up already is used as it is and left so."""
    if request.config.getoption("--kubeconfig"):
        pytest.skip("it breaks parts of the cluster, so it runs in the lab only (without --kubeconfig)")
    cache = cache_folder()
    if reason := why_no_lab(cache):
        pytest.skip(f"{reason}; name a cluster with --kubeconfig FILE instead")
    of_this_checkout = "zdtest-" + hashlib.sha256(str(HERE).encode()).hexdigest()[:6]
    state = Path(os.environ.get("LAB_STATE", str(LAB_HOME / of_this_checkout)))
    name = os.environ.get("LAB_NAME", of_this_checkout)
    found = lab_at(cache, state, name)
    with Path(f"{state}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        was_up = "LAB_STATE" in os.environ and (state / "node1.pid").exists()
        _do("build", found)
        _do("up", found)
        yield found
        if not was_up:
            _do("down", found)


@pytest.fixture(scope="session")
def image(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Put an image of zdtrace where the kubelet finds it; returns its name."""
    folder = tmp_path_factory.mktemp("image")
    make_root(folder / "root")
    archive = folder / "zdtrace.tar"
    words = (sys.executable, LAB / "image.py", IMAGE, folder / "root", archive, "/python/bin/zdtrace")
    settings = ("HOME=/tmp", "PYTHONDONTWRITEBYTECODE=1", "PATH=/python/bin:/bin")
    subprocess.run([*map(str, words), *settings], check=True)
    socket = lab.state / "node1" / "containerd.sock"
    lab.run("ctr", "--address", socket, "--namespace", "k8s.io", "images", "import", archive, timeout=300)
    shutil.rmtree(folder)
    return IMAGE


def _do(script: str, lab: Lab) -> None:
    done = subprocess.run(
        [LAB / script], env=lab.environment, capture_output=True, text=True, timeout=3000, check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, f"tests/lab/{script} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
