"""Why the pod went away, beside what broke the request."""

from __future__ import annotations

import pytest
from builders import Incident, refused

NEW = {"template": "v2", "created": -3_000, "started": -2_000, "ready": 900}
SAME = {"created": 1_010, "started": 2_000, "ready": 2_500}


@pytest.mark.parametrize(("by", "successor", "trigger"), [
    ("controller", NEW, "rollout"),
    ("quiet", NEW, "rollout"),
    ("controller", SAME, "scale_in"),
    ("hand", SAME, "deletion"),
    ("kubectl", SAME, "deletion"),
    ("kubectl", NEW, "deletion"),
    ("eviction", SAME, "eviction"),
    ("eviction", NEW, "eviction"),
])
def test_the_trigger_is_who_asked_for_the_deletion(by: str, successor: dict[str, float], trigger: str) -> None:
    story = (
        Incident()
        .pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400, by=by).pod("b")
        .pod("d", **successor)
        .request(1_250, refused("a"))
    )
    found = story.diagnose()
    assert (found.causes, found.triggers) == (["endpoint_lag_refused"], [trigger])
