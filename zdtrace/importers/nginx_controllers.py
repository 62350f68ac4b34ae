"""The two NGINX controllers: when they saw endpoints change, and when nginx had the new configuration.

`kubectl logs` of such a pod mixes three logs: the controller's (klog, or Go's slog as text or JSON), nginx'
error log, and its access log when that goes to stdout. All three are read. What the controllers print in
between, whole configuration files too, is passed over. Source: nginx/kubernetes-ingress internal/{k8s,nginx},
kubernetes/ingress-nginx controller.go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from zdtrace.importers import nginx_error
from zdtrace.importers.base import STAMP, Head, Options, Pattern, Reading, Rows
from zdtrace.importers.local_time import KLOG, go_duration_ms, klog_notes, klog_ns
from zdtrace.importers.nginx_json import dated, keys_of
from zdtrace.importers.nginx_log_format import COMBINED, MAIN, UPSTREAMINFO, compiled
from zdtrace.importers.nginx_variables import Variables
from zdtrace.importers.sql import identifier, literal

_SLOG = r"time=(?P<slog_time>\S+) level=(?P<slog_level>\w+) (?:source=\S+ )?msg=(?P<slog_message>.*)"
_JSON = r"(?P<json>\{.*\})"
# A line that begins like one of the logs and then breaks off is a reject; the rest is talk.
_BEGINS_LIKE_A_LOG = r'^(?:[IWEF]\d{4}|\d{4}/\d\d/\d\d |time=\d|\{"|\S+ - .{1,200} \[\d\d/)'

_KIC = r"Reloading nginx with configVersion|version \d+ ensured\. took|Endpoints \S+ changed, syncing"
_INGRESS_NGINX = (
    r"backend reload required|[Bb]ackend successfully reloaded|Dynamic reconfiguration"
    r"|does not have any active Endpoint"
)

_KIC_EVENTS = r"""case
    when starts_with({m}, 'Reloading nginx with configVersion: ') then 'reload_began'
    when regexp_matches({m}, '^success, version \d+ ensured') then 'reload_done'
    when regexp_matches({m}, '^Endpoint(?:s|Slice) \S+ changed, syncing') then 'endpoints_seen'
    when starts_with({m}, 'Updating Endpoints for [') then 'sync_began'
    when regexp_matches({m}, 'No endpoints for target port|no endpoints for') then 'upstream_error'
    when {l} in ('E', 'F', 'ERROR', 'FATAL') and regexp_matches({m}, '(?i)reload|config ?version')
        then 'reload_failed'
    when {l} in ('E', 'F', 'ERROR', 'FATAL') and regexp_matches({m}, '(?i)config|endpoint|template')
        then 'config_failed'
end"""
_INGRESS_NGINX_EVENTS = r"""case
    when contains({m}, 'backend reload required') then 'reload_began'
    when regexp_matches({m}, '[Bb]ackend successfully reloaded') then 'reload_done'
    when regexp_matches({m}, '(?i)failure reloading the backend|error reloading NGINX') then 'reload_failed'
    when contains({m}, 'Dynamic reconfiguration succeeded') then 'config_applied'
    when regexp_matches({m}, 'Dynamic reconfiguration .*failed|failure reconfiguring') then 'config_failed'
    when regexp_matches({m}, 'not have any active Endpoint|rror obtaining Endpoints') then 'upstream_error'
