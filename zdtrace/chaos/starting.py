"""The file that `zdtrace chaos init` writes: every field of an experiment, with what it means."""

from __future__ import annotations

import json

from zdtrace.chaos.actions import ACTIONS
from zdtrace.chaos.workloads import parse_workload
from zdtrace.resources import folder


def starter(workload: str, namespace: str, url: str) -> str:
    """Return a file about a workload. Raises UsageError when it is none."""
    parse_workload(workload, namespace)
    template = folder("reports").joinpath("templates", "experiment.yaml").read_text(encoding="utf-8")
    every = "\n".join(f"#   {each.name:<15} {each.summary}" for each in ACTIONS.values())
    # As JSON, which YAML takes: no name can become YAML of its own.
    values = {
        "WORKLOAD": json.dumps(workload), "NAMESPACE": json.dumps(namespace), "URL": json.dumps(url), "ACTIONS": every,
    }
    for name, value in values.items():
        template = template.replace(f"@{name}@", value)
    return template
