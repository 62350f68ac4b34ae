"""`zdtrace rbac`: objects that can be applied as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import yaml

Run = Callable[..., Any]


def objects(zdtrace: Run, *words: str) -> list[dict[str, Any]]:
    result = zdtrace("rbac", *words)
    assert result.returncode == 0, result.stderr
    return list(yaml.safe_load_all(result.stdout))


def test_a_service_account_gets_them_unless_said_otherwise(zdtrace: Run) -> None:
    found = objects(zdtrace, "-n", "shop", "--ingress", "ingress-nginx")
    assert [found[0]["kind"], found[0]["metadata"]] == ["ServiceAccount", {"name": "zdtrace", "namespace": "shop"}]
    bindings = [each for each in found if each["kind"].endswith("Binding")]
    assert {each["metadata"].get("namespace") for each in bindings} == {
        None, "shop", "ingress-nginx", "kube-node-lease", "kube-system",
    }
    assert all(each["metadata"]["name"] == "zdtrace-shop" for each in bindings)
    account = {"kind": "ServiceAccount", "name": "zdtrace", "namespace": "shop"}
    assert all(each["subjects"] == [account] for each in bindings)


def test_a_user_or_a_group_may_get_them(zdtrace: Run) -> None:
    found = objects(zdtrace, "-n", "shop", "--group", "sre")
    assert {each["kind"] for each in found} == {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    assert found[1]["subjects"][0]["kind"] == "Group"


def test_experiments_only_when_asked_for(zdtrace: Run) -> None:
    def verbs(*words: str) -> set[str]:
        rules = [rule for each in objects(zdtrace, "-n", "shop", *words) for rule in each.get("rules", ())]
        return {verb for rule in rules for verb in rule["verbs"]}

    assert verbs() == {"get", "list", "watch"}
    assert "delete" in verbs("--chaos")


def test_a_proof_may_change_workloads_and_a_copy_only_itself(zdtrace: Run) -> None:
    def changing(*words: str) -> set[tuple[str, str, tuple[str, ...]]]:
        return {
            (verb, resource, tuple(rule.get("resourceNames", ())))
            for each in objects(zdtrace, "-n", "shop", *words) for rule in each.get("rules", ())
            for resource in rule["resources"] if resource != "leases"
            for verb in rule["verbs"] if verb not in ("get", "list", "watch")
        }

    assert changing("--prove") == {
        ("patch", "daemonsets", ()), ("patch", "deployments", ()), ("patch", "statefulsets", ()),
    }
    copies = ("demo-zdtrace", "shop-zdtrace")
    assert changing("--in-copy", "demo", "--in-copy", "shop") == {
        ("patch", "deployments", copies),
        *(("create", each, ()) for each in ("deployments", "services", "ingresses")),
        *(("delete", each, copies) for each in ("deployments", "services", "ingresses")),
    }


@pytest.mark.parametrize("words", [
    ("-n", "a: b"), ("--ingress", "x\ny"), ("--user", "a", "--group", "b"), ("-A", "-n", "shop"), ("--configmap", "*"),
    ("-n", "shop", "--in-copy", "a/b"),
])
def test_what_no_object_is_called_is_refused(zdtrace: Run, words: tuple[str, ...]) -> None:
    result = zdtrace("rbac", *words)
    assert result.returncode == 2
    assert result.stdout == ""
