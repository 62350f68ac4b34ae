"""Files of other tools: one module a format, listed here in the order in which they are asked (`sniff`)."""

from __future__ import annotations

from pathlib import Path

from zdtrace.errors import UnknownFormat, UsageError
from zdtrace.importers import audit, fortio, k6, kubectl, text, watch
from zdtrace.importers.base import Head, Importer

IMPORTERS: tuple[Importer, ...] = (
    watch.Watch(),
    kubectl.KubectlWatch(),
    audit.AuditLog(),
    kubectl.KubectlJson(),
    kubectl.KubectlText(),
    fortio.FortioJson(),
    fortio.FortioInflux(),
    fortio.FortioStderr(),
    fortio.FortioResult(),
    k6.K6Json(),
    k6.K6Csv(),
    k6.K6Summary(),
)


def named(name: str) -> Importer:
    """Return the importer that `--format NAME` means. Raises UsageError for a name that nobody has."""
    for importer in IMPORTERS:
        if importer.name == name:
            return importer
    known = ", ".join(importer.name for importer in IMPORTERS)
    raise UsageError(f"no format is called `{name}`", hint=f"known formats: {known}")


def recognise(path: Path) -> Importer:
    """Return the importer that knows a file by its content. Raises UnknownFormat, naming those that were asked."""
    head = Head(path, text.head(path))
    for importer in IMPORTERS:
        if importer.sniff(head):
            return importer
    raise UnknownFormat(path, tuple(importer.name for importer in IMPORTERS))
