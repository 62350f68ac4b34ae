"""How pictures look on a light and on a dark page."""

from __future__ import annotations

from typing import Any

FONTS = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", '
    "sans-serif"
)


def config(*, is_dark: bool, fonts: str = FONTS) -> dict[str, Any]:
    """Return Vega-Lite's configuration; the page shows through."""
    ink, faint, line = ("#d5dbe1", "#9aa5b1", "#333c46") if is_dark else ("#1f2933", "#52606d", "#e1e5ea")
    words = {"labelColor": ink, "titleColor": faint, "labelFont": fonts, "titleFont": fonts}
    return {
        "aria": False,
        "background": "transparent",
        "font": fonts,
        "view": {"stroke": line},
        "axis": {
            **words, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "gridColor": line,
            "domainColor": faint, "tickColor": faint,
        },
        "legend": {**words, "labelFontSize": 12.5, "titleFontSize": 12},
        "text": {"color": ink, "font": fonts},
        "title": {"color": ink, "font": fonts},
    }
