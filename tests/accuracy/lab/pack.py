"""Packs raw recordings for the corpus: `pack.py RAW-FOLDER... CORPUS-FOLDER`.

Whole lines go, and the ids that the experiment does not give to the analysis; of the good requests each 20th stays.
"""

from __future__ import annotations

import io
import json
import re
import sys
import tarfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import zstandard

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE), str(HERE.parents[1] / "scenarios")]
from cut_recording import is_ordinary_access, is_ordinary_request, thinned  # noqa: E402
from oracle import Oracle  # noqa: E402

READABLE = (
    "fortio.log",
    "kube-proxy.log",
    "audit.log",
    "ingress-controller.log",
    "nginx-error.log",
    "watch-pods.ndjson",
    "watch-events.ndjson",
    "watch-endpointslices.ndjson",
    "watch-deployments.ndjson",
    "watch-replicasets.ndjson",
    "watch-services.ndjson",
    "watch-ingresses.ndjson",
    "watch-nodes.ndjson",
    "watch-hpas.ndjson",
    "watch-ingress-pods.ndjson",
    "watch-ingress-events.ndjson",
)
_IDS = re.compile(r'"http_x_vegeta_(?:attack|seq)":"[^"]*",')
CLIENTS = ("vegeta.json", "fortio.ndjson")


def instant_ns(text: str) -> int:
    whole, _, fraction = text.rstrip("Z").partition(".")
    return int(datetime.fromisoformat(whole + "+00:00").timestamp()) * 1_000_000_000 + int(
        (fraction or "0").ljust(9, "0")[:9]
    )


def client_row(line: int, text: str) -> dict[str, Any]:
    """Return what the oracle needs of a client's line."""
    row = json.loads(text)
    if "seq" in row:
        started = instant_ns(row["timestamp"])
        return {
            "line": line,
            "id": str(row["seq"]),
            "started_ns": started,
            "ended_ns": started + row["latency"],
            "status": row["code"] or None,
            "error": row["error"],
        }
    started = row["timestamp"]
    code = int(row["details"])
    return {
        "line": line,
        "id": None,
        "started_ns": started,
        "ended_ns": started + round(float(row["latency"]) * 1e9),
        "status": code if code > 0 else None,
        "error": "",
    }


def is_failed(row: dict[str, Any]) -> bool:
    return row["status"] is None or row["status"] >= 500 or row["status"] == 429


def ordinary_vegeta(text: str) -> bool:
    row = json.loads(text)
    return row["code"] == 200 and not row["error"]


def pack(raw: Path, corpus: Path) -> None:
    files = {name: (raw / name).read_text(errors="replace").splitlines() for name in READABLE if (raw / name).is_file()}
    began = json.loads((raw / "truth.json").read_text())["load"]["started_ns"]
    files["watch-events.ndjson"] = [
        line for line in files["watch-events.ndjson"] if json.loads(line)["observed_at_ns"] > began - 1_400_000_000
    ]
    if (raw / "nginx-access.ndjson").is_file():
        access = (raw / "nginx-access.ndjson").read_text(errors="replace").splitlines()
        kept = thinned(access, is_ordinary_access)
        has_ids = json.loads((raw / "truth.json").read_text())["settings"].get("ids")
        files["nginx-access.ndjson"] = kept if has_ids else [_IDS.sub("", line) for line in kept]
    files["fortio.log"] = [
        line for line in files.get("fortio.log", ()) if "fortio.json" not in line and "fortio.ndjson" not in line
    ]
    client = next(name for name in CLIENTS if (raw / name).is_file())
    lines = (raw / client).read_text().splitlines()
    files[client] = thinned(lines, ordinary_vegeta if client == "vegeta.json" else is_ordinary_request)
    rows = [row for row in (client_row(number, text) for number, text in enumerate(files[client], 1)) if is_failed(row)]
    oracle = Oracle(raw)
    labels = oracle.labels(rows)
    target = corpus / raw.name
    target.mkdir(parents=True, exist_ok=True)
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, text in sorted(files.items()):
            if text:
                data = ("\n".join(text) + "\n").encode()
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
    (target / "recording.tar.zst").write_bytes(zstandard.ZstdCompressor(level=19).compress(archive.getvalue()))
    facts = "".join(
        json.dumps(
            {
                "line": line,
                "mechanism": each.mechanism,
                "trigger": each.trigger,
                "pod": each.pod,
                "saw": each.fate,
                "at_ns": each.at_ns,
            }
        )
        + "\n"
        for line, each in sorted(labels.items())
    )
    (target / "facts.ndjson.zst").write_bytes(zstandard.ZstdCompressor(level=19).compress(facts.encode()))
    truth = {key: oracle.truth[key] for key in ("scenario", "via", "settings", "actions", "versions", "proxy_mode")}
    statuses = Counter(str(json.loads(text).get("code", json.loads(text).get("details"))) for text in lines)
    (target / "truth.json").write_text(json.dumps({**truth, "codes": dict(statuses)}, indent=1) + "\n")
    counted = Counter((each.mechanism, each.trigger, each.fate) for each in labels.values())
    print(raw.name, dict(statuses), f"{len(labels)} of {len(rows)} failed requests labelled")
    for (mechanism, trigger, fate), count in counted.most_common():
        print(f"    {count:>5} {mechanism} ({trigger}): {fate}")


if __name__ == "__main__":
    *raws, corpus_folder = map(Path, sys.argv[1:])
    for each in raws:
        pack(each, corpus_folder)
