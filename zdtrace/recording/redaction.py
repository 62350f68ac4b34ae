"""Taking secrets out of Kubernetes objects before anything is written.

Rules go by field name and not by kind, so that pod templates of every workload (also of custom resources) and
the items of lists are covered alike. Names stay, values go: what failed, and where, can still be told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from zdtrace.errors import UsageError

MASK = "***"
MAX_DEPTH = 200
RULES = (
    "env values", "Secret and ConfigMap data", "annotations that hold objects, snippets or credentials",
    "header values", "arguments and fields named like secrets", "user names and query values in URLs",
)

_EVIDENCE_KEYS = frozenset({
    "log-format", "log-format-upstream", "log-format-escaping", "log-format-escaping-style",
    "log-format-escape-json", "worker-shutdown-timeout", "proxy-next-upstream",
})
"""Settings of ingress controllers in a ConfigMap that tell how to read their logs, and what they lose."""

_PASS = r"(?:(?<![a-z])|(?<=pg)|(?<=db))pass(?![a-z])"  # noqa: S105 - a word to look for
_SECRET_WORDS = rf"passw|passphrase|pwd|{_PASS}|token|secret|key|credential|auth"
_SAID_WORDS = rf"passw|passphrase|pwd|{_PASS}|token|secret|credential|api[-_ ]?key|access[-_ ]?key"
_SECRET_NAME = re.compile(_SECRET_WORDS, re.IGNORECASE)
_SECRET_FIELDS = frozenset({
    "password", "passwd", "passphrase", "token", "bearertoken", "accesstoken", "refreshtoken", "authtoken",
    "apikey", "apitoken", "accesskey", "secretkey", "secretaccesskey", "privatekey", "clientsecret",
    "credential", "credentials", "authorization",
})
_VALUE = r"""(?:"[^"]*"?|'[^']*'?|[^\s"'&;,]+)"""
_NAME = r"(?<![\w.-])(?=[\w.-]*?(?:{words}))"
"""Where a word begins that has a secret's name in it; read as a whole (`++`), hostile text costs no more."""
_TEXT_RULES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
        (r"""([?&;][^=&?;\s"'<>]{1,200}=)[^&\s"'<>]*""", r"\1***"),
        (r"""(://)[^/@\s"'<>]+@""", r"\1***@"),
        (
            r"""\b((?:proxy-)?authorization|(?:set-)?cookie|x-api-key|x-auth-token)("?\s*[:=]\s*)[^\r\n"]*""",
            r"\1\2***",
        ),
        (r"""\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}""", r"\1 ***"),
        (rf"""({_NAME.format(words=_SECRET_WORDS)}-[\w.-]++(?:\s++|=))(?!-){_VALUE}""", r"\1***"),
        (rf"""({_NAME.format(words=_SECRET_WORDS)}[\w.-]++["']?\s*+=\s*+){_VALUE}""", r"\1***"),
        (rf"""({_NAME.format(words=_SAID_WORDS)}[\w.-]++\\?["']?\s*+:\s*+){_VALUE}""", r"\1***"),
        (r"""((?:^|\s)(?:-u|--user)[=\s]+[^\s:]+:)\S+""", r"\1***"),
        # mysql's way; a port is none, nor are Go's flags (`-path=…`).
        (r"""((?:^|\s)-p)(?!\d+(?:\s|$))(?![a-z-]+=)[^\s-]\S*""", r"\1***"),
        # An item of `env`, as YAML.
        (rf"""((?:^|[\s{{{{,])value["']?:\s+){_VALUE}""", r"\1***"),
    )
)
_SUSPECT = re.compile(rf"""[?=@{{\[]|bearer|basic|cookie|-[up]|value|env|{_SECRET_WORDS}""", re.IGNORECASE)
_HARMLESS = re.compile(r"[\w.][\w./-]*")
"""Words in which no rule finds anything: names, ids, versions; found in a tenth of the time of `_SUSPECT`."""
_ENVIRONMENT = re.compile(r"(?:.*[_a-z-])?(?:env|envs|env-?_?vars?|environment(?:-?_?variables?)?)", re.IGNORECASE)
"""Fields of custom resources that are like a container's `env`: `extraEnv`, `envVars`, `environment`."""
_ENVIRONMENT_LINE = re.compile(r"""(\s*(?:- +)*)["']?([\w.-]+)["']?:\s*(?:\||>|&\w+)?[+-]?\s*""")
_YAML_PAIR = re.compile(r"""(\s*(?:- +)*)(["']?[\w./-]+["']?:)(\s+)(.+)""")
_SHORT = 256
_FLAG = re.compile(r"--?[\w.-]+")
_HOLDS_OBJECT_NAME = re.compile(r"last-applied|/(?:applied|original)(?:$|-)")
_HOLDS_OBJECT = re.compile(r"""apiVersion\\*["']?\s*[:=]|^\s*H4sI""")
"""An object as JSON or YAML, or something gzipped in base64 (Rancher's `…/applied`)."""


