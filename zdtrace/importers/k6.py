"""k6's metrics streams: about 13 points a request, of which the one of `http_req_duration` becomes the row.

All points of a request carry its END. `http_req_duration` begins when the connection is there, so START is
END minus duration minus `http_req_blocked`, the next point of the same request. A dial that times out has 0
in all of them; its true span is in the `iteration_duration` point that follows within a fraction of a
millisecond.
Source: k6 lib/netext/httpext/tracer.go, output/json, output/csv.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Delimited, Head, JsonLines, Options, Reading, Rows
from zdtrace.importers.sql import identifier, literal

_ITERATION_LINES = 200
"""How far behind a request its iteration's end is looked for: some 15 requests of other users."""
_ITERATION_LAG_NS = 5_000_000
_TAGS = "MAP(VARCHAR, VARCHAR)"
_NEVER_SENT = "requests never sent"
_NOT_A_LINE = "'not a line of this format'"
_NOTES = (
    "a dial that timed out (1050, all values 0) begins with its iteration: too early if the script does more",
)


@dataclass(frozen=True)
class K6Json:
    """`--out json=FILE`."""

    name: str = "k6-json"
    title: str = "k6 --out json"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for lines that define a metric or give a point of one."""
        return head.has_objects_with("type", "metric", "data") and any(
            each["type"] in ("Metric", "Point") for each in head.objects
        )

    def read(self, head: Head, options: Options) -> Reading:
        """Parse only the lines of three metrics; the others are skipped when they look whole."""
        fields = {
            "metric": "VARCHAR",
            "type": "VARCHAR",
            "data": f'STRUCT("time" VARCHAR, value DOUBLE, tags {_TAGS}, metadata {_TAGS})',
        }
        metrics = ("http_req_duration", "http_req_blocked", "iteration_duration", "dropped_iterations")
        begins = " or ".join(f'starts_with(text, \'{{"metric":"{metric}"\')' for metric in metrics)
        contains = " or ".join(f"contains(text, '\"{metric}\"')" for metric in metrics)
        # Looking at the beginning is ten times faster; older k6 wrote the metric's name last.
        wanted = f'case when starts_with(text, \'{{"metric":"\') then {begins} else {contains} end'
        tags = "list_concat(map_entries(r.data.tags), map_entries(r.data.metadata))"
        found = f"list_filter({tags}, lambda each: regexp_matches(each.key, '(?i)request.?id'))[1].value"
        point = "starts_with(text, '{') and ends_with(rtrim(text), '}') and contains(text, '\"metric\":')"
        return Reading(
            raw=JsonLines(fields, wanted=wanted),
            rows=(Rows("requests", {**_columns("iso_ns(r.data.time)", 1, _tag), "correlation_id": found}),),
            skip=f"case when r is null then {point} and not ({wanted}) "
            "else r.type = 'Metric' or (r.type = 'Point' and r.metric <> 'http_req_duration') end",
            reject=f"case when r.type is distinct from 'Point' or r.metric is null then {_NOT_A_LINE} "
            "when r.data.value is null then 'no duration' when r.data.value < 0 then 'negative latency' end",
            written="end and latency",
            beside=_beside(
                "r.type = 'Point'", "r.metric", "iso_ns(r.data.time)", "r.data.value", _tag("error_code")
            ),
            counted={
                _NEVER_SENT: "sum(r.data.value) filter (r.type = 'Point' and r.metric = 'dropped_iterations')"
            },
            notes=_NOTES,
        )


@dataclass(frozen=True)
class K6Csv:
    """`--out csv=FILE`: END in whole seconds unless K6_CSV_TIME_FORMAT says otherwise."""

    name: str = "k6-csv"
    title: str = "k6 --out csv"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the header's first three columns."""
        return head.text.startswith("metric_name,timestamp,metric_value")

    def read(self, head: Head, options: Options) -> Reading:
        """Take the columns that the header has; which ones depends on k6's `systemTags`."""
        lines = head.raw_lines
        names = tuple(lines[0].split(","))
        if len(set(names)) < len(names):
            raise UnusableFile(head.path, "two columns of its header have the same name")
        end, resolution = _csv_time(lines[1].split(",")[1] if len(lines) > 1 and "," in lines[1] else "")

        def tag(name: str) -> str:
            return f"nullif(r.{identifier(name)}, '')" if name in names else "null"

        value = "try_cast(r.metric_value as double)"
        columns = _columns(end, resolution, tag, value)
        extra = [f"r.{name}" for name in ("extra_tags", "metadata") if name in names]
        if extra:
            found = r"'(?i)(?:^|&)[^=&]*request.?id[^=&]*=([^&]+)'"
            columns["correlation_id"] = (
                f"nullif(regexp_extract(concat_ws('&', {', '.join(extra)}), {found}, 1), '')"
            )
        notes = (
            _NOTES
            if resolution < 1_000_000_000
            else (
                *_NOTES,
                "END is written in whole seconds: set K6_CSV_TIME_FORMAT=unix_nano, or use --out json=FILE",
            )
        )
        return Reading(
            raw=Delimited(names),
            rows=(Rows("requests", columns),),
            skip="r.metric_name is not null and r.metric_name <> 'http_req_duration' "
            "and regexp_full_match(r.metric_name, '[A-Za-z_][A-Za-z0-9_]*') and r.metric_value is not null",
            reject=f"case when r.metric_name is distinct from 'http_req_duration' then {_NOT_A_LINE} "
            f"when {value} < 0 then 'negative latency' end",
            written="end and latency",
            resolution_ns=resolution,
            beside=_beside("true", "r.metric_name", end, value, tag("error_code")),
            counted={_NEVER_SENT: f"sum({value}) filter (r.metric_name = 'dropped_iterations')"},
            notes=notes,
        )


