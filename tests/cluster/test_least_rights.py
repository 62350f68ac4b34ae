"""The rights that `zdtrace rbac` prints, on a real API server: enough for everything, and one less costs one source."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from clusters import Lab
from recordings import in_table

WHAT = ("-n", "default", "--ingress", "nginx-ingress")
# One of each kind of right: core and not, of all of the cluster, of another namespace, below a resource, by name.
LESS = [
    ("pods", "default", "pods"),
    ("endpointslices", "default", "endpoint"),
    ("events", "default", "events"),
    ("nodes", None, "nodes"),
    ("leases", "kube-node-lease", "leases"),
    ("pods/log", "nginx-ingress", "log of nginx-ingress/"),
    ("configmaps", "nginx-ingress", "settings nginx-ingress/nginx-config"),
    ("configmaps", "kube-system", "kube-proxy's settings"),
]


def somebody(lab: Lab, folder: Path, name: str, *, without: tuple[str, str | None] | None = None) -> Path:
    """Give a ServiceAccount what `zdtrace rbac` prints, less one resource of a namespace; return its kubeconfig."""
    said = lab.zdtrace("rbac", *WHAT, "--service-account", f"default/{name}", "--name", name)
    objects = [each for each in yaml.safe_load_all(said.stdout) if each]
    for each in objects:
        if without is not None and "rules" in each and each["metadata"].get("namespace") == without[1]:
            rules: list[dict[str, Any]] = each["rules"]
            for rule in rules:
                rule["resources"] = [resource for resource in rule["resources"] if resource != without[0]]
            each["rules"] = [rule for rule in rules if rule["resources"]]
    lab.kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    return lab.kubeconfig_of(name, folder)


def test_with_exactly_these_all_is_recorded_that_an_administrator_sees(lab: Lab, tmp_path: Path) -> None:
    lab.deploy(has_readiness=True)
    kubeconfig = somebody(lab, tmp_path, "recorder")
    theirs, ours = tmp_path / "administrator.zdtrace", tmp_path / "recorder.zdtrace"
    load = lab.load(20, qps=100, connections=8)
    with (
        lab.recording(theirs, *WHAT),
        lab.recording(ours, "--kubeconfig", kubeconfig, *WHAT, "--", *load) as run,
    ):
        time.sleep(2)
        from_ns = time.time_ns()
        lab.kubectl("rollout", "restart", "deployment/demo")
        lab.kubectl("rollout", "status", "deployment/demo", "--timeout=60s")
        until_ns = time.time_ns()
        assert run.wait(120) == 0
    said = ours.with_name("recorder.zdtrace.stderr").read_text()
    assert "missing" not in said, said
    gaps = in_table(ours, "gaps", "subject, reason, until_ns")
    assert [each for each in gaps if each[2] is None] == []
    columns = "kind, name, resource_version, observed_at_ns"

    seen_by_us = {row[:3] for row in in_table(ours, "objects", columns)}
    seen_by_them = {row[:3] for row in in_table(theirs, "objects", columns) if from_ns < row[-1] < until_ns}
    assert len(seen_by_them) > 30
    assert sorted(seen_by_them - seen_by_us) == []
    kinds = {kind for (kind,) in in_table(ours, "objects", "kind")}
    wanted = {
        "Pod", "ReplicaSet", "Deployment", "Service", "EndpointSlice", "Ingress", "Event", "Node", "Lease", "ConfigMap",
    }
    assert wanted <= kinds
    # kubelets' settings take a right that allows much more, so nobody is given it unasked.
    assert {kind for (kind,) in in_table(theirs, "objects", "kind")} - kinds == {"KubeletConfiguration"}
    assert len(in_table(ours, "proxy_requests", "line")) > 1000
    for verb, resource in (("delete", "pods"), ("patch", "deployments"), ("get", "secrets"), ("create", "events")):
        mine = lab.run("kubectl", "--kubeconfig", kubeconfig, "auth", "can-i", verb, resource, check=False)
        assert mine.stdout.strip() == "no", (verb, resource)


@pytest.mark.parametrize(("resource", "namespace", "source"), LESS)
@pytest.mark.long
def test_with_one_less_that_source_is_missing_and_no_other(
    lab: Lab, tmp_path: Path, resource: str, namespace: str | None, source: str
) -> None:
    name = "less-" + re.sub(r"\W+", "-", f"{resource}-{namespace or 'cluster'}")
    kubeconfig = somebody(lab, tmp_path, name, without=(resource, namespace))
    folder = tmp_path / "less.zdtrace"
    said = lab.zdtrace("record", "--kubeconfig", kubeconfig, *WHAT, "--for", "2s", "-o", folder).stderr
    warnings = [line for line in said.splitlines() if "missing:" in line or "cannot be read:" in line]
    assert len(warnings) == 1, said
    assert warnings[0].startswith(source), said
    assert "forbidden" in warnings[0]
    assert "Traceback" not in said
    gaps = in_table(folder, "gaps", "subject, until_ns")
    # kube-proxy's settings are read once: there is nothing to listen to.
    assert [(subject.startswith(source), until_ns) for subject, until_ns in gaps] == (
        [] if namespace == "kube-system" else [(True, None)]
    )
    if resource != "pods":
        assert ("Pod",) in in_table(folder, "objects", "kind")
