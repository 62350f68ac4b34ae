"""Errors that only the new version answers with."""

from __future__ import annotations

from builders import Incident, answered


def rollout() -> Incident:
    """Version v2 is ready at 1 s, v1 serves beside it."""
    return (
        Incident().pod("old", deleted=9_000, killed=9_020, exited=9_060, gone=9_400)
        .pod("new", template="v2", created=-1_000, started=-500, ready=1_000)
    )


def test_errors_of_the_new_version_alone_are_its_fault() -> None:
    found = rollout().proxied(2_000, 4_000, 100, answered("new", 500)).diagnose()
    assert found.causes == ["app_5xx_new_version"] * 20
    assert set(found.pods) == {"new"}


def test_errors_of_both_versions_are_not_the_new_ones_fault() -> None:
    story = rollout().proxied(2_000, 4_000, 100, answered("new", 500)).proxied(2_050, 4_000, 100, answered("old", 500))
    assert story.causes() == ["app_5xx"] * 40


def test_errors_of_the_old_version_alone_are_not_the_new_ones_fault() -> None:
    assert rollout().proxied(2_000, 3_000, 100, answered("old", 500)).causes() == ["app_5xx"] * 10
