"""A cluster with hands: reading one object, changing it so that it can be put back, ending pods.

Each write asks `may_go_on` first, so that an experiment that is to stop does nothing more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from zdtrace.chaos.edits import Change, changes_between, operations, reversal
from zdtrace.collectors.api import Api, ApiFailure
from zdtrace.collectors.resources import RESOURCES, Resource
from zdtrace.errors import ClusterError, NoAnswer

Found = dict[str, Any]
_MORE = (
    Resource("namespaces", "Namespace", "", "v1", is_namespaced=False),
    Resource("configmaps", "ConfigMap", "", "v1"),
    Resource("ingressclasses", "IngressClass", "networking.k8s.io", "v1", is_namespaced=False),
    Resource("leases", "Lease", "coordination.k8s.io", "v1"),
)
KINDS: dict[str, Resource] = {each.kind: each for each in (*RESOURCES, *_MORE)}
STRATEGIC, MERGE, JSON = (f"application/{kind}+json" for kind in ("strategic-merge-patch", "merge-patch", "json-patch"))
RIGHTS = "`zdtrace rbac --chaos` (or --prove, --in-copy NAME)"
_CONFLICT, _INVALID, _GONE, _TOO_MANY = 409, 422, 404, 429


MADE_BY = "zdtrace.io/made-by"
"""The annotation of what we create, with the name of its journal: only that is ever removed."""


class Overwritten(ClusterError):
    """Somebody else has changed what was to be changed, in the meantime."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ref:
    """One object. With a `uid` it is that one and no successor of the same name."""

    kind: str
    name: str
    namespace: str | None = None
    uid: str = ""

    @property
    def path(self) -> str:
        """Where the API server has it."""
        return f"{KINDS[self.kind].path(self.namespace)}/{self.name}"

    @property
    def words(self) -> str:
        """As kubectl writes it: `deployment/demo`."""
        return f"{self.kind.lower()}/{self.name}"

    def as_json(self) -> dict[str, str | None]:
        """Return it for a journal."""
        return {"kind": self.kind, "namespace": self.namespace, "name": self.name, "uid": self.uid}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Ref:
        """Read it from a journal. Raises KeyError and ValueError for what we would never have written."""
        if found["kind"] not in KINDS or any("/" in str(found.get(each) or "") for each in ("name", "namespace")):
            raise ValueError("no object of a cluster")
        namespace = found.get("namespace")
        return cls(
            kind=found["kind"], name=str(found["name"]), namespace=None if namespace is None else str(namespace),
            uid=str(found.get("uid") or ""),
        )


def ref_of(found: Mapping[str, Any], kind: str) -> Ref:
    """Return which object that is."""
    metadata = found.get("metadata") or {}
    return Ref(
        kind=kind, name=str(metadata.get("name")), namespace=metadata.get("namespace"),
        uid=str(metadata.get("uid") or ""),
    )


