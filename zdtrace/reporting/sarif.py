"""SARIF 2.1.0: a result a workload and cause, with a fingerprint that stays the same from run to run."""

from __future__ import annotations

import hashlib
import json
from pathlib import PurePath
from typing import Any
from urllib.parse import quote

from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Cause, Diagnosis
from zdtrace.printable import printable
from zdtrace.reporting.manifests import Place, place_of
from zdtrace.reporting.workloads import Case, cases
from zdtrace.version import __version__

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_HOME = "https://github.com/zdtrace/zdtrace"
_LEVELS = {"error": "error", "data_loss": "error", "warning": "warning", "info": "note"}


def as_sarif(diagnosis: Diagnosis, places: dict[str, Place] | None = None) -> str:
    """Return the log as JSON. `places` are the lines of workloads in a manifest, see `manifests.places`."""
    found = cases(diagnosis)
    causes = {case.cause.name: case.cause for case in found}
    run = {
        "tool": {"driver": {
            "name": "zdtrace", "version": __version__, "semanticVersion": __version__, "informationUri": _HOME,
            "rules": [_rule(cause) for cause in causes.values()],
        }},
        "invocations": [{
            "executionSuccessful": True,
            "toolExecutionNotifications": [
                {"level": _LEVELS[check.severity], "message": {"text": printable(check.message)}}
                for check in diagnosis.checks
            ],
        }],
        "automationDetails": {"id": "zdtrace/"},
        "columnKind": "unicodeCodePoints",
        "results": [_result(case, list(causes).index(case.cause.name), places or {}) for case in found],
        "properties": {"recording": printable(diagnosis.recording), "verdict": str(diagnosis.verdict)},
    }
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, ensure_ascii=False, indent=2) + "\n"


def _rule(cause: Cause) -> dict[str, Any]:
    query = library().get(f"causes.{cause.name}")
    helps = f"\n\nDoes a preStop hook help? {cause.prestop_helps}" if cause.prestop_helps else ""
    return {
        "id": cause.name,
        "shortDescription": {"text": cause.title},
        "fullDescription": {"text": query.summary if query else cause.title},
        "help": {"text": cause.remedy + helps},
        "helpUri": f"{_HOME}/blob/main/docs/reference/causes.md#{cause.name}",
        "defaultConfiguration": {"level": "error"},
        "properties": {"tags": ["zero-downtime", "kubernetes"]},
    }


def _result(case: Case, rule: int, places: dict[str, Place]) -> dict[str, Any]:
    location: dict[str, Any] = {
        "logicalLocations": [{"fullyQualifiedName": printable(case.workload), "kind": "resource"}]
    }
    place = place_of(case.workload, places)
    if place is not None:
        location["physicalLocation"] = {
            "artifactLocation": _artifact(place.path), "region": {"startLine": place.line},
        }
    return {
        "ruleId": case.cause.name,
        "ruleIndex": rule,
        "level": "error",
        "message": {"text": f"{_plain(case.workload)}: {case.sentence}. What to do: {case.cause.remedy}."},
        "locations": [location],
        "partialFingerprints": {"workloadAndCause/v1": _fingerprint(case)},
        "properties": {"failed": case.failed, "exemplars": list(map(printable, case.exemplars))},
    }


def _artifact(path: str) -> dict[str, str]:
    if PurePath(path).is_absolute():
        return {"uri": PurePath(path).as_uri()}
    return {"uri": quote(path), "uriBaseId": "%SRCROOT%"}


def _plain(text: str) -> str:
    r"""Return text in which a viewer sees no link: `[words](target)` is one in SARIF's messages, `\[` is a bracket."""
    return printable(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]")


def _fingerprint(case: Case) -> str:
    return hashlib.sha256(f"{case.workload}\0{case.cause.name}".encode(errors="surrogatepass")).hexdigest()
