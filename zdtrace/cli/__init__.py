"""The command line: one module a command group. It composes the other layers and computes nothing."""

from __future__ import annotations

import sys


def main() -> None:
    """Run `zdtrace`, or `kubectl zdtrace` under the name of a plugin, and end the process with its answer."""
    from zdtrace.cli.app import run

    sys.exit(run(sys.argv))
