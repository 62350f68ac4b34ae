"""Reading an experiment's file field by field: what is unknown or of the wrong kind is refused by its full name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

from zdtrace.errors import UsageError
from zdtrace.spans import seconds_of

_PERCENT = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
_MISSING = object()


class Fields:
    """A mapping of the file, each field taken once. `path` names it in errors."""

    def __init__(self, found: object, path: str) -> None:
        if found is None:
            found = {}
        if not isinstance(found, Mapping):
            raise UsageError(f"`{path}` holds no fields", hint="write it as NAME: VALUE below it")
        self._found = {str(name): value for name, value in found.items()}
        self.path = path

    def take(self, name: str, default: Any = _MISSING) -> Any:
        """Return a field as it is written. Raises UsageError when it is missing and has no default."""
        value = self._found.pop(name, None)
        if value is not None:
            return value
        if default is _MISSING:
            raise UsageError(f"`{self._at(name)}` is missing")
        return default

    def has(self, name: str) -> bool:
        """Tell whether a field is said and not taken yet."""
        return self._found.get(name) is not None

    def fields(self, name: str) -> Fields:
        """Return the fields below one; none when it is not there."""
        return Fields(self.take(name, {}), self._at(name))

    def every(self, name: str) -> list[Fields]:
        """Return the fields of each item of a list."""
        return [Fields(each, f"{self._at(name)}[{number}]") for number, each in enumerate(self.items(name))]

    def items(self, name: str, default: Iterable[Any] = ()) -> list[Any]:
        """Return a list."""
        found = self.take(name, list(default))
        if not isinstance(found, list):
            self.refuse(name, "is no list")
        return found

    def text(self, name: str, default: Any = _MISSING) -> Any:
        """Return a text (a number will do), or the default."""
        found = self.take(name, default)
        if found is not default and (not isinstance(found, str | int | float) or isinstance(found, bool)):
            self.refuse(name, "is no text")
        return found if found is default else str(found)

    def name(self, name: str, default: Any = _MISSING) -> Any:
        """Return the name of an object, or the default."""
        found = self.text(name, default)
        if found is not default and not _NAME.fullmatch(found):
            self.refuse(name, f"`{found}` is no name of an object")
        return found

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self.items(name)
        if not all(isinstance(each, str) for each in found):
            self.refuse(name, "holds something that is no text")
        return tuple(found)

    def choice(self, name: str, choices: Iterable[str], default: Any = _MISSING) -> Any:
        """Return one of some words."""
        found = self.text(name, default)
        if found is not default and found not in (known := tuple(choices)):
            self.refuse(name, f"`{found}` is none of {', '.join(known)}")
        return found

    def flag(self, name: str, default: bool = False) -> bool:
        """Return true or false."""
        found = self.take(name, default)
        if not isinstance(found, bool):
            self.refuse(name, "is neither true nor false")
        return found

    def whole(self, name: str, default: Any = _MISSING, *, least: int = 0) -> Any:
        """Return a whole number that is not below `least`, or the default."""
        found = self.take(name, default)
        if found is default:
            return default
        if not isinstance(found, int) or isinstance(found, bool) or found < least:
            self.refuse(name, f"is no whole number from {least} on")
        return found

    def number(self, name: str, default: Any = _MISSING) -> Any:
        """Return a number above 0, or the default."""
        found = self.take(name, default)
        if found is default:
            return default
        if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found < float("inf"):
            self.refuse(name, "is no number above 0")
        return float(found)

    def seconds(self, name: str, default: Any = _MISSING) -> Any:
        """Return a time in seconds, or the default."""
        found = self.take(name, default)
        if found is default:
            return default
        if (time_s := seconds_of(found)) is None:
            self.refuse(name, f"`{found}` is no time", hint="write it as 90s, 5m or 1h30m")
        return time_s

    def share(self, name: str, default: Any = _MISSING) -> Any:
        """Return a share between 0 and 1, written as `5%` or 0.05, or the default."""
        found = self.take(name, default)
        if found is default:
            return default
        if isinstance(found, str) and (percent := _PERCENT.fullmatch(found)):
            found = float(percent[1]) / 100
        if not isinstance(found, int | float) or isinstance(found, bool) or not 0 <= found <= 1:
            self.refuse(name, "is no share", hint="write it as 5% or 0.05")
        return float(found)

    def end(self) -> None:
        """Refuse what nobody took. Raises UsageError."""
        if self._found:
            unknown = ", ".join(f"`{self._at(name)}`" for name in sorted(self._found))
            raise UsageError(f"unknown: {unknown}", hint="`zdtrace chaos init` writes a file with every field")

    def refuse(self, name: str, why: str, *, hint: str | None = None) -> NoReturn:
        """Raise UsageError about a field."""
        raise UsageError(f"`{self._at(name)}` {why}", hint=hint)

    def _at(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name
