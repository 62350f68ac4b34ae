"""Asking the API server what we may do there: one review of access for each verb, as `kubectl auth can-i` does."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.collectors.rights import Right

_PATH = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Granted:
    """What the API server says of a right: the verbs that it refuses; or that there is no such API."""

    right: Right
    refused: tuple[str, ...]
    is_installed: bool = True


def ask(api: Api, rights: Iterable[Right]) -> list[Granted]:
    """Return for each right what is refused of it. Raises ApiFailure when the API server does not answer."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda right: _ask(api, right), rights))


def _ask(api: Api, right: Right) -> Granted:
    if right.is_optional and right.group and not _is_installed(api, right.group):
        return Granted(right, (), is_installed=False)
    refused = tuple(
        verb for verb in right.verbs
        # One of several usual names is enough: nobody has all of them.
        if not any(_may(api, right, verb, name) for name in right.names or ("",))
    )
    return Granted(right, refused)


def _may(api: Api, right: Right, verb: str, name: str) -> bool:
    resource, _, subresource = right.resource.partition("/")
    attributes = {
        "verb": verb, "group": right.group, "resource": resource, "subresource": subresource, "name": name,
        "namespace": right.namespace or "",
    }
    review = {
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": {key: value for key, value in attributes.items() if value}},
    }
    return bool((api.create(_PATH, review).get("status") or {}).get("allowed"))


def _is_installed(api: Api, group: str) -> bool:
    try:
        api.get(f"/apis/{group}")
    except ApiFailure as failure:
        if failure.status == 404:
            return False
        raise
    return True
