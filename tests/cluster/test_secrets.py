"""A secret that is planted everywhere is nowhere in what a recording keeps."""

from __future__ import annotations

import json
import time
from pathlib import Path

import duckdb
from clusters import Lab

CANARY = "c4nary5ecretValue"


def plant(lab: Lab) -> None:
    """Put the secret wherever people put theirs: env, annotations, arguments, ConfigMaps, Secrets."""
    annotations = {
        "kubectl.kubernetes.io/last-applied-configuration": json.dumps({"apiVersion": "v1", "password": CANARY}),
        "example.com/api-token": CANARY,
    }
    lab.deploy(environment={"DB_PASSWORD": CANARY, "DSN": f"postgres://u:{CANARY}@db/x"}, annotations=annotations)
    plain = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"token": CANARY}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "login"}, "stringData": {"password": CANARY}}
    for each in (plain, secret):
        lab.kubectl("apply", "--server-side", "-f", "-", stdin=json.dumps(each))
    # The controller prints what it was told when it reloads, and its own settings are recorded.
    snippet = f"# password={CANARY}"
    lab.kubectl(
        "patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge",
        "-p", json.dumps({"data": {"server-snippets": snippet}}),
    )


def unplant(lab: Lab) -> None:
    lab.kubectl(
        "patch", "configmap", "nginx-config", "-n", "nginx-ingress", "--type=merge",
        "-p", json.dumps({"data": {"server-snippets": None}}),
    )
    for kind, name in (("configmap", "settings"), ("secret", "login")):
        lab.kubectl("delete", kind, name)


def test_a_planted_secret_is_nowhere_in_the_recording(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "secrets.zdtrace"
    plant(lab)
    try:
        load = lab.load(15, qps=100, connections=8)
        load[-1] += f"?access_token={CANARY}&user=me"
        headers = ("Authorization: Bearer " + CANARY, f"Cookie: session={CANARY}", f"X-Api-Key: {CANARY}")
        words = [word for each in headers for word in ("-H", each)]
        load[2:2] = words
        with lab.recording(folder, "-n", "default", "--all", "--ingress", "nginx-ingress", "--", *load) as run:
            time.sleep(4)
            lab.kubectl("rollout", "restart", "deployment/demo")
            # Requests that fail in the proxy by then: their URLs stand in nginx' error log too.
            time.sleep(2)
            assert CANARY.encode() not in _bytes(folder), "in the journal, while it records"
            assert run.wait(90) == 0
    finally:
        unplant(lab)
    assert CANARY.encode() not in _bytes(folder)
    assert CANARY not in _text_of_tables(folder)
    # It was there to be found: the recording holds what the secret stood in.
    text = _text_of_tables(folder)
    for each in ("DB_PASSWORD", "access_token=", "server-snippets", "example.com/api-token"):
        assert each in text, f"{each} was not recorded, so nothing is proven of it"
    assert not folder.with_name(f".{folder.name}.load").exists(), "the load test's own log stays behind"


def _bytes(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def _text_of_tables(folder: Path) -> str:
    """Every value of every table: Parquet compresses, so that bytes alone would hide it."""
    found: list[str] = []
    with duckdb.connect() as db:
        for table in sorted((folder / "tables").iterdir()):
            rows = db.execute("select * from read_parquet($files, union_by_name = true)", {
                "files": [str(each) for each in table.glob("*.parquet")],
            }).fetchall()
            found.extend(map(repr, rows))
    return "\n".join(found)
