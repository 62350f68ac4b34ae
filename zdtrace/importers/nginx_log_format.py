"""nginx' `log_format`: from the string in a configuration to a pattern that reads its lines.

A variable between quotes holds no quote (nginx writes `\\x22`, or `\\"` with escape=json); one between
brackets holds no bracket; of the others the kind tells what they may be.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from zdtrace.errors import UsageError
from zdtrace.importers.nginx_variables import TIMES, USED, Variables

COMBINED = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
    '"$http_referer" "$http_user_agent"'
)
MAIN = f'{COMBINED} "$http_x_forwarded_for"'
"""What the NGINX Inc controller writes unless told otherwise."""
UPSTREAMINFO = (
    f"{COMBINED} $request_length $request_time [$proxy_upstream_name] [$proxy_alternative_upstream_name] "
    "$upstream_addr $upstream_response_length $upstream_response_time $upstream_status $req_id"
)
"""What ingress-nginx writes unless told otherwise."""

_TOKEN = re.compile(r"\$(?:\{(\w+)\}|(\w+))")
_ESCAPE = re.compile(r"^\s*escape=(?:json|default|none)\s+")
_QUOTED_PART = re.compile(r"'((?:[^'\\]|\\.)*)'")
_NUMBER = r"\d+(?:\.\d+)?|-|"
_LIST = r"[^\s,]+(?:(?:, | : )[^\s,]+)*|"
_KINDS = {
    "time_local": r"\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}",
    "time_iso8601": r"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)",
    "msec": r"\d+\.\d+",
    "status": r"\d{3}|-|",
    "host": r'[^\s/"]*?',
    # An id that a client may have sent: not a sentence, not a URL.
    **dict.fromkeys(("req_id", "request_id", "http_x_request_id"), r"[\w.:/+=-]*"),
    "remote_addr": r"[\w.:-]*",
    "request_uri": r'[^\s"]*',
    "uri": r'[^\s"]*?',
    **dict.fromkeys(
        (
            "request_time",
            "request_length",
            "body_bytes_sent",
            "bytes_sent",
            "connection",
            "connection_requests",
            "pid",
            "remote_port",
            "server_port",
        ),
        _NUMBER,
    ),
}


@dataclass(frozen=True, slots=True)
class LogFormat:
    """A compiled `log_format`: an RE2 pattern without anchors, and the variables that it captures."""

    pattern: str
    captured: tuple[str, ...]

    @property
    def variables(self) -> Variables:
        """The captured variables as SQL over `r`."""
        return Variables({name: f"r.{name}" for name in self.captured})

    @property
    def time(self) -> str:
        """The captured variable that dates a line: never empty."""
        return next(name for name in TIMES if name in self.captured)


def compiled(log_format: str) -> LogFormat:
    """Return the pattern of a format string. Raises UsageError when its lines would have no time."""
    text = unquoted(log_format)
    parts: list[str] = []
    captured: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(_literal(text[at : token.start()]))
        name = token[1] or token[2]
        kind = _kind(name, text[: token.start()], text[token.end() :])
        if name in USED and name not in captured:
            captured.append(name)
            parts.append(f"(?P<{name}>{kind})")
        else:
            parts.append(f"(?:{kind})")
        at = token.end()
    parts.append(_literal(text[at:].rstrip()))
    if not set(TIMES) & set(captured):
        raise UsageError(
            "this log_format has no time",
            hint="add $msec (best), $time_iso8601 or $time_local to it, and $request_time",
        )
    return LogFormat("".join(parts), tuple(captured))


def unquoted(log_format: str) -> str:
    """Return a format without `escape=…` and the quotes of nginx.conf, its parts put together."""
    text = _ESCAPE.sub("", log_format).strip().rstrip(";")
    if not _QUOTED_PART.sub("", text).strip():
        text = "".join(part[1] for part in _QUOTED_PART.finditer(text)).replace("\\'", "'")
    return text.replace("\n", "")


def log_format_of(config_map_data: Mapping[str, str]) -> str | None:
    """Return the format that a controller's ConfigMap asks for; null when it leaves the controller's default.

    Knows `log-format` (NGINX Inc) and `log-format-upstream` (ingress-nginx), and their `log-format-escaping`
    and `log-format-escape-json`.
    """
    found = config_map_data.get("log-format-upstream") or config_map_data.get("log-format")
    if not found or not found.strip():
        return None
    escapes_json = (
        config_map_data.get("log-format-escape-json") == "true"
        or config_map_data.get("log-format-escaping") == "json"
    )
    return f"escape=json {found}" if escapes_json and not _ESCAPE.match(found) else found


def _literal(text: str) -> str:
    # Spaces may be any number: configurations are reformatted, and what is logged stays what a reader sees.
    return re.sub(r"(?:\\ )+", " +", re.escape(text))


def _kind(name: str, before: str, after: str) -> str:
    if name in _KINDS and name not in ("host", "http_x_request_id"):
        return _KINDS[name]
    if before.endswith('"') and after.startswith('"'):
        return r'(?:[^"\\]|\\.)*'
    if before.endswith("[") and after.startswith("]"):
        return r"[^\]]*"
    if name.startswith("upstream_"):
        return _LIST
    if name in _KINDS:
        return _KINDS[name]
    return ".*?" if after.strip() else ".*"
