"""Findings for machines: JSON and YAML of the same values."""

from __future__ import annotations

import json
from typing import Any


def as_json(value: Any) -> str:
    """Return JSON with a line break at its end."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def as_yaml(value: Any) -> str:
    """Return YAML in the order of the keys."""
    import yaml

    text: str = yaml.safe_dump(value, allow_unicode=True, sort_keys=False, width=100)
    return text
