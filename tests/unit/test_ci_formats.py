"""What CI reads: JUnit, SARIF and Markdown of one diagnosis, of names that want to be more than names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from builders import Incident, answered, refused

from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Diagnosis, diagnose
from zdtrace.errors import UsageError
from zdtrace.recording.store import open_recording
from zdtrace.reporting.junit import as_junit
from zdtrace.reporting.manifests import Place, places
from zdtrace.reporting.sarif import as_sarif
from zdtrace.reporting.summary import as_markdown

CAUSES = [query.name for query in library().values() if query.schema == "causes" and query.name != "every"]
HOSTILE = "<script>alert(1)</script>]]>&\x1b[2J\u202e@all|[x](javascript:y)"


def story(workload: str = "shop", *, fails: int = 2) -> Incident:
    """Replace pod a of a workload by b; the last requests that go to a are refused."""
    incident = (
        Incident()
        .pod("a", ip="10.0.0.1", workload=workload, template="1", deleted=1_000, killed=1_020, exited=1_060, gone=1_400)
        .pod("b", ip="10.0.0.2", workload=workload, template="2", created=100)
    )
    for number in range(fails):
        incident.request(1_200 + number * 10, refused("a"))
    return incident.request(1_300, answered("b"))


@contextmanager
def diagnosed(incident: Incident) -> Iterator[Diagnosis]:
    with incident.recorded() as folder:
        yield diagnose(open_recording(folder), {"clock_bound_ms": "1"})


def test_junit_has_a_case_for_each_cause_and_fails_those_that_were_found() -> None:
    with diagnosed(story()) as diagnosis:
        root = ElementTree.fromstring(as_junit(diagnosis))
    shop, evidence = root.findall("testsuite")
    assert shop.get("name") == "default/Deployment/shop"
    assert sorted(case.get("name", "") for case in shop) == sorted([*CAUSES, "unattributed"])
    assert [case.get("name") for case in shop if case.find("failure") is not None] == ["endpoint_lag_refused"]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == (str(len(CAUSES) + 2), "1", "0")
    assert (evidence.get("tests"), evidence.get("errors")) == ("1", "0")


def test_junit_of_a_clean_rollout_passes_every_case() -> None:
    with diagnosed(story(fails=0)) as diagnosis:
        root = ElementTree.fromstring(as_junit(diagnosis))
    assert (root.get("failures"), root.get("errors")) == ("0", "0")
    assert root.findall("testsuite")[0].get("name") == "default/Deployment/shop"


def test_junit_calls_a_recording_that_cannot_tell_an_error_and_no_failure() -> None:
    with diagnosed(Incident().pod("a", ip="10.0.0.1")) as diagnosis:
        root = ElementTree.fromstring(as_junit(diagnosis))
    assert (root.get("failures"), root.get("errors")) == ("0", "1")
    assert root.findall("testsuite")[-1].findall("testcase/error")


def test_a_fingerprint_in_sarif_stays_while_counts_change() -> None:
    found = []
    for fails in (2, 5):
        with diagnosed(story(fails=fails)) as diagnosis:
            (result,) = json.loads(as_sarif(diagnosis))["runs"][0]["results"]
        found.append((result["partialFingerprints"], result["properties"]["failed"]))
    with diagnosed(story("other")) as diagnosis:
        (other,) = json.loads(as_sarif(diagnosis))["runs"][0]["results"]
    assert found[0][0] == found[1][0] != other["partialFingerprints"]
    assert [failed for _, failed in found] == [2, 5]


def test_sarif_points_at_the_manifest_when_it_is_given(tmp_path: Path) -> None:
    manifest = tmp_path / "deploy.yaml"
    manifest.write_text(
        "kind: Service\nmetadata: {name: shop}\n---\n# the shop\n"
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shop}\n"
    )
    known = places(manifest)
    assert {name: place.line for name, place in known.items()} == {"Service/shop": 1, "Deployment/shop": 5}
    with diagnosed(story()) as diagnosis:
        (result,) = json.loads(as_sarif(diagnosis, known))["runs"][0]["results"]
        (unplaced,) = json.loads(as_sarif(diagnosis, {"Deployment/other": Place("x.yaml", 1)}))["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["region"] == {"startLine": 5}
    assert "physicalLocation" not in unplaced["locations"][0]


@pytest.mark.parametrize(("text", "names"), [
    ("", []), ("just words", []), ("- a\n- b\n", []), ("kind: X\n", []), ("kind: [a]\nmetadata: {name: b}\n", []),
    ("kind: X\nmetadata: {name: b, namespace: n}\n", ["X/b", "n/X/b"]),
    ("kind: List\nitems:\n- kind: X\n  metadata: {name: b}\n", ["X/b"]),
    ("&a [*a, *a]\n", []),
])
def test_a_manifest_may_hold_anything(tmp_path: Path, text: str, names: list[str]) -> None:
    (tmp_path / "m.yaml").write_text(text)
    assert list(places(tmp_path / "m.yaml")) == names


@pytest.mark.parametrize("content", [b"{{ template }}: {{ x", b"\xff\xfe\x00", b"a: b: c", b"[" * 100_000])
def test_what_is_no_yaml_is_wrong_use(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.yaml").write_bytes(content)
    with pytest.raises(UsageError):
        places(tmp_path / "m.yaml")


def test_names_of_strangers_are_text_in_every_format() -> None:
    with diagnosed(story(HOSTILE)) as diagnosis:
        junit, sarif, markdown = as_junit(diagnosis), as_sarif(diagnosis), as_markdown(diagnosis)
    suite = ElementTree.fromstring(junit).findall("testsuite")[0]
    assert "<script>alert(1)</script>]]>&\\x1b[2J\\u202e@all" in (suite.get("name") or "")
    message = json.loads(sarif)["runs"][0]["results"][0]["message"]["text"]
    assert "\\[x\\](javascript:y)" in message
    for text in (junit, sarif, markdown):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "<script>" not in markdown


def test_markdown_says_the_verdict_the_causes_and_what_to_do() -> None:
    with diagnosed(story()) as diagnosis:
        text = as_markdown(diagnosis)
    assert text.startswith("### ❌ FAIL: 2 of 3 requests failed: all of them went to a pod")
    assert "| Sent to an ending pod, refused (endpoint_lag_refused) | 2 | 0 |" in text
    assert "- **endpoint_lag_refused**: preStop sleep at least as long as" in text
