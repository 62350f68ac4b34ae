"""The story of one failed request: what it met, what happened around it, why this cause and not another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from zdtrace.analysis import words
from zdtrace.analysis.catalog import EVERY_CAUSE_COLUMNS, library
from zdtrace.analysis.diagnosis import SCHEMA_VERSION, tables_of
from zdtrace.analysis.engine import Engine
from zdtrace.errors import UsageError
from zdtrace.recording.store import Recording

_NEAR = 3
_PODS = 3
_BEFORE_NS, _AFTER_NS = 5_000_000_000, 1_000_000_000
_PROXY_STEPS = 8
_OWN = "request"
_NEEDED = ("findings.verdicts", "findings.near_misses", "timeline.moments", "timeline.attempt_pods")


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened; `offset_ms` counts from the request's start, `doubt_ms` either way."""

    offset_ms: float
    doubt_ms: float
    subject: str
    what: str
    clock: str
    reference: str | None
    is_own: bool = False
    moment: str | None = None


@dataclass(frozen=True, slots=True)
class CauseStory:
    """A cause as it fits this request; `columns` are its own columns with their meaning."""

    name: str
    title: str
    summary: str
    tier: str
    weight: float
    remedy: str
    not_when: str | None
    told_by: str
    columns: tuple[tuple[str, Any, str], ...]


@dataclass(frozen=True, slots=True)
class Story:
    """Everything about one failed request. `request` and `tries` are rows of the timeline."""

    recording: str
    request: Mapping[str, Any]
    tries: tuple[Mapping[str, Any], ...]
    moments: tuple[Moment, ...]
    verdict: Mapping[str, Any]
    cause: CauseStory | None
    runner_up: CauseStory | None
    why_not_runner_up: str | None
    evidence_wanted: str | None

    def as_json(self) -> dict[str, Any]:
        """Return the story as plain values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "recording": self.recording,
            "request": dict(self.request),
            "tries": [dict(each) for each in self.tries],
            "moments": [
                {
                    "offset_ms": each.offset_ms, "doubt_ms": each.doubt_ms, "subject": each.subject,
                    "what": each.what, "clock": each.clock, "reference": each.reference,
                }
                for each in self.moments
            ],
            "verdict": dict(self.verdict),
            "cause": _cause_json(self.cause),
            "runner_up": _cause_json(self.runner_up),
            "why_not_runner_up": self.why_not_runner_up,
            "evidence_wanted": self.evidence_wanted,
        }


def _cause_json(cause: CauseStory | None) -> dict[str, Any] | None:
    if cause is None:
        return None
    return {
        "cause": cause.name, "title": cause.title, "summary": cause.summary, "tier": cause.tier,
        "weight": cause.weight, "remedy": cause.remedy, "not_when": cause.not_when, "told_by": cause.told_by,
        "columns": {name: value for name, value, _ in cause.columns},
    }


def tell(recording: Recording, wanted: str, settings: Mapping[str, str] | None = None) -> Story:
    """Return the story of a failed request.

    `wanted` is its `source:line`, the end of that, the line alone, or the id that client and proxy share.
    Raises UsageError when no failed request, or more than one, is called so.
    """
    engine = Engine(recording, settings)
    engine.make(*_NEEDED)
    return tell_some(engine, [_find(engine, wanted)])[0]


def tell_some(engine: Engine, request_ids: Iterable[str]) -> tuple[Story, ...]:
    """Return the stories of failed requests that are called by their whole `request_id`, on an engine that is there."""
    engine.make(*_NEEDED)
    verdicts = [_row(engine, "findings.verdicts", each, leave_out="evidence_at") for each in request_ids]
    named = {verdict[name] for verdict in verdicts for name in ("cause", "runner_up")}
    evidence = {name: _evidence(engine, name, verdicts) for name in named if f"causes.{name}" in library()}
    return tuple(_told(engine, verdict, evidence) for verdict in verdicts)


def _evidence(engine: Engine, cause: str, verdicts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the rows of a cause for all the requests at once: each look at it computes the whole cause anew."""
    names = [column.name for column in library()[f"causes.{cause}"].columns if column.name != "evidence_at"]
    engine.make(f"causes.{cause}")
    return engine.rows(
        f"select {', '.join(names)} from causes.{cause} where list_contains(?::varchar[], request_id)",
        [[verdict["request_id"] for verdict in verdicts]],
    )


def _told(engine: Engine, verdict: Mapping[str, Any], evidence: Mapping[str, list[dict[str, Any]]]) -> Story:
    request = _row(engine, "timeline.failures", verdict["request_id"])
    tries = _tries(engine, request["request_id"])
    cause = _cause(verdict, verdict["cause"], evidence)
    runner_up = _cause(verdict, verdict["runner_up"], evidence)
    is_sure = verdict["tier"] == "A" or (verdict["tier"] == "B" and runner_up is None)
    return Story(
        recording=engine.recording.name,
        request=request,
        tries=tries,
        moments=_moments(engine, request, tries, verdict),
        verdict=verdict,
        cause=cause,
        runner_up=runner_up,
        why_not_runner_up=_why_not(cause, runner_up),
        evidence_wanted=None if is_sure else words.evidence_wanted(
            tables_of(engine.recording), has_proxy_lines=verdict["matched_by"] == "id"
        ),
    )