@dataclass(frozen=True, slots=True)
class Edit:
    """What is changed of one object. It holds all that is needed to make it and to take it back."""

    ref: Ref
    changes: tuple[Change, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """Name each change, the object first."""
        return tuple(f"{self.ref.words} {each.words}" for each in self.changes)

    def as_json(self) -> dict[str, Any]:
        """Return it for a journal."""
        return {"object": self.ref.as_json(), "changes": [each.as_json() for each in self.changes]}

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Edit:
        """Read it from a journal."""
        return cls(Ref.from_json(found["object"]), tuple(map(Change.from_json, found["changes"])))


@dataclass(frozen=True, slots=True)
class Restored:
    """What became of an edit that was to be taken back: `restored`, `as before`, `gone` or `overwritten`.

    `details` names the changes that were made, or those that somebody else has overwritten.
    """

    ref: Ref
    state: str
    details: tuple[str, ...] = ()

    @property
    def is_good(self) -> bool:
        """Whether the object is as it was, or is no more."""
        return self.state != "overwritten"


class Cluster:
    """Reads and writes objects. Every method raises ClusterError when the API server says no, or nothing."""

    def __init__(self, api: Api, may_go_on: Callable[[], None] = lambda: None) -> None:
        self.api = api
        self.may_go_on = may_go_on

    def get(self, ref: Ref) -> Found:
        """Return an object; with a uid, that very one."""
        found = self._asked(ref.path, ref.words)
        if ref.uid and (found.get("metadata") or {}).get("uid") != ref.uid:
            raise ClusterError(f"{ref.words} is another one by now", hint="it was deleted and made anew meanwhile")
        return found

    def find(self, ref: Ref) -> Found | None:
        """Return an object, null when there is none, or only a successor of the same name."""
        try:
            found = self.api.get(ref.path)
        except ApiFailure as failure:
            if failure.status == _GONE:
                return None
            raise _error(failure, f"reading {ref.words}") from failure
        return found if not ref.uid or (found.get("metadata") or {}).get("uid") == ref.uid else None

    def every(self, kind: str, namespace: str | None, *, labels: str = "", fields: str = "") -> list[Found]:
        """Return the objects of a kind, of one namespace or (null) of all, by name."""
        what = f"{KINDS[kind].name} of {namespace or 'the cluster'}"
        query: dict[str, str | int] = {"limit": 500}
        query |= {"labelSelector": labels} if labels else {}
        query |= {"fieldSelector": fields} if fields else {}
        every: list[Found] = []
        while True:
            page = self._asked(KINDS[kind].path(namespace), what, query)
            every += page.get("items") or []
            after = (page.get("metadata") or {}).get("continue")
            if not after:
                return sorted(every, key=lambda each: str(each["metadata"].get("name")))
            query["continue"] = after

    def prepare(self, ref: Ref, patch: Any, content_type: str = STRATEGIC) -> Edit:
        """Return what a patch would change, as the API server itself says in a dry run; nothing is changed."""
        before = self.get(ref)
        try:
            after = self.api.change("PATCH", ref.path, patch, query={"dryRun": "All"}, content_type=content_type)
        except ApiFailure as failure:
            raise _error(failure, f"trying a change of {ref.words}") from failure
        uid = str(before["metadata"]["uid"])
        return Edit(replace(ref, uid=uid), changes_between(before, after))

    def apply(self, edit: Edit) -> Found:
        """Make an edit. Raises Overwritten when the object no longer says what it said when it was planned."""
        return self._patch(edit.ref, edit.changes)

    def restore(self, edit: Edit, *, is_forced: bool = False) -> Restored:
        """Take an edit back where the object still says what we wrote; forced, also where it does not."""
        for _ in range(3):
            now = self.find(edit.ref)
            if now is None:
                return Restored(edit.ref, "gone")
            back, overwritten = reversal(now, edit.changes)
            if is_forced:
                back += overwritten
                overwritten = ()
            if not back:
                words = tuple(each.words for each in overwritten)
                return Restored(edit.ref, "overwritten" if overwritten else "as before", words)
            try:
                self._patch(edit.ref, back)
            except Overwritten:
                continue  # it changed while we looked
            if overwritten:
                return Restored(edit.ref, "overwritten", tuple(each.words for each in overwritten))
            return Restored(edit.ref, "restored", tuple(each.words for each in back))
        return Restored(edit.ref, "overwritten", tuple(each.words for each in edit.changes))

    def delete_pod(self, pod: Ref, grace_s: int | None) -> None:
        """Delete that very pod, with its own grace period when none is said. One that is gone already is fine."""
        options: Found = {"apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": pod.uid}}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        self._end("DELETE", pod.path, options, pod)

    def evict_pod(self, pod: Ref, grace_s: int | None) -> bool:
        """Ask for the eviction of that very pod; false when a budget forbids it for now."""
        options: Found = {"preconditions": {"uid": pod.uid}}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        eviction = {
            "apiVersion": "policy/v1", "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace}, "deleteOptions": options,
        }
        return self._end("POST", f"{pod.path}/eviction", eviction, pod)

    def create(self, kind: str, namespace: str | None, found: Mapping[str, Any]) -> Found:
        """Make an object."""
        self.may_go_on()
        return self._changed("POST", KINDS[kind].path(namespace), found, f"making a {kind}")

    def remove(self, ref: Ref, mark: str) -> Restored:
        """Delete an object that we made: one that carries our mark (MADE_BY). Another of its name stays."""
        found = self.find(ref)
        if found is None:
            return Restored(ref, "gone")
        metadata = found["metadata"]
        if not mark or (metadata.get("annotations") or {}).get(MADE_BY) != mark:
            return Restored(ref, "as before")
        options: Found = {"propagationPolicy": "Background", "preconditions": {"uid": metadata["uid"]}}
        try:
            self.api.change("DELETE", ref.path, options)
        except ApiFailure as failure:
            if failure.status not in (_GONE, _CONFLICT):
                raise _error(failure, f"removing {ref.words}") from failure
        return Restored(ref, "removed")

    def _end(self, verb: str, path: str, body: Found, pod: Ref) -> bool:
        self.may_go_on()
        try:
            self.api.change(verb, path, body)
        except ApiFailure as failure:
            if failure.status in (_GONE, _CONFLICT):
                return True  # it is gone, or another one has its name
            if failure.status == _TOO_MANY and verb == "POST":
                return False
            raise _error(failure, f"ending {pod.words}") from failure
        return True

    def _patch(self, ref: Ref, changes: tuple[Change, ...]) -> Found:
        is_ours = {"op": "test", "path": "/metadata/uid", "value": ref.uid}
        self.may_go_on()
        try:
            return self.api.change("PATCH", ref.path, [is_ours, *operations(changes)], content_type=JSON)
        except ApiFailure as failure:
            if failure.status in (_CONFLICT, _INVALID):
                raise Overwritten(
                    f"{ref.words} was changed by somebody else meanwhile, or the change is refused: {failure.words}",
                    hint="look what it says now, and try again",
                ) from failure
            raise _error(failure, f"changing {ref.words}") from failure

    def _changed(self, verb: str, path: str, body: Mapping[str, Any], doing: str) -> Found:
        try:
            return self.api.change(verb, path, body)
        except ApiFailure as failure:
            raise _error(failure, doing) from failure

    def _asked(self, path: str, what: str, query: Mapping[str, str | int] | None = None) -> Found:
        try:
            return self.api.get(path, query)
        except ApiFailure as failure:
            raise _error(failure, f"reading {what}") from failure


def _error(failure: ApiFailure, doing: str) -> ClusterError:
    hint = f"{RIGHTS} prints the rights" if failure.is_refusal else None
    is_passing = failure.status in (0, _TOO_MANY) or failure.status >= 500
    return (NoAnswer if is_passing else ClusterError)(f"{doing} failed: {failure.words}", hint=hint)
