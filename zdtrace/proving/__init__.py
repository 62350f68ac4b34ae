"""Proofs: record, recommend, apply, and record again until the claim holds, or until it is known why it does not."""
