"""An experiment's file: what it may say is said by a schema, and by the reader in the same way."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.experiment import Experiment, parse_experiment, read_experiment
from zdtrace.chaos.starting import starter
from zdtrace.errors import UsageError
from zdtrace.resources import folder

SCHEMA = json.loads(folder("reports").joinpath("schema/experiment-1.json").read_text(encoding="utf-8"))
LEAST: dict[str, Any] = {
    "zdtrace": 1, "name": "one", "target": {"workload": "deployment/demo"}, "actions": ["deletePods"],
}


def with_comments_read(text: str) -> dict[str, Any]:
    """Everything of the starter that is commented out as an example, taken for real."""
    lines = []
    for line in text.splitlines():
        stripped = line.lstrip()
        is_example = stripped.startswith("# ") and (":" in stripped or stripped.startswith("# -"))
        is_talk = line.startswith("#   ") or "that there" in line or stripped.startswith(("# An ", "# Times", "# Done"))
        is_talk = is_talk or stripped.startswith(("# Where", "# The target"))
        lines.append(line.replace("# ", "", 1) if is_example and not is_talk else line)
    found = yaml.safe_load("\n".join(lines))
    assert isinstance(found, dict)
    return found


def test_the_starter_is_an_experiment_as_it_comes_and_by_the_schema() -> None:
    found = yaml.safe_load(starter("deployment/demo", "shop", "http://example.com/demo"))
    jsonschema.validate(found, SCHEMA)
    experiment = parse_experiment(found)
    assert [each.action.name for each in experiment.actions] == ["deletePods"]
    assert (experiment.target.name, experiment.target.namespace) == ("demo", "shop")


def test_every_example_in_the_starter_may_be_taken_and_every_field_is_in_it() -> None:
    found = with_comments_read(starter("deployment/demo", "shop", "http://example.com/demo"))
    jsonschema.validate(found, SCHEMA)
    experiment = parse_experiment(found)
    assert {each.action.name for each in experiment.actions} == set(ACTIONS)
    assert set(found) == set(SCHEMA["properties"])
    for section in ("target", "load", "steadyState", "repeat", "abort", "safety", "report"):
        assert set(found[section]) == set(SCHEMA["properties"][section]["properties"]), section


def test_the_starter_keeps_hostile_names_out_of_its_yaml() -> None:
    text = starter("deployment/demo", "x\nsafety: {namespaces: [kube-system]}", "http://a/\n# b")
    found = yaml.safe_load(text)
    assert found["target"]["namespace"] == "x\nsafety: {namespaces: [kube-system]}"
    assert "namespaces" not in found["safety"]


def test_every_action_has_its_part_of_the_schema() -> None:
    actions = SCHEMA["properties"]["actions"]["items"]["oneOf"][1]["properties"]
    assert set(actions) == set(ACTIONS)


@pytest.mark.parametrize(("change", "field"), [
    ({"zdtrace": 2}, "zdtrace"),
    ({"name": "One!"}, "name"),
    ({"target": {}}, "target.workload"),
    ({"target": {"workload": "pod/demo"}}, "pod/demo"),
    ({"target": {"workload": "deployment/demo", "namespace": "../x"}}, "target.namespace"),
    ({"actions": []}, "actions"),
    ({"actions": ["explode"]}, "explode"),
    ({"actions": [{"deletePods": {"count": 0}}]}, "actions[0].deletePods.count"),
    ({"actions": [{"deletePods": {"count": 1, "share": "50%"}}]}, "actions[0].deletePods.share"),
    ({"actions": [{"deletePods": {"cuont": 1}}]}, "actions[0].deletePods.cuont"),
    ({"actions": [{"scale": {}}]}, "actions[0].scale.replicas"),
    ({"actions": [{"scale": {"replicas": 1, "by": 1}}]}, "actions[0].scale.replicas"),
    ({"actions": [{"changeTemplate": {"image": "a", "template": {}}}]}, "actions[0].changeTemplate.image"),
    ({"actions": [{"switchBackend": {"from": "a", "to": "b"}}]}, "actions[0].switchBackend.ingress"),
    ({"actions": [{"deletePods": {}, "scale": {}}]}, "actions[0]"),
    ({"load": {"probe": {"url": "http://x", "rate": 0}}}, "load.probe.rate"),
    ({"load": {"requests": "x.ndjson"}}, "load.requests"),
    ({"steadyState": {"for": "soon"}}, "steadyState.for"),
    ({"steadyState": {"failedRatio": "120%"}}, "steadyState.failedRatio"),
    ({"abort": {"failedRequests": True}}, "abort.failedRequests"),
    ({"safety": {"quietHours": [{"days": ["someday"]}]}}, "safety.quietHours[0].days"),
    ({"report": {"keep": 0}}, "report.keep"),
    ({"unknown": 1}, "unknown"),
])
def test_what_is_wrong_is_refused_by_its_name_and_by_the_schema(change: dict[str, Any], field: str) -> None:
    found = {**LEAST, **change}
    with pytest.raises(UsageError) as refused:
        parse_experiment(found)
    assert field in refused.value.message
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(found, SCHEMA)


def test_a_limit_on_requests_without_requests_is_refused(parse: Callable[..., Experiment]) -> None:
    with pytest.raises(UsageError, match="nothing sends any"):
        parse(abort={"failedRatio": "5%"})


@pytest.mark.parametrize("limits", [
    {"abort": {"failedRequests": 5}}, {"abort": {"failedRatio": "5%"}}, {"abort": {"p99": "1s"}},
    {"steadyState": {"p90": "1s"}},
])
@pytest.mark.parametrize("command", [
    "vegeta attack -rate 5", "hey -n 5 URL", "oha -z 5s URL", "jmeter -t plan.jmx", "python3 -m locust --headless",
    "k6 run --out csv=k6.csv a.js", "fortio load -access-log-file x -access-log-format influx URL", "./own.sh",
])
def test_a_limit_that_nobody_could_see_exceeded_is_refused(
    command: str, limits: dict[str, Any], parse: Callable[..., Experiment]
) -> None:
    with pytest.raises(UsageError, match="cannot be read before it ends"):
        parse(load={"command": command}, **limits)
    beside = {"command": command, "probe": {"url": "http://example.com/"}}
    assert parse(load=beside, **limits).load.is_seen, "a probe beside it sees"


@pytest.mark.parametrize("command", [
    "fortio load URL", "/opt/bin/k6 run a.js", "k6 run -o json=x.json a.js", "python3 -m zdtrace probe URL",
])
def test_a_load_whose_log_is_read_as_it_grows_may_end_it(command: str, parse: Callable[..., Experiment]) -> None:
    assert parse(load={"command": command}, abort={"failedRatio": "5%"}).load.is_seen


@pytest.mark.parametrize("text", [
    b"\xff\xfe", b"[", b"- a", b"a: &a [*a]\nb: *b", b"!!python/object:os.system x", b"5",
])
def test_a_file_that_is_no_experiment_gets_an_error_and_no_traceback(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(text)
    with pytest.raises(UsageError):
        read_experiment(path)


def test_a_missing_file_says_where_one_comes_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as missing:
        read_experiment(tmp_path / "none.yaml")
    assert "chaos init" in (missing.value.hint or "")
