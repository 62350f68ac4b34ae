"""A proof as one page that needs no network: the claim, the change, both recordings side by side, and every rollout."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from zdtrace.analysis.diagnosis import Diagnosis
from zdtrace.analysis.words import counted
from zdtrace.proving.claims import words_s
from zdtrace.proving.proof import Outcome, Proof
from zdtrace.reporting import comparison, pictures
from zdtrace.reporting.html import environment_of, policy_of, shipped
from zdtrace.reporting.language import Language
from zdtrace.reporting.layout import Column
from zdtrace.reporting.patch import patch_text
from zdtrace.reporting.proof import SIGNALS, refusals, trial_rows
from zdtrace.version import __version__


def proof_page(
    proof: Proof, words: Language, *, before: Diagnosis | None, after: Diagnosis | None, pages: Mapping[str, str],
    again: str,
) -> str:
    """Return the page. `before` and `after` are the recordings that are shown, `pages` their reports by recording.

    `again` is the command that makes the proof anew.
    """
    from markupsafe import Markup

    row = proof.last
    change = row.treatment if row is not None else None
    has_change = change is not None and not change.is_empty
    text: str = environment_of(words).get_template("proof.html.jinja").render(
        title=words("proof.title", workload=proof.workload), verdict=SIGNALS[proof.outcome],
        word=words(f"proof.{proof.outcome}"), sentence=_without_word(proof.sentence), claim=proof.claim,
        reasons=proof.reasons if proof.outcome is not Outcome.PROVEN else (), restored=proof.restored,
        tiles=list(_tiles(proof, words)),
        steps=[{"remedy": each.remedy, "words": each.words} for each in change.steps] if change and has_change else [],
        patch=patch_text(dict(change.patch)) if change and has_change else "",
        warnings=change.warnings if change and has_change else (), refused=refusals(proof),
        sides=list(_sides(words, before, after, pages)), tables=list(_tables(proof, words)),
        supports=proof.comparison.supports if proof.comparison else (), limits=list(_limits(proof, words)),
        again=again, made=words("proof.made", at=proof.started_at, took=words_s(proof.took_s)),
        policy=policy_of(), css=Markup(shipped("css/report.css")), version=__version__,  # noqa: S704 - our own
    )
    return text.lstrip()


def _without_word(sentence: str) -> str:
    head, colon, rest = sentence.partition(": ")
    return f"{rest[:1].upper()}{rest[1:]}" if colon and head in ("Proven", "Not proven", "Inconclusive") else sentence


def _tiles(proof: Proof, words: Language) -> Iterator[Mapping[str, str]]:
    row, aim = proof.last, proof.plan.aim
    lossy = sum(each.is_lossy for each in proof.baseline)
    yield {
        "name": words("proof.before"), "value": words("proof.of", count=lossy, all=len(proof.baseline)),
        "note": words("proof.lost_in_all", failed=counted(sum(each.failed for each in proof.baseline)),
                      sent=counted(sum(each.requests for each in proof.baseline))),
    }
    if row is not None:
        yield {
            "name": words("proof.after"), "value": words("proof.of", count=row.lossy, all=row.lossy + row.clean),
            "note": words("proof.lost_in_all", failed=counted(sum(each.failed for each in row.trials)),
                          sent=counted(sum(each.requests for each in row.trials))),
        }
    yield {
        "name": words("proof.supported"), "value": f"{int(proof.supported * 1000) / 10:g} %",
        "note": words("proof.wanted", claim=f"{aim.claim:.1%}", confidence=f"{aim.confidence:.0%}"),
    }


def _sides(
    words: Language, before: Diagnosis | None, after: Diagnosis | None, pages: Mapping[str, str]
) -> Iterator[Mapping[str, Any]]:
    """Yield both recordings, each with its lanes."""
    from markupsafe import Markup

    for name, diagnosis in (("before", before), ("after", after)):
        if diagnosis is None:
            continue
        lanes = pictures.specifications(pictures.gathered(diagnosis, "lanes"), words, "lanes").get("lanes")
        yield {
            "heading": words(f"proof.recording_{name}", name=diagnosis.recording),
            "sentence": words.sentence(diagnosis), "page": pages.get(diagnosis.recording),
            "picture": Markup(pictures.svg(lanes, prefix=name)) if lanes else "",  # noqa: S704 - vl-convert escapes it
            "alternative": words.sentence(diagnosis),
        }


def _tables(proof: Proof, words: Language) -> Iterator[Mapping[str, Any]]:
    columns = [
        Column(words("history.run")), Column(words("proof.with")), Column(words("impact.failed"), is_number=True),
        Column(words("before_after.sent"), is_number=True), Column(words("proof.took"), is_number=True),
        Column(words("causes.heading")),
    ]
    yield {
        "title": words("proof.rollouts"), "note": words("proof.rows_note"), "columns": columns,
        "rows": list(trial_rows(proof)),
    }
    if len(proof.rows) > 1:
        aim = proof.plan.aim
        yield {
            "title": words("proof.rows"), "note": "",
            "columns": [
                Column(words("proof.with")), Column(words("proof.clean"), is_number=True),
                Column(words("proof.needed"), is_number=True), Column(words("proof.error"), is_number=True),
            ],
            "rows": [
                [row.short, str(row.clean), str(aim.wanted(row.number)), f"{aim.error_of(row.number):.2%}"]
                for row in proof.rows
            ],
        }
    if proof.comparison is not None:
        titles = [words("before_after.heading"), words("before_after.cause"), words("before_after.latency")]
        if not proof.comparison.causes:
            del titles[1]
        # A side of many recordings may have no latencies: then there is one table less.
        for title, (heads, rows) in zip(titles, comparison.tables(proof.comparison), strict=False):
            yield {"title": title, "note": "", "columns": heads, "rows": rows}


def _limits(proof: Proof, words: Language) -> Iterator[str]:
    yield words("proof.limit_like", load=shlex.join(proof.load))
    yield words("proof.limit_independent")
    if proof.plan.aim.revisions:
        yield words("proof.limit_revisions", revisions=proof.plan.aim.revisions)
    doubtful = [each for each in proof.baseline if each.doubt]
    doubtful += [each for row in proof.rows for each in row.trials if each.doubt and each not in doubtful]
    if doubtful:
        yield words("proof.limit_doubtful", count=len(doubtful))
