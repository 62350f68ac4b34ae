"""The guide's examples are experiments, and what it says there is, is there."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.experiment import parse_experiment
from zdtrace.cli.app import CHAOS

GUIDE = (Path(__file__).parents[2] / "docs" / "guide" / "chaos.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES)
def test_an_example_of_the_guide_is_an_experiment(text: str) -> None:
    found = yaml.safe_load(text)
    schema = Path(__file__).parents[2] / "reports" / "schema" / "experiment-1.json"
    jsonschema.validate(found, yaml.safe_load(schema.read_text(encoding="utf-8")))
    assert parse_experiment(found).actions


def test_the_guide_has_every_action_and_every_command() -> None:
    assert set(re.findall(r"^\| `(\w+)` ", GUIDE, re.MULTILINE)) == set(ACTIONS)
    assert {each.name for each in CHAOS} <= set(re.findall(r"zdtrace chaos (\w+)", GUIDE))
