"""An image of this zdtrace for the lab, where no registry is: what deploy/Containerfile makes, of what runs here.

A Python, zdtrace and the distributions that it requires, the libraries that they are linked with, and a shell.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution, requires
from pathlib import Path

from packaging.requirements import Requirement

import zdtrace

HOME = "python"
_NOT_NEEDED = ("__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "*.a")
_LIBRARY = re.compile(r"=> (/\S+)|^\s*(/\S+/ld-linux\S+)", re.MULTILINE)


def make_root(root: Path) -> None:
    """Fill a folder with the file system of the image."""
    python = root / HOME
    stdlib = Path(sysconfig.get_path("stdlib"))
    libraries = python / "lib" / stdlib.name
    shutil.copytree(stdlib, libraries, ignore=shutil.ignore_patterns("site-packages", *_NOT_NEEDED))
    (python / "bin").mkdir()
    shutil.copy(Path(sys.executable).resolve(), python / "bin" / "python")
    packages = libraries / "site-packages"
    for each in _required("zdtrace"):
        for file in each.files or ():
            here = Path(str(file.locate()))
            if ".." not in file.parts and "__pycache__" not in file.parts and here.is_file():
                _copy(here, packages / file)
    checkout = Path(zdtrace.__file__).parent
    shutil.copytree(checkout, packages / "zdtrace", ignore=shutil.ignore_patterns(*_NOT_NEEDED), dirs_exist_ok=True)
    for name in ("queries", "reports"):
        shutil.copytree(checkout.parent / name, packages / "zdtrace" / name, dirs_exist_ok=True)
    _copy(Path("/bin/sh").resolve(), root / "bin" / "sh")
    linked = [python / "bin" / "python", root / "bin" / "sh", *python.rglob("*.so*")]
    for library in _libraries(linked):
        _copy(library, root / str(library).lstrip("/"))
    (root / "tmp").mkdir(mode=0o1777)
    _entry(root)


def _entry(root: Path) -> None:
    """Put a `zdtrace` where image.py looks for the entry point: it takes one word, and no shell is here."""
    script = root / HOME / "bin" / "zdtrace"
    script.write_text(f"#!/{HOME}/bin/python\nimport sys\nfrom zdtrace.cli import main\nsys.exit(main())\n")
    script.chmod(0o755)


def _required(name: str) -> Iterator[Distribution]:
    """Yield the distributions that one requires here, and those that these do."""
    seen, waiting = {name}, [name]
    while waiting:
        for text in requires(waiting.pop()) or ():
            requirement = Requirement(text)
            known = re.sub(r"[-_.]+", "-", requirement.name).lower()
            if known not in seen and (requirement.marker is None or requirement.marker.evaluate({"extra": ""})):
                seen.add(known)
                waiting.append(known)
                yield distribution(known)


def _libraries(programs: Iterable[Path]) -> set[Path]:
    """Return the shared libraries that programs are linked with."""
    said = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    found = {Path(first or second) for first, second in _LIBRARY.findall(said)}
    return {each for each in found if each.is_file() and f"/{HOME}/" not in str(each)}


def _copy(file: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(file, to)
