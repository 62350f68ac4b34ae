"""kube-proxy's log, from the lab: Kubernetes 1.37, iptables, three syncs during a rollout."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from importing import SAMPLES, Take, import_bytes

from zdtrace.errors import UnusableFile
from zdtrace.importers.base import Options

LOG = SAMPLES / "kube-proxy" / "kube-proxy.log"


def test_a_sync_lasts_as_long_as_it_says(taken: Take) -> None:
    found = taken(LOG, year=2026)
    rows = found.tables["proxy_events"]
    began = [row for row in rows if row["event"] == "sync_began"]
    done = [row for row in rows if row["event"] == "sync_done"]
    assert [row["duration_ms"] for row in done] == [72.878571, 35.51283, 32.245519]
    for start, end in zip(began, done, strict=True):
        between_ms = (end["logged_at_ns"] - start["logged_at_ns"]) / 1e6
        assert between_ms <= end["duration_ms"] < between_ms + 1


def test_each_line_about_endpoints_names_its_service(taken: Take) -> None:
    text = LOG.read_text()
    found = taken(LOG, year=2026)
    seen = [row for row in found.tables["proxy_events"] if row["event"] == "endpoints_seen"]
    assert len(seen) == text.count("service endpoints")
    assert {row["subject"] for row in seen} == {"default/demo"}
    assert Counter(found.column("proxy_events", "proxy")) == {"kube-proxy": found.source.rows_kept}


def test_the_time_is_utc_of_the_year_that_was_given(taken: Take) -> None:
    first = taken(LOG, year=2026).tables["proxy_events"][0]
    seconds = int(datetime(2026, 11, 23, 16, 17, 3, tzinfo=UTC).timestamp())
    assert first["logged_at_ns"] == (seconds * 1_000_000 + 698_782) * 1000


def test_without_a_year_it_is_refused_with_advice() -> None:
    with pytest.raises(UnusableFile) as refusal:
        import_bytes(LOG.read_bytes())
    assert "--year" in str(refusal.value.hint)


def test_stamps_give_the_year_and_a_foreign_zone_falls_back_on_them() -> None:
    line = b'I1123 17:17:03.771597     116 proxier.go:649] "SyncProxyRules complete" elapsed="72.8ms"\n'
    stamp = int(datetime(2026, 11, 23, 16, 17, 3, tzinfo=UTC).timestamp()) * 1_000_000_000 + 772_000_000
    (row,) = import_bytes(b"2026-11-23T16:17:03.772Z stderr F " + line).tables["proxy_events"]
    assert row["logged_at_ns"] == stamp
    in_zone = import_bytes(b"2026-11-23T16:17:03.772Z stderr F " + line, options=Options(time_zone="+01:00"))
    assert in_zone.tables["proxy_events"][0]["logged_at_ns"] == stamp - 403_000
