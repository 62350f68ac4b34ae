"""A load command's own words tell how long a rollout will take."""

from __future__ import annotations

import shlex

import pytest

from zdtrace.proving.loads import duration_s


@pytest.mark.parametrize(("command", "seconds"), [
    ("fortio load -a -c 50 -qps 500 -t 60s http://example.com/", 60),
    ("fortio load -t=1m30s http://example.com/", 90),
    ("/usr/bin/k6 run --duration 45s script.js", 45),
    ("vegeta attack -duration=500ms -rate 5", 0.5),
    ("hey -z 1h http://example.com/", 3600),
    ("locust -f file.py --run-time 90", 90),
    ("zdtrace probe http://example.com/ --for 40s", 40),
    ("fortio load -t 0 http://example.com/", None),
    ("jmeter -n -t plan.jmx", None),
    ("./own-load.sh", None),
])
def test_how_long_it_runs(command: str, seconds: float | None) -> None:
    assert duration_s(shlex.split(command)) == seconds