def _why_not(cause: CauseStory | None, runner_up: CauseStory | None) -> str | None:
    """Return what spoke against the next likely cause: less certain evidence, else a smaller likelihood."""
    if cause is None or runner_up is None:
        return None
    if runner_up.tier > cause.tier:
        return f"its evidence is less certain: tier {runner_up.tier} ({words.TIERS[runner_up.tier]}), not {cause.tier}"
    if runner_up.weight < cause.weight:
        return f"less likely by what was recorded: {runner_up.weight:.2f} against {cause.weight:.2f}"
    return "nothing speaks against it: both fit alike, and the first by name was taken"


def _row(engine: Engine, query: str, request_id: str, *, leave_out: str = "") -> dict[str, Any]:
    names = [column.name for column in library()[query].columns if column.name != leave_out]
    return engine.rows(f"select {', '.join(names)} from {query} where request_id = ?", [request_id])[0]


def _find(engine: Engine, wanted: str) -> str:
    rows = engine.rows(
        "select request_id from timeline.failures where request_id = $1 or correlation_id = $1"
        " or ends_with(request_id, ':' || $1) or (contains($1, ':') and ends_with(request_id, $1))"
        " order by request_id <> $1, started_at_ns",
        [wanted],
    )
    found: list[str] = [row["request_id"] for row in rows]
    if len(found) == 1 or wanted in found[:1]:
        return found[0]
    if found:
        raise UsageError(
            f"`{wanted}` may be any of {len(found)} failed requests",
            hint=f"say which: {', '.join(found[:_NEAR])}{', …' if len(found) > _NEAR else ''}",
        )
    raise _unknown(engine, wanted)


def _unknown(engine: Engine, wanted: str) -> UsageError:
    """Say what is there instead: a request that did not fail, or failed ones near by."""
    source, _, line = wanted.rpartition(":")
    near = engine.rows(
        "select request_id from timeline.failures"
        " order by not contains(source, ?), abs(line - coalesce(try_cast(? as double), 0)), request_id"
        f" limit {_NEAR}",
        [source, line],
    )
    hint = "none of its requests failed"
    if near:
        hint = f"failed requests near it: {', '.join(row['request_id'] for row in near)}"
    healed = engine.rows(
        "select cause from findings.near_misses where request_id = ? order by attempt limit 1", [wanted]
    )
    if healed:
        cause = healed[0]["cause"]
        return UsageError(f"`{wanted}` did not fail: a retry healed it (cause: {cause})", hint=hint)
    good = engine.rows(
        "select requests.status from staging.requests"
        " inner join staging.source_clocks on requests.source_id = source_clocks.source_id"
        " where source_clocks.source = ? and requests.line = try_cast(? as bigint)",
        [source, line],
    )
    if good:
        return UsageError(f"`{wanted}` did not fail: its status is {good[0]['status']}", hint=hint)
    return UsageError(f"no failed request is called `{wanted}`", hint=hint)


def _tries(engine: Engine, request_id: str) -> tuple[Mapping[str, Any], ...]:
    return tuple(engine.rows(
        "select attempts.attempt, attempts.attempt_count, attempts.upstream_address,"
        " pods.pod_name, attempts.status, attempts.symptom, attempts.is_ejection, attempts.matched_by,"
        " attempts.proxy_reference as proxy_line, attempts.error_reference as error_line,"
        " upstream_errors.message as error_message, attempts.started_lo_ns, attempts.started_hi_ns,"
        " attempts.ended_lo_ns, attempts.ended_hi_ns"
        " from timeline.attempts"
        " left outer join ("
        "  select attempt_pods.request_id, attempt_pods.attempt, any_value(pod_name) as pod_name"
        "  from timeline.attempt_pods"
        "  inner join timeline.pod_lifecycles on attempt_pods.pod_uid = pod_lifecycles.pod_uid"
        "  where attempt_pods.linked_by <> 'time' group by all"
        " ) as pods on attempts.request_id = pods.request_id and attempts.attempt = pods.attempt"
        " left outer join timeline.upstream_errors on attempts.error_reference = upstream_errors.reference"
        " where attempts.request_id = ? order by attempts.attempt",
        [request_id],
    ))


