"""Posting a message to a webhook. What goes wrong there is said, and hinders nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from zdtrace.errors import UsageError

_TIMEOUT_S = 10.0


def check_webhook(url: str) -> None:
    """Refuse what cannot be posted to, without repeating it: such addresses are secrets. Raises UsageError."""
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_http = False
    if not is_http:
        raise UsageError("`--webhook` is no http(s) address", hint="copy it from the service that takes the messages")


def post(url: str, message: Mapping[str, Any]) -> str | None:
    """Post JSON; returns what went wrong, null when it was taken. Follows no redirect; names the host alone."""
    import urllib3

    host = urlsplit(url).hostname
    try:
        answer = urllib3.request(
            "POST", url, body=json.dumps(message), headers={"Content-Type": "application/json"}, redirect=False,
            retries=False, timeout=urllib3.Timeout(total=_TIMEOUT_S),
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        return f"the webhook at {host} was not reached: {type(error).__name__}"
    return None if answer.status < 300 else f"the webhook at {host} answered {answer.status}"
