"""Cut a lab recording down to what a test needs: `python cut_recording.py FROM TO`.

Whole lines go, none is changed. Of the requests that went well every 20th stays, so that the failed ones keep their
company; of a fault that hit thousands of requests in the same way (a version that answers 500) every 20th, too. Events
from before the recording go. What the analysis may not read (the application's own log, what the load test summed
up) goes into `truth/`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import zstandard

CLIENTS = ("fortio.ndjson", "k6.json", "vegeta.json")
WHOLE = (
    "audit.log", "fortio.log", "kube-proxy.log", "ingress-controller.log", "nginx-error.log",
    "watch-pods.ndjson", "watch-endpointslices.ndjson", "watch-deployments.ndjson",
)
KEPT_EVENTS = (
    '"reason":"Killing"', '"reason":"SuccessfulDelete"', '"reason":"SuccessfulCreate"', '"reason":"ScalingReplicaSet"',
    '"reason":"BackOff"', '"reason":"FailedPreStopHook"',
)
TRUTH_KEYS = ("scenario", "cause", "via", "settings", "actions", "codes", "versions", "proxy_mode")


def text_of(folder: Path, name: str) -> str | None:
    """Return a file's text, packed or not; None when there is none."""
    if (folder / name).is_file():
        return (folder / name).read_text()
    if (folder / f"{name}.zst").is_file():
        return zstandard.ZstdDecompressor().stream_reader((folder / f"{name}.zst").open("rb")).read().decode()
    return None


def thinned(lines: list[str], is_ordinary: Callable[[str], bool]) -> list[str]:
    """Return all lines, of the ordinary ones only every 20th."""
    count, kept = 0, []
    for line in lines:
        if is_ordinary(line):
            count += 1
            if count % 20 != 1:
                continue
        kept.append(line)
    return kept


def is_ordinary_request(line: str) -> bool:
    """Tell whether a client's line is of a request that ended with 200 or 500."""
    row = json.loads(line)
    status = str(row.get("details", row.get("code")))
    return status in ("200", "500")


def is_ordinary_access(line: str) -> bool:
    """Tell whether a proxy's line is of a request whose only try ended with 200 or 500."""
    row = json.loads(line)
    tried = str(row.get("upstream_status", row.get("response_code", row.get("status"))))
    return tried in ("200", "500")


def ordinary_k6(text: str) -> list[str]:
    """Return k6's points, of the requests that went well every 20th; one request's points stand together."""
    kept: list[str] = []
    group: list[str] = []
    count = 0
    for line in text.splitlines():
        row = json.loads(line)
        if row.get("type") == "Point" and row.get("metric") == "http_reqs" and group:
            is_good = '"status":"200"' in group[0]
            count += is_good
            kept += group if not is_good or count % 20 == 1 else []
            group = []
        (group if row.get("type") == "Point" else kept).append(line)
    return kept + group


def cut(source: Path, target: Path) -> None:
    """Write the cut-down copy of a recording."""
    (target / "truth").mkdir(parents=True, exist_ok=True)
    for name in WHOLE:
        # fortio tells where it wrote its files: nobody else has these folders.
        lines = [line for line in (text_of(source, name) or "").splitlines() if "fortio.json" not in line]
        keep(target, name, [line for line in lines if "fortio.ndjson" not in line])
    for name in CLIENTS:
        if text := text_of(source, name):
            lines = text.splitlines()
            keep(target, name, ordinary_k6(text) if name == "k6.json" else thinned(lines, is_ordinary_request))
    for name in ("nginx-access.ndjson", "envoy-access.ndjson"):
        if text := text_of(source, name):
            keep(target, name, thinned(text.splitlines(), is_ordinary_access))
    events = (text_of(source, "watch-events.ndjson") or "").splitlines()
    first_seen = min((json.loads(line)["observed_at_ns"] for line in events), default=0)
    keep(target, "watch-events.ndjson", [
        line for line in events
        if json.loads(line)["observed_at_ns"] > first_seen + 1_000_000_000 and any(each in line for each in KEPT_EVENTS)
    ])
    truth = json.loads((source / "truth.json").read_text())
    for action in truth["actions"]:
        action["command"] = [Path(word).name if word.endswith(".json") else word for word in action["command"]]
    told = {key: truth[key] for key in TRUTH_KEYS if key in truth}
    (target / "truth" / "truth.json").write_text(json.dumps(told, indent=1) + "\n")
    logs = {path.name: path.read_text() for path in sorted(source.glob("app-*.log"))}
    (target / "truth" / "app.log").write_text("".join(logs.values()))


def keep(target: Path, name: str, lines: list[str]) -> None:
    """Write lines as a packed file; nothing when there are none."""
    if lines:
        packed = zstandard.ZstdCompressor(level=19).compress(("\n".join(lines) + "\n").encode())
        (target / f"{name}.zst").write_bytes(packed)


if __name__ == "__main__":
    cut(Path(sys.argv[1]), Path(sys.argv[2]))
