"""Findings in, text out: each module a way to show them."""
