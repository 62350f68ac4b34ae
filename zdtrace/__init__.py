"""Why did these requests fail while Kubernetes replaced my pods, and what would have prevented it?

    recording = zdtrace.open_recording("rollout.zdtrace")
    print(zdtrace.diagnose(recording).sentence)

Importing this package costs almost nothing: duckdb, polars and kubernetes are imported by the
functions that use them, and the names below when they are asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from zdtrace.version import __version__

if TYPE_CHECKING:
    from zdtrace.analysis.diagnosis import Diagnosis, Verdict, diagnose
    from zdtrace.analysis.recommendation import Recommendation, recommend
    from zdtrace.recording.store import Recording, open_recording

__all__ = [
    "Diagnosis", "Recommendation", "Recording", "Verdict", "__version__", "diagnose", "open_recording", "recommend",
]

_HOMES = {
    "Diagnosis": "zdtrace.analysis.diagnosis",
    "Recommendation": "zdtrace.analysis.recommendation",
    "Recording": "zdtrace.recording.store",
    "Verdict": "zdtrace.analysis.diagnosis",
    "diagnose": "zdtrace.analysis.diagnosis",
    "open_recording": "zdtrace.recording.store",
    "recommend": "zdtrace.analysis.recommendation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
