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
    from zdtrace.analysis.diagnosis import Diagnosis, Rows

_SVG_FONTS = 'sans-serif, "Noto Sans CJK SC", "WenQuanYi Zen Hei"'


def gathered(diagnosis: Diagnosis, *names: str) -> dict[str, Rows]:
    """Return the rows that the named pictures are drawn from, by default all; a recommendation's are not among them."""
    from zdtrace.charts import PICTURES

    queries = {query for name in names or PICTURES for query in PICTURES[name].reads if "." in query}
    return {query: diagnosis.table(query) for query in sorted(queries)}


def specifications(rows: Mapping[str, Rows], words: Language, *names: str) -> dict[str, dict[str, Any]]:
    """Return the Vega-Lite specification of the named pictures, by default of all that have something to show.

    A picture whose rows were not given is left out.
    """
    from zdtrace.charts import PICTURES

    tables = {name: [dict(zip(each.types, row, strict=True)) for row in each.rows] for name, each in rows.items()}
    found = {}
    for picture in (PICTURES[name] for name in names or PICTURES):
        if not tables.keys() >= set(picture.reads):
            continue
        specification = picture.specification(tables, words)
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
    # Vega numbers what it clips over all that it ever drew: counted anew, the same rows give the same text.
    ids = re.findall(r'\bid="([a-z]+\d+)"', text)
    names = {name: f"{prefix or 'picture'}-{place}" for place, name in enumerate(ids)}
    return re.sub(r'(\bid="|url\(#)([a-z]+\d+)', lambda found: found[1] + names.get(found[2], found[2]), text)


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
