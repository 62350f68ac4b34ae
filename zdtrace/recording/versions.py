"""Objects as they come from an API server, masked: what is as it was in the version before is not masked again.

A watch tells of an object again and again. Of a pod, a third is who manages which field, the same for all pods of a
workload but for its times, and another third its spec, the same for as long as it lives. What is split off here is
split by its bytes; each part is parsed as a whole before it is believed, so a split in a wrong place is none.
"""

from __future__ import annotations

import json
import re
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from zdtrace.recording.redaction import DEFAULT, Policy, redact

# Between members of an object, never within a string: its quote would end there, and no word can follow.
_MANAGED, _SPEC, _STATUS = b',"managedFields":[', b']},"spec":{', b',"status":{'
_TIME = re.compile(rb',"time":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"')
_TIME_SAID = re.compile(r',"time":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"')
_ITEMS, _BETWEEN_ITEMS = b',"items":[', re.compile(rb'\},(?=\{"metadata":\{)')
_HEAD = ("kind", "apiVersion", "metadata")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MANY = 1_024
_KEPT_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class _Parts:
    managed: bytes
    spec: bytes
    status: bytes


@dataclass(frozen=True, slots=True)
class Version:
    """A version of an object, parsed; its managed fields may be left out of `found`."""

    found: dict[str, Any]
    parts: _Parts | None = None


class _Remembered:
    """The last texts by key, as many as fit."""

    def __init__(self) -> None:
        self._texts: OrderedDict[tuple[str, str], tuple[bytes, str]] = OrderedDict()
        self._bytes = 0

    def text(self, key: tuple[str, str], raw: bytes) -> str | None:
        """Return what was made of these very bytes the last time; null when it was made of others."""
        known = self._texts.get(key)
        return known[1] if known is not None and known[0] == raw else None

    def keep(self, key: tuple[str, str], raw: bytes, text: str) -> None:
        """Remember it in the place of what was before."""
        before = self._texts.pop(key, None)
        self._bytes += len(raw) + len(text) - (len(before[0]) + len(before[1]) if before else 0)
        self._texts[key] = raw, text
        while self._bytes > _KEPT_BYTES:
            _, (old, old_text) = self._texts.popitem(last=False)
            self._bytes -= len(old) + len(old_text)


