"""What a page says of findings, as texts that a template only has to place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from zdtrace.analysis.catalog import library
from zdtrace.analysis.diagnosis import Cause
from zdtrace.analysis.findings import Findings
from zdtrace.analysis.recommendation import Answer, Recommendation
from zdtrace.analysis.remedies import OTHER, PRESTOP
from zdtrace.analysis.story import Story
from zdtrace.analysis.words import UNATTRIBUTED, counted
from zdtrace.recording.tables import SCHEMA_VERSION
from zdtrace.reporting import advice, comparison, failed_rows
from zdtrace.reporting.language import Language
from zdtrace.reporting.story import instant

_STEPS = ("withdrawn", "applied", "routed", "signalled", "exited", "gone")
_SURE = ("A", "B")
_CHANGES = 4
_QUERIES = (
    "findings.totals", "findings.verdicts", "findings.cause_totals", "findings.outages", "findings.impact",
    "findings.latencies", "findings.chart_rates", "findings.chart_failures", "findings.chart_lanes",
    "findings.chart_terminations", "findings.config_findings",
)


def context(findings: Findings, words: Language, *, command: str) -> dict[str, Any]:
    """Return everything that the templates name, beside scripts and pictures."""
    diagnosis = findings.diagnosis
    steps = _steps(findings, words)
    failed = failed_rows.table(findings, words)
    return {
        "recording": diagnosis.recording,
        "verdict": str(diagnosis.verdict),
        "sentence": words.sentence(diagnosis),
        "places": _places(findings, words),
        "changes": _changes(findings, words),
        "sureness": _sureness(findings, words),
        "badges": list(_badges(findings, words)),
        "contents": list(_contents(findings, words)),
        "tiles": list(_tiles(findings, words)),
        "impact": _impact(findings, words),
        "lane_notes": list(_lane_notes(findings, words)),
        "lanes_alternative": _lanes_alternative(findings, words),
        "steps": steps,
        "terminations_alternative": words(
            "terminations.alternative", pods=counted(max((each["count"] for each in steps), default=0)),
            steps=words("list").join(
                words("terminations.step_range", step=each["name"], lo=each["first"], hi=each["last"]) for each in steps
            ),
        ),
        "causes": [_cause(each, findings, words) for each in diagnosis.causes],
        "causes_alternative": words("causes.alternative", parts=words("list").join(
            f"{words.cause(each.name)}: {counted(each.failed)}" for each in diagnosis.causes
        )),
        "has_unexplained": any(each.name == UNATTRIBUTED for each in diagnosis.causes),
        "failed": failed,
        "comparison": _comparison(findings, words),
        "advice": advice.context(findings.recommendation, words),
        "config": [_config(row, words) for row in findings.config],
        "doubts": [{"severity": each.severity, "text": words.check(each)} for each in diagnosis.checks],
        "would_change": list(_would_change(findings, words)),
        "sources": [_source(findings, place, words) for place in range(len(findings.sources))],
        "commands": [command],
        "schema": SCHEMA_VERSION,
        "settings": ", ".join(f"{name}={value}" for name, value in findings.settings.items())
        or words("reproduce.defaults"),
        "queries": [{"name": each, "command": f'zdtrace sql REC -c "from {each}"'} for each in _QUERIES],
    }


def data(findings: Findings, words: Language) -> dict[str, Any]:
    """Return what the page's script needs beside the pictures."""
    return {
        "requests": failed_rows.columns(findings),
        "titles": {each.name: words.cause(each.name) for each in findings.diagnosis.causes},
        "zero_ns": str(findings.window["run_from_ns"]) if findings.window else "0",
        "recording": findings.diagnosis.recording,
        "words": {
            key: words.template(key)
            for key in words.english if key.startswith(("requests.", "triggers.", "reproduce.cop", "lanes.only"))
        },
    }


def share_of(value: float) -> str:
    """Return a share in per cent, with as many digits as say something."""
    percent = value * 100
    return f"{percent:.3f} %" if percent < 10 else f"{percent:.1f} %"


def _places(findings: Findings, words: Language) -> list[str]:
    counts: dict[str, int] = {}
    for cause in findings.diagnosis.causes:
        query = library().get(f"causes.{cause.name}")
        where = query.fields.get("Where", "unknown") if query else "unknown"
        counts[where] = counts.get(where, 0) + cause.failed
    found = sorted(((count, where) for where, count in counts.items() if count), reverse=True)
    return [f"{counted(count)} · {words.where(where)}" for count, where in found] or [
        words("verdict.nothing_failed")
    ]


