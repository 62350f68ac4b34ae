"""JUnit XML: a test case a workload and cause, as Jenkins, GitLab and GitHub actions read it."""

from __future__ import annotations

from xml.etree import ElementTree

from zdtrace.analysis import words
from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Diagnosis, Verdict
from zdtrace.printable import printable
from zdtrace.reporting.workloads import NO_WORKLOAD, Case, cases, workloads


def as_junit(diagnosis: Diagnosis) -> str:
    """Return the XML. Each workload has a case for every known cause, so that a case that passes is seen to pass."""
    root = ElementTree.Element("testsuites", name="zdtrace")
    found = cases(diagnosis)
    for workload in (*workloads(diagnosis), *([NO_WORKLOAD] if _has_lost_more(found) else [])):
        root.append(_suite(workload, [case for case in found if case.workload == workload]))
    root.append(_evidence(diagnosis))
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _has_lost_more(found: tuple[Case, ...]) -> bool:
    return any(case.workload == NO_WORKLOAD for case in found)


def _suite(workload: str, found: list[Case]) -> ElementTree.Element:
    by_cause = {case.cause.name: case for case in found}
    names = sorted(query.name for query in library().values() if query.schema == "causes" and query.name != "every")
    suite = ElementTree.Element(
        "testsuite", name=printable(workload), tests=str(len(names) + 1), failures=str(len(found)), errors="0"
    )
    for name in (*names, words.UNATTRIBUTED):
        case = _element(suite, "testcase", classname=f"zdtrace.{workload.replace('.', '_')}", name=name)
        if name in by_cause:
            failure = _element(case, "failure", message=by_cause[name].sentence, type=name)
            failure.text = _lines(_details(by_cause[name]))
    return suite


def _details(case: Case) -> list[str]:
    helps = f" Does a preStop hook help? {case.cause.prestop_helps}" if case.cause.prestop_helps else ""
    return [
        f"{case.cause.title}.", f"What to do: {case.cause.remedy}.{helps}",
        f"For example: {', '.join(case.exemplars)}",
    ]


def _evidence(diagnosis: Diagnosis) -> ElementTree.Element:
    """Return the doubts as a suite: a recording that cannot tell is an error, no failure of a workload."""
    doubts = [check for check in diagnosis.checks if check.severity in ("error", "data_loss")]
    is_short = not doubts and diagnosis.verdict is Verdict.INCONCLUSIVE
    suite = ElementTree.Element(
        "testsuite", name="evidence", tests="1", failures="0", errors=str(int(bool(doubts) or is_short))
    )
    case = _element(suite, "testcase", classname="zdtrace.evidence", name="the recording can tell")
    if doubts or is_short:
        error = _element(case, "error", message=diagnosis.sentence, type=str(diagnosis.verdict))
        error.text = _lines([check.message for check in doubts])
    if diagnosis.checks:
        lines = [f"{check.severity}: {check.message}" for check in diagnosis.checks]
        _element(case, "system-out").text = _lines(lines)
    return suite


def _element(parent: ElementTree.Element, tag: str, **attributes: str) -> ElementTree.Element:
    return ElementTree.SubElement(parent, tag, {name: printable(value) for name, value in attributes.items()})


def _lines(lines: list[str]) -> str:
    """Return lines of text without what XML forbids or a terminal obeys."""
    return "\n".join(map(printable, lines))
