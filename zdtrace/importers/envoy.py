"""Envoy's access log: its default text, Istio's text, and JSON with any keys (Istio, Contour, Envoy Gateway).

START in ms and duration in ms; status 0 means that the client went away. The response flags say why (`UF`
refused, `UC` connection closed, `UT` timeout, `UPE` and a 200: cut in mid body); only the last pod that was
tried is named. Source: Envoy's access log documentation, Istio's pilot/pkg/model/telemetry_logging.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Head, JsonLines, Options, Pattern, Reading, Rows
from zdtrace.importers.local_time import local_ns, zone_of
from zdtrace.importers.sql import identifier

_TIME = r"\d{4}-\d\d-\d\dT[\d:.]+Z"
_BEGIN = (
    rf'^\[(?P<start_time>{_TIME})\] "(?P<method>\S+) (?P<path>.*?) (?P<protocol>\S+)" '
    r"(?P<response_code>\d{1,3}) (?P<response_flags>[A-Za-z,-]+) "
)
_NUMBERS = (
    r"(?P<bytes_received>\d+|-) (?P<bytes_sent>\d+|-) (?P<duration>\d+|-) (?P<upstream_service_time>\d+|-) "
)
_QUOTED = r'"(?:.*?)" "(?:.*?)" "(?P<request_id>[^"]*)" "(?P<authority>[^"]*)" "(?P<upstream_host>[^"]*)"'
_DEFAULT = rf"{_BEGIN}{_NUMBERS}{_QUOTED}\s*$"
_ISTIO = (
    rf'{_BEGIN}(?P<response_code_details>\S+) \S+ "[^"]*" {_NUMBERS}{_QUOTED} '
    r"(?P<upstream_cluster>\S+) \S+ \S+ (?P<downstream_remote_address>\S+) .*$"
)
_OWN_LOG = r"^(\[\d{4}-\d\d-\d\d |\d{4}-\d\d-\d\dT\S+\t(info|warning|error)\t)"
_KEYS = {
    "start_time": ("start_time", "@timestamp"),  # as Contour calls it
    "duration": ("duration",),
    "response_code": ("response_code",),
    "response_flags": ("response_flags",),
    "response_code_details": ("response_code_details",),
    "method": ("method",),
    "path": ("path", "x-envoy-origin-path", "x_envoy_original_path", "uri_path"),
    "authority": ("authority", ":authority", "host"),
    "request_id": ("request_id", "x-request-id", "x_request_id"),
    "downstream_remote_address": ("downstream_remote_address", "downstream_direct_remote_address"),
    "bytes_sent": ("bytes_sent",),
    "upstream_host": ("upstream_host",),
    "upstream_cluster": ("upstream_cluster", "upstream_cluster_raw"),
    "upstream_service_time": (
        "upstream_service_time",
        "x-envoy-upstream-service-time",
        "resp_upstream_service_time",
    ),
    "attempts": ("upstream_request_attempt_count", "request_attempt_count"),
}
# The status of a response that Envoy made up is 5xx: its body is whole. Another one with these flags was cut.
_IS_TRUNCATED = """case
    when {status} is null then null
    when contains({details}, '_after_response_started') then true
    when {status} < 500 and regexp_matches({flags}, '\\b(UPE|UC|UR|SI)\\b') then true
    when {flags} is null then false
end"""


@dataclass(frozen=True)
class EnvoyJson:
    """Any keys, as long as start, status and flags have Envoy's names."""

    name: str = "envoy-json"
    title: str = "Envoy access log (JSON: Istio, Contour, Envoy Gateway)"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for start, status and response flags."""
        return any(head.has_objects_with(each, "response_code", "response_flags") for each in _KEYS["start_time"])

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request."""
        present = {key for each in head.objects for key in each}
        keys = {
            field: next(alias for alias in aliases if alias in present)
            for field, aliases in _KEYS.items()
            if present & set(aliases)
        }
        for field in ("start_time", "duration", "response_code", "response_flags"):
            if field not in keys:
                raise UnusableFile(
                    head.path,
                    f"its lines have no key `{field}`",
                    hint=f'add "{field}": "%{field.upper()}%" to the access log\'s json_format',
                )
        return Reading(
            raw=JsonLines(dict.fromkeys(keys.values(), "VARCHAR")),
            rows=(
                Rows(
                    "proxy_requests", _columns({field: f"r.{identifier(key)}" for field, key in keys.items()})
                ),
            ),
            written="start and latency",
            resolution_ns=1_000_000,
            # The user's keys may hold headers.
            withhold_rejects=True,
        )


@dataclass(frozen=True)
class EnvoyText:
    """Envoy's own default, or Istio's with three words more."""

    name: str
    title: str
    pattern: str
    fields: tuple[str, ...]
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Match whole lines."""
        return head.matches(re.compile(self.pattern))

    def read(self, head: Head, options: Options) -> Reading:
        """A line is a request; Envoy's own log, which may be in the same stream, is passed over."""
        return Reading(
            raw=Pattern(self.pattern, required="start_time"),
            rows=(Rows("proxy_requests", _columns({field: f"r.{field}" for field in self.fields})),),
            written="start and latency",
            resolution_ns=1_000_000,
            skip=f"r is null and regexp_matches(text, '{_OWN_LOG}')",
        )


