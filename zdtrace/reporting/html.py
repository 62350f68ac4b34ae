"""Findings as one page of HTML that needs no network, and whose text, tables and pictures need no JavaScript."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import TYPE_CHECKING, Any

from zdtrace.analysis.findings import Findings
from zdtrace.printable import printable
from zdtrace.reporting import page, pictures
from zdtrace.reporting.drawing import Sitting, draw, rows_of
from zdtrace.reporting.language import Language
from zdtrace.resources import folder
from zdtrace.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

_SECTIONS = (
    "verdict", "impact", "lanes", "terminations", "causes", "requests", "recommendation", "before_after", "config",
    "limits", "reproduce",
)
_LONGEST = 2_000


def as_html(findings: Findings, words: Language, *, command: str, sitting: Sitting | None = None) -> str:
    """Return the page. `command` is what writes it again; `sitting` draws its pictures while the rest is gathered."""
    from markupsafe import Markup

    from zdtrace.charts.look import config

    if sitting is not None:
        sitting.draw_rest(findings)
    context = page.context(findings, words, command=command)
    data = page.data(findings, words)
    template = environment_of(words).get_template("report.html.jinja")
    runtime, script = _closed(pictures.runtime()), _closed(shipped("js/report.js"))
    drawn = sitting.drawn() if sitting is not None else draw(rows_of(findings), words)
    data |= {
        "pictures": {name: each.specification for name, each in drawn.items()},
        "looks": {"light": config(is_dark=False), "dark": config(is_dark=True)},
    }
    return template.render(
        **context,
        sections=[each for each in _SECTIONS if each != "before_after" or findings.comparison],
        pictures={name: Markup(each.still) for name, each in drawn.items()},  # noqa: S704 - vl-convert escapes the texts in it
        policy=policy_of(runtime, script),
        css=Markup(shipped("css/report.css")),  # noqa: S704 - our own
        runtime=Markup(runtime),  # noqa: S704 - Vega's own
        script=Markup(script),  # noqa: S704 - our own
        findings_json=in_script(_short(findings.as_json())),
        data_json=in_script(data),
        version=__version__,
    )


def in_script(value: Any) -> str:
    """Return JSON that can stand in a script element: nothing in it ends the element or begins a comment."""
    from markupsafe import Markup

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text.encode(errors="backslashreplace").decode())  # noqa: S704 - escaped above


def environment_of(words: Language) -> Environment:
    """Return the shipped templates, with the words of a language as `t`; everything is escaped that is not ours."""
    from jinja2 import DictLoader, Environment, StrictUndefined

    templates = folder("reports").joinpath("templates")
    sections = templates.joinpath("sections")
    sources = {each.name: each for each in templates.iterdir() if each.is_file()}
    sources |= {f"sections/{each.name}": each for each in sections.iterdir()}
    environment = Environment(
        loader=DictLoader({name: each.read_text(encoding="utf-8") for name, each in sources.items()}),
        autoescape=True, undefined=StrictUndefined, finalize=_shown, trim_blocks=True, lstrip_blocks=True,
    )
    environment.globals["t"] = words
    return environment


def _shown(value: Any) -> Any:
    """Return text of strangers without what hides or turns it; markup of ours as it is."""
    if hasattr(value, "__html__") or not isinstance(value, str):
        return value
    # A page may have lines: a patch is pasted as it stands.
    return "\n".join(map(printable, value.split("\n")))


def shipped(name: str) -> str:
    """Return a file below `reports`."""
    return folder("reports").joinpath(name).read_text(encoding="utf-8")


def _closed(script: str) -> str:
    """Return JavaScript in which nothing ends the element that it stands in."""
    return script.replace("</script", "<\\/script").replace("<!--", "<\\!--")


def policy_of(*scripts: str) -> str:
    """Return a policy that lets only our own scripts run and nothing leave the page, whatever a recording holds."""
    hashes = " ".join(
        f"'sha256-{base64.b64encode(hashlib.sha256(each.encode()).digest()).decode()}'" for each in scripts
    ) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _short(value: Any) -> Any:
    """Return plain values with texts cut that nobody would read in a page."""
    if isinstance(value, str):
        return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"
    if isinstance(value, dict):
        return {key: _short(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_short(each) for each in value]
    return value