def _changes(findings: Findings, words: Language) -> list[str]:
    recommended = findings.recommendation
    is_known = recommended is not None and recommended.verdict is not Answer.INCONCLUSIVE
    numbers = list(_with_numbers(recommended, words)) if recommended is not None and is_known else []
    answered = " ".join(each.why for each in recommended.remedies) if recommended is not None and numbers else ""
    found = dict.fromkeys(
        words.remedy(cause.name, cause.remedy) for cause in findings.diagnosis.causes
        if cause.failed and cause.name not in answered
    )
    every = [*numbers, *found]
    more = [words("verdict.and_more", count=len(every) - _CHANGES)] if len(every) > _CHANGES else []
    return [*every[:_CHANGES], *more] or [words("verdict.nothing_to_change")]


def _with_numbers(found: Recommendation, words: Language) -> Iterator[str]:
    """Yield each remedy with the number to set and what it avoids, the one that avoids most first."""
    for each in found.remedies:
        if each.remedy == OTHER:
            continue
        what = words.said(each.why.partition(" (against ")[0])
        if each.remedy == PRESTOP and found.prestop_s is not None:
            least = words("verdict.at_least") if found.is_at_least else ""
            what = words("verdict.numbers", prestop=f"{least}{found.prestop_s}", grace=found.grace_period_s or "-")
        yield words("verdict.saves", what=what, avoids=advice.avoids(each), failed=counted(found.failed))


def _sureness(findings: Findings, words: Language) -> list[str]:
    total = findings.diagnosis.requests.failed
    if not total:
        share = findings.most_lossy
        return [words("impact.at_most", share=share_of(share))] if share is not None else [words("impact.unknown")]
    return [
        words("verdict.of_tier", count=counted(count), total=counted(total), tier=tier, meaning=words.tier(tier))
        for tier, count in sorted(_tiers(findings).items())
    ]


def _tiers(findings: Findings) -> dict[str, int]:
    counts: dict[str, int] = {}
    for cause in findings.diagnosis.causes:
        for tier, count in cause.tiers.items():
            counts[tier] = counts.get(tier, 0) + count
    return counts


def _badges(findings: Findings, words: Language) -> Iterator[dict[str, str]]:
    tables = {table for source in findings.sources for table in source.rows_by_table}
    formats = {source.format for source in findings.sources}
    kinds = {
        "client": "requests" in tables, "proxy": "proxy_requests" in tables, "errors": "proxy_events" in tables,
        "cluster": "objects" in tables, "audit": any("audit" in each for each in formats),
    }
    seen = [words(f"verdict.{kind}") for kind, is_there in kinds.items() if is_there]
    missing = [words(f"verdict.{kind}") for kind, is_there in kinds.items() if not is_there]
    yield {"kind": "good", "name": words("verdict.evidence"), "value": ", ".join(seen)}
    if missing:
        yield {"kind": "doubtful", "name": words("verdict.missing"), "value": ", ".join(missing)}
    bounds = findings.rows("staging.source_clocks")
    widest = max((row["offset_hi_ns"] - row["offset_lo_ns"] for row in bounds), default=0) / 2e6
    yield {
        "kind": "good" if widest < 100 else "doubtful", "name": words("verdict.clocks"), "value": f"± {widest:.3g} ms",
    }
    severities: dict[str, int] = {}
    for check in findings.diagnosis.checks:
        severities[check.severity] = severities.get(check.severity, 0) + 1
    doubts = [
        words("verdict.doubts_of", count=count, severity=words(f"severities.{severity}"))
        for severity, count in severities.items()
    ]
    is_bad = bool({"error", "data_loss", "warning"} & set(severities))
    yield {
        "kind": "doubtful" if is_bad else "good", "name": words("verdict.doubts"),
        "value": ", ".join(doubts) or words("verdict.no_doubts"),
    }


def _contents(findings: Findings, words: Language) -> Iterator[dict[str, str]]:
    left_out = {"before_after": findings.comparison is None, "recommendation": findings.recommendation is None}
    for name in (
        "impact", "lanes", "terminations", "causes", "requests", "recommendation", "before_after", "config", "limits",
        "reproduce",
    ):
        if not left_out.get(name):
            yield {"id": name, "title": words(f"{name}.heading")}


