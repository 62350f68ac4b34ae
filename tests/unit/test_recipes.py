"""The recipes for other tools: files that parse, whose every command of ours is one that exists."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from zdtrace.cli.app import COMMANDS, Deferred

RECIPES = Path(__file__).parents[2] / "deploy" / "recipes"
FILES = sorted(RECIPES.iterdir())


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each command of ours, up to what ends it in a shell."""
    lines = "\n".join(line for line in text.split("\n") if not line.lstrip().startswith("#"))
    joined = re.sub(r"\n\s+(?=zdtrace )", " ", lines)
    for found in re.findall(r"(?<![/\w.-])zdtrace ((?:record|analyze|probe|prove) [^\n&|;]+)", joined):
        yield shlex.split(found.replace('"$@"', "").replace("$URL", "http://u/").replace("$recording", "r"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_command_in_a_recipe_is_understood(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    entries = {each.name: each for each in COMMANDS}
    found = list(commands(text))
    assert found or "zdtrace.chaostoolkit" in text
    for name, *words in found:
        Deferred(entries[name], []).load().make_context(name, words)


@pytest.mark.parametrize("path", [each for each in FILES if each.suffix == ".yaml"], ids=lambda path: path.name)
def test_a_recipe_is_one_document_of_yaml(path: Path) -> None:
    (document,) = yaml.safe_load_all(path.read_text(encoding="utf-8"))
    assert isinstance(document, dict)
