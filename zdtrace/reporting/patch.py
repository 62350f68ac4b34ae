"""A change of a workload as text: a patch, a kustomization, Helm values."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from zdtrace.analysis.patching import Change
from zdtrace.reporting import structured


class Form(StrEnum):
    """What takes the change."""

    PATCH = "patch"
    KUSTOMIZE = "kustomize"
    HELM = "helm"


_HEADS = {
    Form.PATCH: "# kubectl patch {kind} {name} -n {namespace} --type strategic --patch-file FILE",
    Form.KUSTOMIZE: "# kustomization.yaml: add your resources, or these patches to what you have",
    Form.HELM: "# Names differ from chart to chart: look for lifecycle and terminationGracePeriodSeconds in yours",
}


def written(change: Change, form: Form, *, as_json: bool) -> str:
    """Return the change as YAML, which begins with how to use it, or as JSON."""
    value: dict[str, Any]
    if form is Form.PATCH:
        value = change.strategic_merge()
    elif form is Form.KUSTOMIZE:
        value = change.kustomization(patch_text(change.strategic_merge()))
    else:
        value = change.helm_values()
    if as_json:
        return structured.as_json(value)
    head = _HEADS[form].format(kind=change.kind.lower(), name=change.name, namespace=change.namespace)
    return f"{head}\n{patch_text(value)}"


def patch_text(value: Any) -> str:
    """Return YAML as people write it by hand."""
    import yaml

    class Dumper(yaml.SafeDumper):
        pass

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.Node:
        style = "|" if "\n" in value else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)

    Dumper.add_representer(str, text)
    found: str = yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=100)
    return found