def _tiles(findings: Findings, words: Language) -> Iterator[dict[str, str]]:
    requests, ratio = findings.diagnosis.requests, findings.ratio
    yield {
        "name": words("impact.failed"), "value": counted(requests.failed),
        "note": words("impact.of", total=counted(requests.total)),
    }
    yield {
        "name": words("impact.ratio"), "value": share_of(ratio.value),
        "note": words("impact.bounds", lo=share_of(ratio.lo), hi=share_of(ratio.hi)),
    }
    if findings.outages:
        longest, windows = findings.outages[0], len(findings.outages)
        yield {
            "name": words("impact.longest"), "value": f"{(longest['until_ns'] - longest['from_ns']) / 1e9:.3f} s",
            "note": words("impact.windows", count=counted(longest["failed_count"]), windows=counted(windows))
            if windows > 1 else words("impact.window"),
        }
    yield {
        "name": words("impact.healed"), "value": counted(requests.near_misses), "note": words("impact.healed_note"),
    }
    quantiles = {row["quantile_ratio"]: row["latency_ms"] for row in findings.latencies}
    if 0.99 in quantiles:
        yield {
            "name": words("impact.slow"), "value": f"{quantiles[0.99]:.1f} ms",
            "note": words("impact.slow_note", median=f"{quantiles[0.5]:.1f} ms"),
        }


def _impact(findings: Findings, words: Language) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    for dimension in ("status", "pod", "node", "route", "connection"):
        rows = [row for row in findings.impact if row["dimension"] == dimension]
        if [row["value"] for row in rows] == ["unknown"]:
            continue
        found[dimension] = [
            {
                "value": words(f"impact.{row['value']}") if row["value"] in ("unknown", "none", "new", "reused")
                else row["value"],
                "failed": counted(row["failed_count"]),
                "all": counted(row["request_count"]) if row["request_count"] is not None else "",
            }
            for row in rows
        ]
    return {dimension: rows for dimension, rows in found.items() if rows}


def _lane_notes(findings: Findings, words: Language) -> Iterator[str]:
    marks = findings.rows("findings.chart_failures")
    failed = sum(row["failed_count"] for row in marks)
    if len(marks) < failed:
        yield words("lanes.binned", count=counted(failed))
    lanes = findings.rows("findings.chart_lanes")
    shown = len({row["pod_uid"] for row in lanes if row["kind"] == "pod"})
    known = findings.rows("timeline.pod_lifecycles")
    if shown and shown < sum(row["killed_lo_ns"] is not None for row in known):
        yield words("lanes.pods", shown=shown, all=len(known))


def _lanes_alternative(findings: Findings, words: Language) -> str:
    if not findings.window:
        return ""
    zero = findings.window["run_from_ns"]
    lanes = findings.rows("findings.chart_lanes")
    return words(
        "lanes.alternative", failed=counted(findings.diagnosis.requests.failed),
        **{"from": f"{(findings.window['focus_from_ns'] - zero) / 1e9:.2f} s",
           "until": f"{(findings.window['focus_until_ns'] - zero) / 1e9:.2f} s"},
        pods=", ".join(dict.fromkeys(row["lane"] for row in lanes if row["kind"] == "pod")),
    )


def _steps(findings: Findings, words: Language) -> list[dict[str, Any]]:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in findings.rows("findings.chart_terminations"):
        groups.setdefault((row["step"], row["proxy"] or ""), []).append(row)
    found = []
    for (step, proxy), rows in sorted(groups.items(), key=lambda each: (_STEPS.index(each[0][0]), each[0][1])):
        middles = sorted(
            (row["lo_ms"] + (row["hi_ms"] if row["hi_ms"] is not None else row["lo_ms"])) / 2e3 for row in rows
        )
        found.append({
            "name": words(f"steps.{step}") + (f": {proxy}" if proxy else ""),
            "count": len(rows), "pods": counted(len(rows)), "first": f"{middles[0]:.3f}",
            "median": f"{middles[(len(middles) - 1) // 2]:.3f}", "last": f"{middles[-1]:.3f}",
        })
    return found