@dataclass(frozen=True)
class Policy:
    """What is kept and dropped beside the rules.

    `keep` holds `env:NAME`, `configmap:NAME/KEY` and `annotation:NAME`; `drop` a field's name (anywhere in
    the object) or a path from its root (`spec.template.metadata`, through lists). Other words: UsageError.
    """

    keep: frozenset[str] = frozenset()
    drop: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse words that mean nothing: a typing error must not keep or drop something else."""
        for word in sorted(self.keep):
            if not re.fullmatch(r"env:.+|configmap:[^/]+/.+|annotation:.+", word):
                raise UsageError(
                    f"`--keep {word}` is not understood",
                    hint="use env:NAME, configmap:NAME/KEY or annotation:NAME",
                )
        for word in sorted(self.drop):
            if not re.fullmatch(r"(\$?\.)?[^\s.\[\]]+(\.[^\s.\[\]]+)*", word):
                raise UsageError(
                    f"`--drop {word}` is not understood",
                    hint="use a field's name (annotations, labels) or a path such as spec.template.metadata",
                )

    def keeps(self, what: str, name: object) -> bool:
        """Tell whether a value was asked for by name."""
        return bool(self.keep) and f"{what}:{name}" in self.keep

    @cached_property
    def dropped_paths(self) -> tuple[tuple[str, ...], ...]:
        """Paths to drop, one part a field."""
        paths = sorted(self.drop - self.dropped_names)
        return tuple(tuple(path.lstrip("$.").split(".")) for path in paths)

    @cached_property
    def dropped_names(self) -> frozenset[str]:
        """Fields to drop wherever they stand."""
        return frozenset(word for word in self.drop if "." not in word)

    def as_json(self) -> dict[str, list[str]]:
        """Return the policy in force, for the manifest."""
        return {"masked": list(RULES), "kept": sorted(self.keep), "dropped": sorted(self.drop)}


DEFAULT = Policy()


class TooDeep(ValueError):
    """An object is nested deeper than any that an API server accepts."""


def redact(found: Mapping[str, Any], policy: Policy = DEFAULT) -> dict[str, Any]:
    """Return a copy of a Kubernetes object (or a list of them) without secrets.

    Raises TooDeep.
    """
    clean = _Walk(policy).object(found, 0)
    for path in policy.dropped_paths:
        _drop(clean, path)
    return clean


def redact_text(text: str) -> str:
    """Return a text without credentials: in URLs, headers, arguments, and in JSON that it may be."""
    return _Walk(DEFAULT).text(text, 0)


class _Walk:
    """One way through an object. Every method returns a clean copy of what it is given."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.secrets = 0
        self.fields: dict[str, Callable[[Any, int], Any]] = {
            "env": self.environment,
            "httpHeaders": self.named_values,
            "headers": self.named_values,
            "set": self.named_values,
            "add": self.named_values,
            "command": self.arguments,
            "args": self.arguments,
            "annotations": self.annotations,
            "fieldsV1": self.managed_fields,
        }

    def any(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            return self.text(value, depth)
        # Nearly all are dicts, which is asked first: to find out whether something is a Mapping takes far longer.
        if isinstance(value, (dict, Mapping)):
            return self.object(value, depth)
        if isinstance(value, list):
            return self.each(value, depth)
        return value

    def each(self, values: Iterable[Any], depth: int) -> list[Any]:
        _check(depth)
        return [self.any(value, depth + 1) for value in values]

    def object(self, found: Mapping[str, Any], depth: int) -> dict[str, Any]:
        _check(depth)
        kind = found.get("kind")
        holds_data = kind in ("Secret", "ConfigMap")
        # SealedSecret, ExternalSecret: what becomes a Secret stands somewhere in them.
        is_like_secret = isinstance(kind, str) and "Secret" in kind and not kind.endswith("List")
        self.secrets += is_like_secret
        has_secret_name = "value" in found and (_is_secret_name(found.get("name")) or _is_secret_name(found.get("key")))
        is_plain = not (holds_data or self.secrets or has_secret_name)
        dropped_names = self.policy.dropped_names
        clean: dict[str, Any] = {}
        for key, value in found.items():
            if key in dropped_names:
                continue
            special = self.fields.get(key)
            if is_plain and special is None and _is_plain_name(key) and key != "items":
                # Nearly all fields are such: what follows would come to the same.
                clean[key] = self.text(value, depth + 1) if type(value) is str else self.any(value, depth + 1)
            elif special is not None:
                clean[key] = special(value, depth + 1)
            elif holds_data and key in ("data", "stringData", "binaryData"):
                clean[key] = self.data(value, found)
            elif self.secrets and key in ("data", "stringData", "binaryData", "encryptedData"):
                clean[key] = self.any(value, depth + 1) if isinstance(value, list) else self.data(value, {})
            elif _is_environment(key):
                clean[key] = self.environment(value, depth + 1)
            elif (has_secret_name and key == "value") or _is_secret_field(key):
                is_reference = isinstance(value, Mapping)
                clean[key] = self.object(value, depth + 1) if is_reference else masked_leaves(value)
            elif key == "items" and found.get("kind") in ("SecretList", "ConfigMapList"):
                clean[key] = self.items(value, str(found["kind"]).removesuffix("List"), depth + 1)
            else:
                clean[key] = self.any(value, depth + 1)
        self.secrets -= is_like_secret
        return clean

    def items(self, values: Any, kind: str, depth: int) -> Any:
        """Typed lists, as the API serves them, do not repeat the kind in each item."""
        if not isinstance(values, list):
            return masked_leaves(values)
        plain = [value if not isinstance(value, Mapping) else {**value, "kind": kind} for value in values]
        return self.each(plain, depth)

    def data(self, values: Any, owner: Mapping[str, Any]) -> Any:
        """Values of a Secret or ConfigMap."""
        if not isinstance(values, Mapping):
            return masked_leaves(values)
        metadata = owner.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        is_config = owner.get("kind") == "ConfigMap"
        return {
            key: value
            if is_config and (key in _EVIDENCE_KEYS or self.policy.keeps("configmap", f"{name}/{key}"))
            else masked_leaves(value)
            for key, value in values.items()
        }

    def environment(self, values: Any, depth: int) -> Any:
        """`env` of a container: names and `valueFrom` stay."""
        return self._values(values, depth, keep=True)

    def named_values(self, values: Any, depth: int) -> Any:
        """Headers that a probe sends or a route sets; elsewhere these names mean something else."""
        return self._values(values, depth) if isinstance(values, list) else self.any(values, depth)

    def _values(self, values: Any, depth: int, *, keep: bool = False) -> Any:
        _check(depth)
        if not isinstance(values, list):
            return masked_leaves(values)
        clean: list[Any] = []
        for each in values:
            if not isinstance(each, Mapping):
                clean.append(masked_leaves(each))
                continue
            named = {key: self.any(value, depth + 1) for key, value in each.items() if key != "value"}
            if "value" in each:
                is_kept = keep and self.policy.keeps("env", each.get("name"))
                named["value"] = each["value"] if is_kept else masked_leaves(each["value"])
            clean.append(named)
        return clean

    def arguments(self, values: Any, depth: int) -> Any:
        """A command line, one word an item."""
        _check(depth)
        if not isinstance(values, list):
            return self.any(values, depth)
        clean: list[Any] = []
        wants_value = False
        for word in values:
            if not isinstance(word, str):
                clean.append(self.any(word, depth + 1))
                wants_value = False
                continue
            is_user = bool(clean) and clean[-1] in ("-u", "--user") and ":" in word
            # `-p 22` and `mkdir -p /data` say nothing that is secret.
            is_plain = bool(clean) and clean[-1] == "-p" and (word.isdecimal() or word.startswith("/"))
            if (wants_value and not word.startswith("--") and not is_plain) or is_user:
                clean.append(MASK)
                wants_value = False
                continue
            name, has_value, _ = word.partition("=")
            is_secret = bool(_FLAG.fullmatch(name)) and _is_secret_name(name)
            wants_value = (is_secret and not has_value) or word == "-p"
            clean.append(f"{name}={MASK}" if is_secret and has_value else self.text(word, depth))
        return clean

    def annotations(self, values: Any, depth: int) -> Any:
        """Annotations: those that hold whole objects go, the others lose their credentials."""
        if not isinstance(values, Mapping):
            return self.any(values, depth)
        clean: dict[str, Any] = {}
        for key, value in values.items():
            if self.policy.keeps("annotation", key):
                clean[key] = value
            elif _holds_object(key, value):
                continue
            elif _is_secret_annotation(key):
                clean[key] = masked_leaves(value)
            else:
                clean[key] = self.any(value, depth + 1)
        return clean

    def managed_fields(self, value: Any, depth: int) -> Any:
        """Who owns which field: names only, but for members of sets, `v:"…"`."""
        _check(depth)
        if not isinstance(value, Mapping):
            return masked_leaves(value)
        if not self.policy.dropped_paths and _is_names_only(value, depth):
            return value
        return {
            f'v:"{MASK}"' if key.startswith("v:") else key: self.managed_fields(each, depth + 1)
            for key, each in value.items()
        }

    def text(self, text: str, depth: int) -> str:
        if text.isalnum():
            return text  # every rule wants another sign
        if len(text) <= _SHORT:
            clean_text, may_be_json = _short_text(text)
            if not may_be_json:
                return clean_text
        elif not _SUSPECT.search(text):
            return text
        stripped = text.strip()
        if stripped[:1] in ("{", "[") and stripped[-1:] in ("}", "]"):
            try:
                found = json.loads(stripped)
            except (ValueError, RecursionError):
                found = None
            if found is not None:
                clean = self.any(found, depth + 1)
                if clean == found:
                    return text
                return json.dumps(clean, ensure_ascii=False, separators=(",", ":"))
        return _plain_text(text)


@lru_cache(1 << 13)
def _short_text(text: str) -> tuple[str, bool]:
    """Return a text without credentials, and whether it may be JSON: then what it holds must be looked at.

    Kept, because the versions of an object, and the objects of a workload, say the same again and again.
    """
    if _HARMLESS.fullmatch(text) or not _SUSPECT.search(text):
        return text, False
    return _plain_text(text), text.lstrip()[:1] in ("{", "[")


def _plain_text(text: str) -> str:
    if "\n" in text:
        text = _without_environments(text)
    for pattern, replacement in _TEXT_RULES:
        text = pattern.sub(replacement, text)
    return text


def _without_environments(text: str) -> str:
    """Return YAML with the values below `env:` and its likes masked; names stay."""
    clean = []
    indent: int | None = None
    for line in text.split("\n"):
        opening = _ENVIRONMENT_LINE.fullmatch(line)
        depth = len(line) - len(line.lstrip())
        is_item = indent is not None and depth == indent and line.lstrip().startswith("- ")
        if indent is not None and line.strip() and depth <= indent and not is_item:
            indent = None
        if indent is None:
            if opening and _ENVIRONMENT.fullmatch(opening[2]):
                indent = len(opening[1])
        elif pair := _YAML_PAIR.fullmatch(line):
            kept = pair[4] if pair[2].strip("\"'") == "name:" else MASK
            line = f"{pair[1]}{pair[2]}{pair[3]}{kept}"
        elif line.strip() and not opening:
            line = line[:depth] + MASK
        clean.append(line)
    return "\n".join(clean)


def _is_names_only(fields: Mapping[str, Any], depth: int) -> bool:
    """Tell whether nothing in managed fields can be a value, as in nearly all; they are half of many an object."""
    waiting = [(fields, depth)]
    while waiting:
        inner, depth = waiting.pop()
        _check(depth)
        for key, value in inner.items():
            if type(value) is not dict or key.startswith("v:"):
                return False
            if value:
                waiting.append((value, depth + 1))
    return True


def masked_leaves(value: Any) -> Any:
    """Return `***` for anything that holds a value; null and emptiness stay visible."""
    return value if value is None or value == "" else MASK


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeep(f"nested deeper than {MAX_DEPTH} levels")


@lru_cache(4096)
def _is_secret_field(key: str) -> bool:
    return key.replace("_", "").replace("-", "").lower() in _SECRET_FIELDS


@lru_cache(4096)
def _is_environment(key: str) -> bool:
    return bool(_ENVIRONMENT.fullmatch(key))


@lru_cache(4096)
def _is_plain_name(key: str) -> bool:
    return not (_is_environment(key) or _is_secret_field(key))


@lru_cache(4096)
def _is_secret_annotation(name: str) -> bool:
    return _is_secret_name(name) or name.endswith(("snippet", "snippets"))


@lru_cache(4096)
def _is_named_like_object(name: str) -> bool:
    return bool(_HOLDS_OBJECT_NAME.search(name))


def _holds_object(name: str, value: Any) -> bool:
    # The words are looked for first: it takes a tenth of the time of the pattern.
    may_hold = isinstance(value, str) and ("apiVersion" in value or "H4sI" in value)
    return _is_named_like_object(name) or (may_hold and bool(_HOLDS_OBJECT.search(value)))


def _is_secret_name(name: object) -> bool:
    return isinstance(name, str) and bool(_SECRET_NAME.search(name))


def _drop(found: Any, path: tuple[str, ...]) -> None:
    if isinstance(found, list):
        for each in found:
            _drop(each, path)
    elif isinstance(found, dict):
        if len(path) == 1:
            found.pop(path[0], None)
        else:
            _drop(found.get(path[0]), path[1:])
