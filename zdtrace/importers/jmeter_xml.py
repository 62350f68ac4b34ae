"""JMeter's JTL as XML: attributes `ts`, `t`, `rc` of top-level samples; a killed run leaves the root open.

Sub-samples (redirects, embedded resources) are parts of their parent and are not counted.
Source: JMeter docs, "The JTL file format"; SampleResultConverter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.parsers import expat

from zdtrace.importers.base import Head, Options, Reading, Records, Rows
from zdtrace.importers.jmeter import sample_columns
from zdtrace.importers.text import Reject

_FIELDS = {
    "ts": "timeStamp",
    "t": "elapsed",
    "rc": "responseCode",
    "rm": "responseMessage",
    "lb": "label",
    "tn": "threadName",
}
_TEXTS = {"java.net.URL": "URL", "method": "method", "failureMessage": "failureMessage"}
_CHUNK = 1 << 16
_MAX_TEXT = 4000
_MAX_DEPTH = 200
_MAX_TAG = 8 << 20


@dataclass(frozen=True)
class JmeterXml:
    """`-Jjmeter.save.saveservice.output_format=xml`."""

    name: str = "jmeter-xml"
    title: str = "JMeter JTL (xml)"
    clock: str = "client"

    def sniff(self, head: Head) -> bool:
        """Look for the root element."""
        return head.text.lstrip().startswith("<") and "<testResults" in head.text[:1000]

    def read(self, head: Head, options: Options) -> Reading:
        """Each top-level `httpSample` or `sample` is a request."""
        names = (*_FIELDS.values(), *_TEXTS.values())

        def field(name: str) -> str:
            return f"nullif(r.{name}, '')"

        columns = sample_columns(
            field, "epoch_ms_ns(r.timeStamp)", 1_000_000, elapsed="elapsed", code="responseCode"
        )
        return Reading(
            raw=Records(dict.fromkeys(names, "VARCHAR"), _samples),
            rows=(Rows("requests", {**columns, "method": field("method")}),),
            written="start and latency",
            resolution_ns=1_000_000,
            notes=("sub-samples are parts of their parent and not counted",),
        )


class _Hostile(ValueError):
    """The document wants entities, or is nested beyond reason."""


class _Reader:
    """Collects top-level samples from expat's events; holds one sample at a time."""

    def __init__(self) -> None:
        self.found: list[tuple[int, Mapping[str, Any]]] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self._depth = 0
        self._line = 0
        self._sample: dict[str, str] = {}
        self._into: str | None = None

    @property
    def is_within_a_sample(self) -> bool:
        """Whether an element below the root is open."""
        return self._depth > 1

    def _doctype(self, *_: object) -> None:
        raise _Hostile("a DOCTYPE, which JMeter never writes")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise _Hostile(f"nested deeper than {_MAX_DEPTH}")
        if self._depth == 2:
            self._line = self.parser.CurrentLineNumber
            self._sample = {
                _FIELDS[key]: value[:_MAX_TEXT] for key, value in attributes.items() if key in _FIELDS
            }
        # An assertion's message is one level deeper than what the sample says of itself.
        is_own = self._depth == 3 or (self._depth == 4 and name == "failureMessage")
        self._into = _TEXTS.get(name) if is_own else None

    def _text(self, text: str) -> None:
        if self._into is not None:
            self._sample[self._into] = (self._sample.get(self._into, "") + text)[:_MAX_TEXT]

    def _end(self, name: str) -> None:
        if self._depth == 2 and name in ("httpSample", "sample"):
            self.found.append((self._line, self._sample))
        self._depth -= 1
        self._into = None


def _samples(path: Path) -> Iterator[tuple[int, Mapping[str, Any]] | Reject]:
    """Yield the top-level samples, each with its line, in bounded memory; a reject where the file breaks."""
    reader = _Reader()
    with path.open("rb") as file:
        try:
            while chunk := file.read(_CHUNK):
                reader.parser.Parse(chunk, False)
                yield from reader.found
                reader.found.clear()
                if file.tell() - reader.parser.CurrentByteIndex > _MAX_TAG:
                    raise _Hostile("a tag of over 8 MB")
            reader.parser.Parse(b"", True)
        except _Hostile as error:
            yield from reader.found
            yield Reject(reader.parser.CurrentLineNumber, f"refused: {error}")
        except expat.ExpatError as error:
            yield from reader.found
            if not _is_cut(error):
                yield Reject(reader.parser.CurrentLineNumber, f"broken XML: {expat.ErrorString(error.code)}")
            elif (
                reader.is_within_a_sample
                or expat.ErrorString(error.code) != expat.errors.XML_ERROR_NO_ELEMENTS
            ):
                yield Reject(reader.parser.CurrentLineNumber, "the file ends within a sample")
        except (LookupError, ValueError) as error:
            yield from reader.found
            yield Reject(reader.parser.CurrentLineNumber, f"unknown encoding: {error}"[:80])


def _is_cut(error: expat.ExpatError) -> bool:
    """Tell whether the document merely ends too early, as a killed run leaves it."""
    words = (expat.errors.XML_ERROR_NO_ELEMENTS, expat.errors.XML_ERROR_UNCLOSED_TOKEN)
    return expat.ErrorString(error.code) in words