def _cause(cause: Cause, findings: Findings, words: Language) -> dict[str, Any]:
    counts = [words("causes.failed", count=counted(cause.failed))]
    if cause.near_misses:
        counts.append(words("causes.healed", count=counted(cause.near_misses)))
    return {
        "name": cause.name, "title": words.cause(cause.name), "failed": cause.failed,
        "counts": ", ".join(counts), "summary": words.summary(cause.name),
        "remedy": words.remedy(cause.name, cause.remedy),
        "prestop": words.prestop(cause.name, cause.prestop_helps), "not_when": words.not_when(cause.name),
        "tiers": words("list").join(
            f"{tier} ({counted(count)}): {words.tier(tier)}" for tier, count in cause.tiers.items()
        ),
        "triggers": ", ".join(
            f"{words.trigger(name)} ({counted(count)})" for name, count in cause.triggers.items()
        ),
        "stories": [
            _story(story, words) for story in findings.stories if story.request["request_id"] in cause.exemplars
        ],
    }


def _story(story: Story, words: Language) -> dict[str, Any]:
    request = story.request
    status = words("requests.none") if request["status"] is None else str(request["status"])
    took = (request["ended_at_ns"] - request["started_at_ns"]) / 1e6
    facts = [f"{instant(request['started_at_ns'])}, {took:.3f} ms, {words('requests.status')}: {status}"]
    facts += [str(request[name])[:300] for name in ("url", "error") if request[name]]
    for each in story.tries:
        if each["error_line"]:
            facts.append(f"{each['error_line']}: {str(each['error_message'])[:300]}")
    return {
        "id": request["request_id"],
        "moments": [
            {
                "when": f"T{each.offset_ms / 1000:+.3f} s", "doubt": f"{each.doubt_ms:.0f}", "clock": each.clock,
                "subject": each.subject, "what": words.moment(each.moment, each.what),
                "reference": each.reference or "", "is_own": each.is_own,
            }
            for each in story.moments
        ],
        "facts": facts,
        "runner_up": words.cause(story.runner_up.name) if story.runner_up else None,
        "wanted": _wanted(story.evidence_wanted, words),
    }


def _wanted(evidence: str | None, words: Language) -> str | None:
    return None if evidence is None else "; ".join(map(words.said, evidence.split("; ")))


def _comparison(findings: Findings, words: Language) -> dict[str, Any] | None:
    if findings.comparison is None:
        return None
    return {
        "sentence": words.said(findings.comparison.sentence),
        "supports": list(map(words.said, findings.comparison.supports)),
        "tables": [
            {"title": words("before_after.heading"), "columns": columns, "rows": rows}
            for columns, rows in (comparison.worded(each, words) for each in comparison.tables(findings.comparison))
        ],
    }


def _config(row: Mapping[str, Any], words: Language) -> dict[str, str]:
    def number(value: float | None) -> str:
        return "" if value is None else f"{value:.3g}"

    return {
        "text": words(
            f"config.{row['finding']}", setting=number(row["setting_s"]), observed=number(row["observed_s"])
        ),
        "workload": row["workload"],
        "pods": words("config.of", count=row["pod_count"], all=row["of_count"]),
        "failed": counted(row["failed_count"]),
        "reference": row["reference"] or "",
    }


def _would_change(findings: Findings, words: Language) -> Iterator[str]:
    for row in findings.rows("findings.runner_ups"):
        yield words("limits.runner_ups", count=counted(row["failed_count"]), cause=words.cause(row["cause"]))
    tiers = _tiers(findings)
    unsure = sum(count for tier, count in tiers.items() if tier not in _SURE)
    wanted = next((story.evidence_wanted for story in findings.stories if story.evidence_wanted), None)
    if unsure and wanted:
        yield words(
            "limits.guess", count=counted(unsure), total=counted(sum(tiers.values())),
            wanted=_wanted(wanted, words),
        )
    elif tiers and not unsure:
        yield words("limits.sure")


def _source(findings: Findings, place: int, words: Language) -> dict[str, str]:
    source, evidence = findings.sources[place], findings.diagnosis.evidence[place]
    return {
        "name": source.name, "format": source.format, "rows": counted(source.rows_kept),
        "rejects": counted(source.rejects), "clock": source.clock, "used_for": words.uses(evidence.used_for),
        "sha256": source.content_sha256,
    }