def _cause(
    verdict: Mapping[str, Any], name: str | None, evidence: Mapping[str, list[dict[str, Any]]]
) -> CauseStory | None:
    query = library().get(f"causes.{name}")
    if name is None or query is None:
        return None
    own = [column for column in query.columns if column.name not in EVERY_CAUSE_COLUMNS]
    row = min(
        (row for row in evidence[name] if all(row[key] == verdict[key] for key in ("request_id", "attempt"))),
        key=lambda row: (row["pod_uid"] != verdict["pod_uid"], row["tier"], -row["weight"]),
    )
    return CauseStory(
        name=name,
        title=query.fields["Title"],
        summary=query.summary,
        tier=row["tier"],
        weight=row["weight"],
        remedy=query.fields["Remedy"],
        not_when=query.fields.get("Not when"),
        told_by=query.fields["Told by"],
        columns=tuple((column.name, row[column.name], column.doc) for column in own),
    )


def _moments(
    engine: Engine, request: Mapping[str, Any], tries: Sequence[Mapping[str, Any]], verdict: Mapping[str, Any]
) -> tuple[Moment, ...]:
    start = (request["started_lo_ns"] + request["started_hi_ns"]) // 2
    rows = [
        *_of_pods(engine, verdict, start),
        *_of_proxies(engine, request["started_lo_ns"], request["ended_hi_ns"], start),
        *engine.rows(
            "select lo_ns, hi_ns, subject, what, clock, reference, moment from timeline.moments"
            " where about in ('rollout', 'mark') and lo_ns <= ? order by lo_ns desc limit 3",
            [request["ended_hi_ns"]],
        ),
    ]
    found = [
        _moment(start, *(row[name] for name in ("lo_ns", "hi_ns", "subject", "what", "clock", "reference", "moment")))
        for row in rows
    ]
    return tuple(sorted([*found, *_own(engine, request, tries, start)], key=lambda each: each.offset_ms))


def _moment(
    start: int, lo: int, latest: int | None, subject: str | None, what: str, clock: str, reference: str | None,
    moment: str | None = None,
) -> Moment:
    hi = lo if latest is None else latest
    return Moment(
        offset_ms=((lo + hi) // 2 - start) / 1e6, doubt_ms=(hi - lo) / 2e6, subject=subject or "mark",
        what=what, clock=clock, reference=reference, is_own=subject == _OWN, moment=moment,
    )


def _own(
    engine: Engine, request: Mapping[str, Any], tries: Sequence[Mapping[str, Any]], start: int
) -> list[Moment]:
    """Return the request's own steps: start, tries that a proxy logged, end."""
    clocks = "select clock from staging.source_clocks where source_id = ?"
    me, clock = request["request_id"], engine.rows(clocks, [request["source_id"]])[0]["clock"]
    status = request["status"] if request["status"] is not None else "no status"
    steps = [("started", "request starts"), ("ended", f"request ends: {status}")]
    found = [
        (request[f"{step}_lo_ns"], request[f"{step}_hi_ns"], what, clock, me, f"request_{step}") for step, what in steps
    ]
    found += [
        (
            each["ended_lo_ns"], each["ended_hi_ns"],
            f"try {each['attempt']} at {each['upstream_address'] or '?'}: {each['symptom'] or 'failed'}",
            "proxy", each["error_line"] or each["proxy_line"], "try",
        )
        for each in tries if each["proxy_line"]
    ]
    return [
        _moment(start, lo, hi, _OWN, what, whose, reference, moment)
        for lo, hi, what, whose, reference, moment in found
    ]


def _of_pods(engine: Engine, verdict: Mapping[str, Any], start: int) -> list[dict[str, Any]]:
    """Return the life of the pod that the request went to, or of the few that it may have gone to."""
    return engine.rows(
        "with suspects as ("
        "  select attempt_pods.pod_uid,"
        "   min(abs(coalesce(attempt_pods.signalled_lo_ns, 0) - $1)) as distance_ns"
        "  from timeline.attempt_pods"
        "  where attempt_pods.request_id = $2 and attempt_pods.attempt = $3"
        "   and ($4 is null or attempt_pods.pod_uid = $4)"
        f"  group by attempt_pods.pod_uid order by distance_ns limit {_PODS}"
        ")"
        " select lo_ns, hi_ns, subject, what, clock, reference, moment from timeline.moments"
        " semi join suspects on moments.pod_uid = suspects.pod_uid",
        [start, verdict["request_id"], verdict["attempt"], verdict["pod_uid"]],
    )


def _of_proxies(engine: Engine, started: int, ended: int, start: int) -> list[dict[str, Any]]:
    """Return the nearest config changes; of those that say the same, the last before and the first after."""
    return engine.rows(
        "select lo_ns, hi_ns, subject, what, clock, reference, moment from timeline.moments"
        " where about = 'proxy' and lo_ns between $1 and $2"
        " qualify row_number() over ("
        "  partition by subject, what, lo_ns > $3 order by abs(lo_ns - $3), reference"
        " ) = 1"
        f" order by abs(lo_ns - $3) limit {_PROXY_STEPS}",
        [started - _BEFORE_NS, ended + _AFTER_NS, start],
    )
