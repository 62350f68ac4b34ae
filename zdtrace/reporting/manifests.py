"""Where a workload stands in a manifest of Kubernetes, so that a finding can point at the line to change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zdtrace.errors import UsageError


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file, from 1; `path` is relative to where we were called, with `/` between its parts."""

    path: str
    line: int


def places(manifest: Path) -> dict[str, Place]:
    """Return the line of each object in a YAML or JSON file, by `kind/name` and by `namespace/kind/name` where said.

    Raises UsageError when the file is no YAML.
    """
    import yaml

    try:
        documents = list(yaml.compose_all(manifest.read_text(encoding="utf-8"), Loader=yaml.SafeLoader))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"`{manifest}` cannot be read: {error}", hint="--manifest takes a file of YAML") from error
    except (yaml.YAMLError, RecursionError) as error:
        where = str(getattr(error, "problem_mark", "")).strip()
        raise UsageError(f"`{manifest}` is no YAML {where}", hint="templates have to be rendered first") from error
    path = manifest.as_posix()
    found = {}
    for document in documents:
        for node in _objects(document):
            kind, metadata = _scalar(node, "kind"), _value(node, "metadata")
            name = _scalar(metadata, "name")
            if kind and name:
                place = Place(path, node.start_mark.line + 1)
                found[f"{kind}/{name}"] = place
                namespace = _scalar(metadata, "namespace")
                if namespace:
                    found[f"{namespace}/{kind}/{name}"] = place
    return found


def place_of(workload: str, known: dict[str, Place]) -> Place | None:
    """Return where `namespace/kind/name` stands; a manifest need not say the namespace."""
    return known.get(workload) or known.get(workload.partition("/")[2])


def _objects(node: Any) -> Iterator[Any]:
    """Yield the object, or those of a `kind: List`."""
    items = _value(node, "items")
    if _scalar(node, "kind") == "List" and items is not None and isinstance(items.value, list):
        yield from items.value
    else:
        yield node


def _value(node: Any, key: str) -> Any:
    # A mapping's value is a list of pairs of nodes, a scalar's is a string.
    pairs = node.value if getattr(node, "id", None) == "mapping" else []
    return next((value for name, value in pairs if name.value == key), None)


def _scalar(node: Any, key: str) -> str | None:
    value = _value(node, key)
    return value.value if getattr(value, "id", None) == "scalar" and value.value else None
