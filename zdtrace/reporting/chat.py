"""A change of verdict as a message for a chat: JSON as Slack's incoming webhooks take it, and others like them.

Source: https://api.slack.com/messaging/webhooks; `&`, `<` and `>` are escaped as it asks.
"""

from __future__ import annotations

from typing import Any

from zdtrace.chaos.judging import PASS, Judged
from zdtrace.printable import printable


def as_message(judged: Judged) -> dict[str, Any]:
    """Return the message: one line for a notification, and the same with its figures as a block."""
    outcome = judged.outcome
    mark = ":white_check_mark:" if judged.verdict == PASS else ":x:"
    before = f" (before: {judged.before})" if judged.before else ""
    where = f"{judged.target} in {judged.namespace}"
    text = f"{mark} {outcome.experiment} on {where}: {judged.verdict.upper()}{before}. {judged.sentence}"
    lines = [f"*{_escaped(outcome.experiment)}* on {_escaped(where)}: *{judged.verdict.upper()}*{before}"]
    lines.append(_escaped(judged.sentence))
    if judged.findings is not None:
        requests = judged.findings.diagnosis.requests
        lines.append(f"{requests.failed} of {requests.total} requests failed")
    lines.append(f"run `{_escaped(outcome.id)}`")
    return {
        "text": _escaped(text),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)}}],
    }


def _escaped(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
