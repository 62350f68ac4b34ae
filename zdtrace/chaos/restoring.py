"""Taking back what a plan changed: the one way in which actions undo."""

from __future__ import annotations

from zdtrace.chaos.cluster import Cluster, Restored
from zdtrace.chaos.journal import Plan


def restore(cluster: Cluster, plan: Plan, *, is_forced: bool = False) -> tuple[Restored, ...]:
    """Take back all edits of a plan, the last first, and remove what it made. Raises ClusterError."""
    edited = tuple(cluster.restore(each, is_forced=is_forced) for each in reversed(plan.edits))
    return (*edited, *(cluster.remove(each, str(plan.settings.get("mark", ""))) for each in reversed(plan.made)))
