"""RBAC as an API server applies it: from Roles, ClusterRoles and their bindings to yes or no."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

Found = dict[str, Any]
_PUBLIC = {"version", "livez", "selfsubjectaccessreviews"}


@dataclass(frozen=True)
class Attributes:
    verb: str
    group: str
    resource: str
    namespace: str
    name: str


def attributes(method: str, target: str) -> Attributes | None:
    """Null for what everybody may ask: the version, and which APIs there are."""
    url = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(url.query).items()}
    parts = url.path.strip("/").split("/")
    if parts[-1] in _PUBLIC or (parts[0] == "apis" and len(parts) < 4):
        return None
    group, rest = ("", parts[2:]) if parts[0] == "api" else (parts[1], parts[3:])
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    resource, name = rest[0], rest[1] if len(rest) > 1 else ""
    if len(rest) > 2:
        resource += f"/{rest[2]}"
    read = "get" if name else "watch" if query.get("watch") == "true" else "list"
    verb = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}.get(method, read)
    selected = query.get("fieldSelector", "")
    return Attributes(verb, group, resource, namespace, name or selected.removeprefix("metadata.name="))


class Rules:
    """What one subject may do, from everything that `kubectl apply` would have taken."""

    def __init__(self, objects: Iterable[Found]) -> None:
        every = list(objects)
        roles = {
            (each["kind"], each["metadata"].get("namespace", ""), each["metadata"]["name"]): each["rules"]
            for each in every if each["kind"] in ("Role", "ClusterRole")
        }
        self.granted: list[tuple[str, Found]] = []
        for each in every:
            if each["kind"] in ("RoleBinding", "ClusterRoleBinding"):
                home = each["metadata"].get("namespace", "")
                kind, name = each["roleRef"]["kind"], each["roleRef"]["name"]
                rules = roles[kind, home if kind == "Role" else "", name]
                self.granted += [(home, rule) for rule in rules]

    def allow(self, asked: Attributes) -> bool:
        return any(
            home in ("", asked.namespace)
            and asked.group in rule["apiGroups"] and asked.resource in rule["resources"] and asked.verb in rule["verbs"]
            and (not rule.get("resourceNames") or asked.name in rule["resourceNames"])
            for home, rule in self.granted
        )