def _columns(has: dict[str, str]) -> dict[str, str]:
    """Return SQL for the columns of `proxy_requests` over the fields that a log has."""
    status = f"nullif(try_cast({has['response_code']} as integer), 0)"
    flags = f"dash_null({has['response_flags']})"
    details = (
        f"dash_null({has['response_code_details']})" if "response_code_details" in has else "null::varchar"
    )
    start = f"iso_ns({has['start_time']})"
    columns = {
        "started_at_ns": start,
        "ended_at_ns": f"{start} + try_cast({has['duration']} as bigint) * 1000000",
        "resolution_ns": "1000000",
        "proxy": "'envoy'",
        "status": status,
        "flags": flags,
        "details": details,
        "is_truncated": _IS_TRUNCATED.format(status=status, flags=flags, details=details),
    }
    plain = {
        "method": "method",
        "path": "path",
        "host": "authority",
        "correlation_id": "request_id",
        "client_address": "downstream_remote_address",
        "bytes_sent": "bytes_sent",
        "upstream_name": "upstream_cluster",
        "upstream_addresses": "upstream_host",
        "attempts": "attempts",
    }
    columns |= {column: f"dash_null({has[field]})" for column, field in plain.items() if field in has}
    if "upstream_service_time" in has:
        milliseconds = f"try_cast(dash_null({has['upstream_service_time']}) as bigint)"
        columns["upstream_header_times_s"] = f"printf('%.3f', {milliseconds} / 1e3)"
    return columns


@dataclass(frozen=True)
class EnvoyLog:
    """Envoy's own log: when it took clusters and listeners into use; of endpoints it says nothing."""

    name: str = "envoy-log"
    title: str = "Envoy's own log"
    clock: str = "proxy"

    pattern = (
        r"^\[(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3})\]\[\d+\]\[(?P<level>\w+)\]\[(?P<logger>\w+)\] "
        r"(?:\[[^\]]*\] )?(?P<message>.*)$"
    )

    def sniff(self, head: Head) -> bool:
        """Look for time, thread, level and logger in brackets."""
        return head.matches(re.compile(self.pattern))

    def read(self, head: Head, options: Options) -> Reading:
        """A line that tells of a change is an event. Raises UnusableFile for none, or without a zone."""
        if b"added/updated" not in head.data and b"add/update listener" not in head.data:
            raise UnusableFile(
                head.path,
                "Envoy's own log, and no line of it tells of a configuration change",
                hint="import its access log instead: it names the pod and the reason of each failure",
            )
        written = "try_strptime(r.time, '%Y-%m-%d %H:%M:%S.%g')"
        if head.is_stamped and options.time_zone is None:
            instant = "stamped_at_ns"
        else:
            instant = local_ns(written, zone_of(head, options, what="Envoy's own log"))
        event = """case
            when regexp_matches(r.message, '^[ce]ds: added/updated|^lds: add/update listener')
                then 'config_applied'
            when regexp_matches(r.message, 'update rejected|rejected:') then 'config_failed'
        end"""
        columns = {
            "logged_at_ns": instant,
            "resolution_ns": "1000000",
            "proxy": "'envoy'",
            "event": event,
            "level": "r.level",
            "subject": "nullif(regexp_extract(r.message, 'listener ''([^'']+)''', 1), '')",
            "message": "r.message",
        }
        return Reading(
            raw=Pattern(self.pattern, required="time"),
            rows=(Rows("proxy_events", columns),),
            written="instant",
            resolution_ns=1_000_000,
            # Its configuration at the start goes over many lines.
            skip=f"(r is null and not starts_with(text, '[2')) or (r is not null and ({event}) is null)",
            notes=("Envoy logs no change of endpoints: their absence here means nothing",),
        )


@dataclass(frozen=True)
class ContourLog:
    """Contour's log: recognised, and refused with advice, because it does not tell of endpoints."""

    name: str = "contour-log"
    title: str = "Contour's log"
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for its loggers."""
        return head.matches(re.compile(r'^time="[^"]+" level=\w+ msg=')) and (
            "context=contourEventHandler" in head.text or "context=xds" in head.text
        )

    def read(self, head: Head, options: Options) -> Reading:
        """Raise UnusableFile."""
        raise UnusableFile(
            head.path,
            "Contour does not log when it passes changed endpoints on to Envoy",
            hint="import Envoy's access log instead (Contour's `--envoy-http-access-log`); "
            "zdtrace records the endpoints themselves",
        )


def _groups(pattern: str) -> tuple[str, ...]:
    return tuple(re.findall(r"\(\?P<(\w+)>", pattern))


ENVOY_DEFAULT = EnvoyText("envoy-text", "Envoy access log (default text)", _DEFAULT, _groups(_DEFAULT))
ENVOY_ISTIO = EnvoyText("istio-text", "Istio access log (text)", _ISTIO, _groups(_ISTIO))
