"""Handshakes that failed."""

from __future__ import annotations

from builders import Incident

EXPIRED = "tls: failed to verify certificate: x509: certificate has expired"


def test_a_certificate_that_is_not_accepted_says_so() -> None:
    found = Incident().pod("a").request(1_000, latency=3, error=EXPIRED).diagnose()
    assert (found.causes, found.tiers) == (["tls"], "C")


def test_a_handshake_that_a_dying_pod_broke_off_is_that_pods_end() -> None:
    story = Incident().pod("a", deleted=1_000, killed=1_020, exited=1_060, gone=1_400).pod("b")
    assert "tls" not in story.request(1_030, latency=20, error="TLS handshake: connection reset by peer").causes()