end"""
_SUBJECT = r"""nullif(coalesce(
    nullif(regexp_extract({m}, '^Endpoint(?:s|Slice) (\S+) changed', 1), ''),
    nullif(regexp_extract({m}, '^Updating Endpoints for \[([^\]]*)\]', 1), ''),
    nullif(regexp_extract({m}, '[Ss]ervice \\?"([^"\\]+)', 1), ''),
    regexp_extract({m}, 'for the service (\S+?):', 1)), '')"""


@dataclass(frozen=True, slots=True)
class _Access:
    """How access lines look among the others: patterns, variables, SQL that tells one, if one was seen."""

    patterns: tuple[str, ...]
    variables: Variables
    is_one: str
    is_seen: bool


@dataclass(frozen=True)
class NginxController:
    """One of the two controllers: its marks and its words."""

    name: str
    title: str
    proxy: str
    marks: str
    events: str
    access_formats: tuple[str, ...]
    clock: str = "proxy"

    def sniff(self, head: Head) -> bool:
        """Look for what only this controller says, as far as the head goes: requests may stand before it."""
        stamp = rf"(?:{STAMP} (?:std(?:out|err) [FP] )?)?"
        said = rf"(?m)^{stamp}(?:[IWEF]\d{{4}}|time=|\{{\"time\").*(?:{self.marks})"
        return bool(re.search(said, head.text))

    def read(self, head: Head, options: Options) -> Reading:
        """Lines of the three logs are events or requests. Raises UnusableFile when times lack the year."""
        access = self._access(head, options)
        alternatives = "|".join((KLOG, _SLOG, nginx_error.LINE, *access.patterns, _JSON))
        events = self._events(head, options)
        is_event = f"({events['event']}) is not null"
        requests = Rows(
            "proxy_requests", access.variables.columns(self.proxy), f"{access.is_one} and not ({is_event})"
        )
        return Reading(
            raw=Pattern(rf"^(?P<any>{alternatives})\s*$", required="any"),
            rows=(Rows("proxy_events", events, when=is_event), requests),
            written="instant, end and latency" if access.is_seen else "instant",
            resolution_ns=1000,
            skip=f"if(r is null, not regexp_matches(text, {literal(_BEGINS_LIKE_A_LOG)}), "
            f"not ({is_event}) and not ({access.is_one}))",
            # A line that broke off may be of the access log.
            withhold_rejects=True,
            notes=(*klog_notes(head, options), *(access.variables.notes if access.is_seen else ())),
        )

    def _access(self, head: Head, options: Options) -> _Access:
        keys = {} if options.log_format else keys_of(head)
        if "status" in keys and ("request_time" in keys or "upstream_addr" in keys):
            sql = {
                name: f"try(json_extract_string(nullif(r.json, ''), {literal('$.' + identifier(key))}))"
                for name, key in dated(head, keys).items()
            }
            return _Access((), Variables(sql), f"coalesce({sql['status']} is not null, false)", is_seen=True)
        formats = [
            compiled(each) for each in ([options.log_format] if options.log_format else self.access_formats)
        ]
        seen = [each for each in formats if any(re.search(f"^{each.pattern}$", line) for line in head.lines)]
        log_format = (seen or formats)[0]
        is_one = f"r.{log_format.time} <> ''"
        return _Access((log_format.pattern,), log_format.variables, is_one, is_seen=bool(seen))

    def _events(self, head: Head, options: Options) -> dict[str, str]:
        said = "try(json_extract_string(nullif(r.json, ''), '$.{}'))"
        message = (
            "coalesce(nullif(r.klog_message, ''), nullif(trim(r.slog_message, '\"'), ''), "
            f"{said.format('msg')}, '')"
        )
        level = f"coalesce(nullif(r.klog_level, ''), nullif(r.slog_level, ''), {said.format('level')})"
        events = {
            "logged_at_ns": f"case when r.klog_time <> '' then {klog_ns(head, options)} "
            f"else iso_ns(coalesce(nullif(r.slog_time, ''), {said.format('time')})) end",
            "resolution_ns": "1000",
            "proxy": literal(self.proxy),
            "event": self.events.format(m=f"({message})", l=level),
            "level": level,
            "process_id": "null",
            "config_version": rf"nullif(regexp_extract({message}, '(?:onfigVersion:|version) (\d+)', 1), '')",
            "duration_ms": go_duration_ms(f"regexp_extract({message}, 'took: (\\S+)', 1)"),
            "subject": _SUBJECT.format(m=f"({message})"),
            "message": message,
        }
        return _with_nginx_errors(events, head, options, self.proxy)


def _with_nginx_errors(events: dict[str, str], head: Head, options: Options, proxy: str) -> dict[str, str]:
    """Return the columns of events, for lines of nginx' error log those of that."""
    # Both run in one container: what holds for the time of the one holds for the other.
    zoned = options if head.is_stamped else replace(options, time_zone=options.time_zone or "UTC")
    errors = nginx_error.columns(proxy, *nginx_error.when(head, zoned))
    return {
        name: f"if(r.error_time <> '', {errors.get(name, 'null')}, {events.get(name, 'null')})"
        for name in {**errors, **events}
    }


NGINX_KIC = NginxController(
    "nginx-kic", "NGINX Inc ingress controller's log", "nginx-kic", _KIC, _KIC_EVENTS, (MAIN, COMBINED)
)
INGRESS_NGINX = NginxController(
    "ingress-nginx-controller",
    "ingress-nginx controller's log",
    "ingress-nginx",
    _INGRESS_NGINX,
    _INGRESS_NGINX_EVENTS,
    (UPSTREAMINFO, COMBINED),
)
