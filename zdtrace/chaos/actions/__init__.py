"""What experiments can do, one file an action: to add one, write its file and its line in `ACTIONS`."""

from __future__ import annotations

from zdtrace.chaos.actions.base import Action
from zdtrace.chaos.actions.canary_weight import CanaryWeight
from zdtrace.chaos.actions.change_template import ChangeTemplate
from zdtrace.chaos.actions.delete_pods import DeletePods
from zdtrace.chaos.actions.drain_node import DrainNode
from zdtrace.chaos.actions.evict_pods import EvictPods
from zdtrace.chaos.actions.kill_container import KillContainer
from zdtrace.chaos.actions.restart_ingress import RestartIngress
from zdtrace.chaos.actions.rollout_restart import RolloutRestart
from zdtrace.chaos.actions.scale import Scale
from zdtrace.chaos.actions.switch_backend import SwitchBackend

ACTIONS: dict[str, type[Action]] = {
    each.name: each for each in (
        DeletePods, EvictPods, RolloutRestart, ChangeTemplate, Scale, KillContainer, DrainNode, RestartIngress,
        SwitchBackend, CanaryWeight,
    )
}
"""Every action by its name in an experiment's file."""
