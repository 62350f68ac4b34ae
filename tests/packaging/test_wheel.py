"""The package as strangers get it: sdist, wheel from the sdist, installed away from the checkout."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import pytest

from zdtrace import __version__

ROOT = Path(__file__).parents[2]
SHIPPED = ("queries", "reports", "sample_data")
SHIPPED_INSIDE = tuple(f"zdtrace/{folder}/" for folder in SHIPPED)
pytestmark = pytest.mark.slow


def run(*words: str | Path, cwd: Path) -> str:
    """Run a program away from the checkout, offline, and return what it wrote."""
    alone = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PIP_"))}
    result = subprocess.run(
        words, cwd=cwd, env={**alone, "PIP_NO_INDEX": "1"}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def tracked(*folders: str) -> set[str]:
    """Files that git knows below these folders: what a release is made of."""
    words = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--", *folders]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout: nothing tells which files belong to it")
    return {name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, made of what git knows (others may be editing beside us)."""
    source = tmp_path_factory.mktemp("source")
    for name in tracked("."):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_bytes((ROOT / name).read_bytes())
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", source / "dist", cwd=source)
    return next((source / "dist").glob("*.tar.gz"))


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the sdist, as pip does it."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.iterdir())
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder / "dist", cwd=source)
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of a fresh venv that has the wheel; what it needs it sees in this environment."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, with_pip=False)
    run(sys.executable, "-m", "pip", "--python", folder / "bin" / "python",
        "install", "--quiet", "--no-deps", wheel, cwd=folder)
    home = next((folder / "lib").glob("python*/site-packages"))
    # That folder comes after the venv's own, and .pth files in it are not read: no editable zdtrace gets in.
    (home / "needs.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return folder / "bin"


def test_the_wheel_holds_every_query_page_and_sample_that_git_knows(wheel: Path) -> None:
    expected = {f"zdtrace/{name}" for name in tracked(*SHIPPED)}
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert {name for name in names if name.startswith(SHIPPED_INSIDE)} == expected
    assert any(name.endswith(".sql") for name in expected)
    assert {name for name in names if name.startswith("zdtrace/")} == expected | tracked("zdtrace")


def test_the_wheel_installs_nothing_beside_zdtrace(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        folders = {name.partition("/")[0] for name in archive.namelist()}
        licenses = [name for name in archive.namelist() if name.endswith("licenses/LICENSE")]
    assert folders == {"zdtrace", f"zdtrace-{__version__}.dist-info"}
    assert len(licenses) == 1


def test_the_sdist_brings_its_tests_and_documents(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert tracked("zdtrace", "tests", "docs", "benchmarks", *SHIPPED) <= names
    assert {"README.md", "LICENSE", "pyproject.toml", ".ci/run", "requirements-dev.txt"} <= names


def test_the_version_is_said_once(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert wheel.name == f"zdtrace-{__version__}-py3-none-any.whl"
    assert "version" not in project
    assert project["dynamic"] == ["version"]


def test_it_runs_outside_the_checkout(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "zdtrace", "--version", cwd=tmp_path) == f"zdtrace {__version__}\n"
    assert run(installed / "zdtrace", "--help", cwd=tmp_path).startswith("Usage: zdtrace ")
    assert run(installed / "kubectl-zdtrace", "--help", cwd=tmp_path).startswith("Usage: kubectl zdtrace ")
    assert run(installed / "python", "-m", "zdtrace", "--version", cwd=tmp_path) == f"zdtrace {__version__}\n"


def test_it_finds_its_queries_inside_itself(installed: Path, tmp_path: Path) -> None:
    code = "import zdtrace, zdtrace.resources; print(zdtrace.__file__, zdtrace.resources.folder('queries'))"
    package, queries = map(Path, run(installed / "python", "-c", code, cwd=tmp_path).split())
    assert installed.parent in package.parents
    assert queries == package.parent / "queries"


def imports_of(source: str) -> set[str]:
    """Top-level names of the modules that a source imports, anywhere in it."""
    nodes = list(ast.walk(ast.parse(source)))
    named = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in named}


def test_it_says_that_it_needs_what_it_imports() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needs = [*project["dependencies"], *chain(*project["optional-dependencies"].values())]
    declared = {need.partition(">")[0] for need in needs}
    modules = [ROOT / name for name in tracked("zdtrace") if name.endswith(".py")]
    sources = [module.read_text(encoding="utf-8") for module in modules]
    imported = set().union(*map(imports_of, sources)) - set(sys.stdlib_module_names) - {"zdtrace"}
    packages = packages_distributions()
    assert {packages[name][0].lower() for name in imported} <= declared
