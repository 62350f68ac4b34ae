"""Actions of Chaos Toolkit: a recording that begins and ends where an experiment says, instead of around all of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from zdtrace.chaostoolkit import recording as recordings


def start_recording(
    recording: str, namespace: str | None = None, selector: str | None = None, ingress: Sequence[str] | str = (),
    load: Sequence[str] | str | None = None, requests: str | None = None, probe: str | None = None,
    rate: float = 50.0, settle: float = 5.0, context: str | None = None, kubeconfig: str | None = None,
    force: bool = False, secrets: dict[str, Any] | None = None,
) -> str:
    """Begin to record into a folder; returns its name.

    `load` is the command of a load test, or `probe` a URL that is asked at `rate` a second. `settle` is how long to
    listen on in the end, s.
    """
    running = recordings.begin(
        recording, namespace=namespace, selector=selector, ingress=ingress, load=load, requests=requests, probe=probe,
        rate=rate, settle=settle, context=context, kubeconfig=kubeconfig, force=force, secrets=secrets,
    )
    running.has_acted = True
    return str(running.path)


def stop_recording() -> dict[str, Any]:
    """End the recording; returns the JSON of `zdtrace analyze`."""
    running = recordings.current()
    if running is None:
        return {}
    try:
        return recordings.end(running).as_json()
    finally:
        recordings.forget()