@dataclass(frozen=True)
class K6Summary:
    """`--summary-export` and `handleSummary`: averages, no requests."""

    name: str = "k6-summary"
    title: str = "k6 end-of-test summary"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for k6's own metric in a document that is no stream of points."""
        return (
            bool(re.match(r"\s*\{", head.text))
            and '"http_req_duration"' in head.text
            and ('"root_group"' in head.text or bool(re.search(r'"metrics"\s*:\s*\{', head.text)))
        )

    def read(self, head: Head, options: Options) -> Reading:
        """Refuse: there is nothing to place in time."""
        raise UnusableFile(
            head.path,
            "k6's summary has no single requests",
            hint="run k6 with `--out json=FILE` and import FILE",
        )


def _tag(name: str) -> str:
    return f"coalesce(r.data.tags[{literal(name)}], r.data.metadata[{literal(name)}])"


def _columns(
    end: str, resolution: int, tag: Callable[[str], str], value: str = "r.data.value"
) -> dict[str, str]:
    """Return the columns of a request; `tag` gives the SQL for one of k6's tags."""
    status, code = f"try_cast({tag('status')} as integer)", f"try_cast({tag('error_code')} as integer)"
    # 1400 to 1599 are k6's own codes for HTTP statuses: the only trace of one when the tag `status` is off.
    by_code = f"when {code} between 1400 and 1599 then {code} - 1000"
    known = f"case when {status} between 100 and 999 then {status} {by_code} end"
    took = f"ms_ns({value}) + coalesce(ms_ns(beside.blocked_ms), 0)"
    words = f"concat_ws(' ', coalesce({tag('error')}, 'no response'), '(' || {tag('error_code')} || ')')"
    lost = f"({status} = 0 or {tag('error_code')} is not null or {tag('expected_response')} = 'false')"
    return {
        "started_at_ns": f"{end} - coalesce(ms_ns(beside.iteration_ms), {took})",
        "ended_at_ns": end,
        "resolution_ns": str(resolution),
        "status": known,
        "error": f"case when ({known}) is null and {lost} then {words} else {tag('error')} end",
        "method": tag("method"),
        "url": f"coalesce({tag('url')}, if_path({tag('name')}))",
        "thread": tag("vu"),
    }


def _beside(when: str, metric: str, end: str, value: str, code: str) -> str:
    """Return SQL for what the points around a request's duration add: time blocked, the iteration's time."""
    return f"""
        with points as materialized (
            select line, {metric} as metric, {end} as ended_at_ns, {value} as value, {code} as code
            from raw where r is not null and {when}
        ),
        neighbours as (
            select *, lead(metric) over by_line as next_metric,
                lead(ended_at_ns) over by_line as next_ended_at_ns, lead(value) over by_line as next_value
            from points where metric in ('http_req_duration', 'http_req_blocked')
            window by_line as (order by line)
        ),
        durations as (
            select line, ended_at_ns, value, code,
                if(next_metric = 'http_req_blocked' and next_ended_at_ns = ended_at_ns, next_value, null)
                    as blocked_ms
            from neighbours where metric = 'http_req_duration'
        ),
        iterations as (
            select durations.line, max(points.value) as iteration_ms
            from durations
            join points on points.line between durations.line and durations.line + {_ITERATION_LINES}
            where durations.code = '1050' and durations.value = 0 and coalesce(durations.blocked_ms, 0) = 0
                and points.metric = 'iteration_duration'
                and points.ended_at_ns - durations.ended_at_ns between 0 and {_ITERATION_LAG_NS}
            group by durations.line
        )
        select durations.line, durations.blocked_ms, iterations.iteration_ms
        from durations left join iterations on iterations.line = durations.line
    """


def _csv_time(sample: str) -> tuple[str, int]:
    """Return SQL for END and its resolution in ns, by what K6_CSV_TIME_FORMAT made of the first row."""
    if "T" in sample:
        return "iso_ns(r.timestamp)", 1 if "." in sample else 1_000_000_000
    units = {13: ("epoch_ms_ns", 1_000_000), 16: ("epoch_us_ns", 1_000), 19: ("try_cast", 1)}
    macro, resolution = units.get(len(sample), ("epoch_s_ns", 1_000_000_000))
    return ("try_cast(r.timestamp as bigint)" if resolution == 1 else f"{macro}(r.timestamp)"), resolution
