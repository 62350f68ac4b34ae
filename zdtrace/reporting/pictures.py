"""Pictures of findings: as specifications for a page that runs Vega, as SVG for one that cannot, as PNG."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zdtrace.reporting.language import Language

if TYPE_CHECKING:
    import polars as pl

    from zdtrace.analysis.diagnosis import Diagnosis

_SVG_FONTS = 'sans-serif, "Noto Sans CJK SC", "WenQuanYi Zen Hei"'


def specifications(
    diagnosis: Diagnosis, words: Language, *names: str, given: Mapping[str, pl.DataFrame] | None = None
) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of the named pictures, by default of all that have something to show.

    `given` are frames that no query has; a picture that lacks one is left out.
    """
    from zdtrace.charts import PICTURES

    found, frames = {}, dict(given or {})
    for picture in (PICTURES[name] for name in names or PICTURES):
        for query in picture.reads:
            if query not in frames and "." in query:
                frames[query] = diagnosis.frame(query)
        if not frames.keys() >= set(picture.reads):
            continue
        specification = picture.specification(frames, words)
        if specification is not None:
            found[picture.name] = specification
    return found


def svg(specification: Mapping[str, Any], *, prefix: str = "", is_dark: bool = False) -> str:
    """Return a picture as SVG. `prefix` keeps its ids apart from those of other pictures on the page."""
    import vl_convert

    from zdtrace.charts.look import config

    text: str = vl_convert.vegalite_to_svg(dict(specification), config=config(is_dark=is_dark, fonts=_SVG_FONTS))
    # The page says in one sentence what a picture shows; a role without a name for each group of marks is only noise.
    text = re.sub(r' role="graphics-[a-z]+"| aria-roledescription="[^"]*"', "", text)
    if prefix:
        text = re.sub(r'(\bid="|url\(#)(?=[a-z]+\d)', rf"\g<1>{prefix}-", text)
    return text


def png(specification: Mapping[str, Any], *, scale: float = 2, is_dark: bool = False) -> bytes:
    """Return a picture as PNG, on the colour of the page."""
    import vl_convert

    from zdtrace.charts.look import config

    look = {**config(is_dark=is_dark, fonts=_SVG_FONTS), "background": "#14181d" if is_dark else "#ffffff"}
    data: bytes = vl_convert.vegalite_to_png(dict(specification), config=look, scale=scale)
    return data


def runtime() -> str:
    """Return JavaScript that draws specifications: `vegaEmbed` and all that it needs.

    Bundling it takes seconds, so it is kept in the user's cache; a cache that cannot be written is done without.
    """
    from importlib.metadata import version

    import vl_convert

    path = _cache() / f"vega-{version('vl-convert-python')}.js"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        text = path.read_text(encoding="utf-8")
        if text.endswith(_END):
            return text
    made: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;") + _END
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_text(made, encoding="utf-8")
        draft.replace(path)
    return made


_END = "\n/* end of vega */"


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "zdtrace"


def as_json(specification: Mapping[str, Any]) -> str:
    """Return a specification as JSON, without blanks."""
    return json.dumps(specification, ensure_ascii=False, separators=(",", ":"))