class Masker:
    """Masks objects by a policy; not for several threads at once."""

    def __init__(self, policy: Policy = DEFAULT) -> None:
        self.policy = policy
        self._remembered = _Remembered()
        self._managed: OrderedDict[bytes, list[str]] = OrderedDict()

    def read(self, raw: bytes, *, is_whole: bool = True) -> Version:
        """Parse an object. Raises ValueError, or RecursionError.

        Unless `is_whole`, spec and status of a pod are left out of `found` where `text` has seen the same before.
        """
        version = None if self.policy.drop else self._split(raw, is_whole=is_whole)
        if version is None:
            found = _loads(raw)
            if not isinstance(found, dict):
                raise ValueError("not a JSON object")
            version = Version(found)
        return version

    def read_list(self, raw: bytes, kind: str, api_version: str) -> tuple[dict[str, Any], list[Version]]:
        """Return the metadata of a list, and its objects. Raises ValueError, AttributeError or TypeError."""
        begin, end = raw.find(_ITEMS), raw.rfind(b"}]}")
        if 0 < begin < end and not self.policy.drop and raw.startswith(b'{"metadata":', begin + len(_ITEMS)):
            common = json.dumps({"kind": kind, "apiVersion": api_version})[:-1].encode() + b","
            items = _BETWEEN_ITEMS.split(raw[begin + len(_ITEMS) : end])
            # An item in a shape of its own is split in the wrong places: then all of it is read as any JSON.
            with suppress(ValueError):
                about = _loads(raw[: begin + len(_ITEMS)] + raw[end + 1 :])
                return about.get("metadata") or {}, [self.read(common + each[1:] + b"}") for each in items]
        page = _loads(raw)
        found = [{"kind": kind, "apiVersion": api_version, **item} for item in page.get("items") or ()]
        return page.get("metadata") or {}, [Version(each) for each in found]

    def text(self, version: Version) -> str:
        """Return a version as JSON without secrets. Raises TooDeep, RecursionError, or ValueError for what is none."""
        found, parts = version.found, version.parts
        if parts is None:
            return masked(found, self.policy)
        uid = str(found["metadata"].get("uid"))
        head = masked({name: found[name] for name in _HEAD}, self.policy)
        spec = self._same_or_masked(uid, "spec", parts.spec, found)
        status = self._same_or_masked(uid, "status", parts.status, found)
        return f'{head[:-2]},"managedFields":{self._managers(parts.managed)}}},"spec":{spec},"status":{status}}}'

    def _same_or_masked(self, uid: str, name: str, raw: bytes, found: dict[str, Any]) -> str:
        text = self._remembered.text((uid, name), raw)
        if text is None:
            text = self._masked_member(name, found[name] if name in found else _loads(raw))
            self._remembered.keep((uid, name), raw, text)
        return text

    def _managers(self, raw: bytes) -> str:
        """Return masked managed fields; those that differ in their times only are masked once."""
        # A zero byte, which no JSON holds, stands for a time.
        shape = _TIME.sub(b"\0", raw)
        between = self._managed.get(shape)
        if between is None:
            text = self._masked_member("managedFields", _loads(raw))
            between = _TIME_SAID.split(text)
            if len(between) != len(_TIME.findall(raw)) + 1:
                return text
            self._managed[shape] = between
            if len(self._managed) > _MANY:
                self._managed.popitem(last=False)
        parts = [between[0]]
        for time, rest in zip(_TIME.findall(raw), between[1:], strict=True):
            parts += (',"time":"', time.decode(), '"', rest)
        return "".join(parts)

    def _masked_member(self, name: str, value: Any) -> str:
        return masked({name: value}, self.policy)[len(name) + 4 : -1]

    def _split(self, raw: bytes, *, is_whole: bool) -> Version | None:
        """Return an object in parts; null when it is not of the shape that API servers give workloads and pods."""
        managed_at = raw.find(_MANAGED)
        managed_ends_at = raw.find(_SPEC, managed_at)
        status_at = raw.rfind(_STATUS)
        if not 0 < managed_at < managed_ends_at < status_at or not raw.endswith(b"}}"):
            return None
        parts = _Parts(
            raw[managed_at + len(_MANAGED) - 1 : managed_ends_at + 1],
            raw[managed_ends_at + len(_SPEC) - 1 : status_at],
            raw[status_at + len(_STATUS) - 1 : -1],
        )
        try:
            # What is open where the managed fields begin is the object and, last of all, its metadata.
            found = _loads(raw[:managed_at] + b"}}")
            if not (tuple(found) == _HEAD and isinstance(found["metadata"], dict) and _is_plain(found["kind"])):
                return None
            uid = str(found["metadata"].get("uid"))
            for name, part in (("spec", parts.spec), ("status", parts.status)):
                needs_it = is_whole or found["kind"] != "Pod"
                if needs_it or self._remembered.text((uid, name), part) is None:
                    found[name] = _loads(part)
        except ValueError:
            return None
        return Version(found, parts)


def _loads(raw: bytes) -> Any:
    return _DECODER.decode(raw.decode())


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


def masked(found: dict[str, Any], policy: Policy = DEFAULT) -> str:
    """Return an object as JSON on one line, without secrets. Raises TooDeep, or RecursionError."""
    return _ENCODER.encode(redact(found, policy))


def _is_plain(kind: object) -> bool:
    """Tell whether an object of this kind is masked by its fields alone, and so part by part."""
    return isinstance(kind, str) and "Secret" not in kind and kind != "ConfigMap"
