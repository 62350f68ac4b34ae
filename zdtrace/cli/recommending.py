"""`zdtrace recommend`: the length of preStop and of the grace period that recordings support."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zdtrace.cli.analyzing import INCONCLUSIVE, SetOption, chosen, columns
from zdtrace.cli.console import say, uses_color
from zdtrace.errors import UsageError

if TYPE_CHECKING:
    from zdtrace.analysis.recommendation import Recommendation
    from zdtrace.reporting.patch import Form


class Output(StrEnum):
    """How the recommendation is written to stdout."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


def recommend(
    recordings: Annotated[list[Path], typer.Argument(
        metavar="REC...", show_default=False, help="Recordings of one workload, or folders of them; they add up.",
    )],
    output: Annotated[Output, typer.Option(
        "--output", "-o", help="How to write it; a patch is YAML unless json is asked for.",
    )] = Output.TABLE,
    patch: Annotated[bool, typer.Option(
        "--patch", help="Write only the change, as a patch for `kubectl patch --type strategic`.",
    )] = False,
    kustomize: Annotated[bool, typer.Option("--kustomize", help="Write only the change, as a kustomization.")] = False,
    helm_values: Annotated[bool, typer.Option("--helm-values", help="Write only the change, as Helm values.")] = False,
    workload: Annotated[str | None, typer.Option(
        metavar="[NS/]KIND/NAME", show_default=False, help="Which workload; by default the one that lost most.",
    )] = None,
    namespace: Annotated[str | None, typer.Option(
        "--namespace", "-n", show_default=False, help="Only workloads of this namespace.",
    )] = None,
    confidence: Annotated[float, typer.Option(
        min=0.5, max=0.999, help="How sure the bound is to hold.",
    )] = 0.95,
    coverage: Annotated[float, typer.Option(
        min=0.5, max=0.999, help="Which share of rollouts it is to bound, where there are enough of them.",
    )] = 0.95,
    native_sleep: Annotated[bool | None, typer.Option(
        "--native-sleep/--exec-sleep", show_default=False,
        help="The kubelet's own sleep (from 1.30 on), or `sleep` of the image; by default as recorded versions allow.",
    )] = None,
    settings: SetOption = None,
) -> None:
    """Tell how long preStop must sleep and how long the grace period must be, how sure that is, and what it costs.

    The number is a bound over rollouts, never below what the path needs by its design; several recordings add up.
    Where a preStop is not the cure, the answer is what is.

    Exit codes: 0 it can be told, 2 wrong use, 3 inconclusive: the recordings do not show enough.

    Example: zdtrace recommend runs/*.zdtrace --patch
    """
    from zdtrace.analysis.recommendation import recommend as judge
    from zdtrace.recording.folders import open_recordings

    form = _form(patch=patch, kustomize=kustomize, helm_values=helm_values)
    opened = [recording for path in recordings for recording in open_recordings(path)]
    found = judge(
        opened, workload=workload, namespace=namespace, settings=chosen(settings), confidence=confidence,
        coverage=coverage, native_sleep=native_sleep,
    )
    if form is None:
        sys.stdout.write(_shown(found, output))
    else:
        _write_change(found, form, output)
    if found.verdict == "inconclusive":
        raise typer.Exit(INCONCLUSIVE)


def _form(*, patch: bool, kustomize: bool, helm_values: bool) -> Form | None:
    from zdtrace.reporting.patch import Form

    asked = [form for form, is_asked in (
        (Form.PATCH, patch), (Form.KUSTOMIZE, kustomize), (Form.HELM, helm_values),
    ) if is_asked]
    if len(asked) > 1:
        raise UsageError("--patch, --kustomize and --helm-values exclude each other", hint="ask for one of them")
    return asked[0] if asked else None


def _write_change(found: Recommendation, form: Form, output: Output) -> None:
    """Write the change to stdout; what to mind goes to stderr, so that the patch can be piped on."""
    from zdtrace.reporting.patch import written

    say(found.sentence)
    change = found.change
    if change is None or change.is_empty:
        say("nothing to change" if change is not None or found.verdict == "inconclusive" else
            "the workload itself was not recorded: there is nothing to make a patch of")
    else:
        sys.stdout.write(written(change, form, as_json=output is Output.JSON))
    for warning in change.warnings if change else ():
        say(f"warning: {warning}")


def _shown(found: Recommendation, output: Output) -> str:
    from zdtrace.reporting import recommendation as report
    from zdtrace.reporting import structured
    from zdtrace.reporting.layout import Style

    if output is Output.JSON:
        return structured.as_json(found.as_json())
    if output is Output.YAML:
        return structured.as_yaml(found.as_json())
    return report.table(found, width=columns(), style=Style(uses_color(sys.stdout)))
