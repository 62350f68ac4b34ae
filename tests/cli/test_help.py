"""What the command line says about itself, and what it costs to ask."""

from __future__ import annotations

import os
import runpy
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from zdtrace import __version__
from zdtrace.cli.app import COMMANDS, Deferred, Entry, make_group

ROOT = Path(__file__).parents[2]
HEAVY = {
    "altair", "duckdb", "jinja2", "kubernetes", "logging", "narwhals", "numpy", "pandas", "polars", "pyarrow",
    "rich", "urllib3", "yaml", "zstandard",
}
Run = Callable[..., subprocess.CompletedProcess[str]]
every_command = pytest.mark.parametrize("entry", COMMANDS, ids=[entry.name for entry in COMMANDS])


def deferred(entry: Entry) -> Deferred:
    command = make_group().commands[entry.name]
    assert isinstance(command, Deferred)
    return command


def test_help_lists_every_command_and_ends_with_one_to_paste(
    zdtrace: Run, golden: Callable[[str, str], None]
) -> None:
    result = zdtrace("--help")
    assert (result.returncode, result.stderr) == (0, "")
    for entry in COMMANDS:
        assert f"\n  {entry.name} " in result.stdout
    assert result.stdout.rstrip().rpartition("\n")[2].startswith("  zdtrace ")
    golden("help.txt", result.stdout)


def test_h_is_help(zdtrace: Run) -> None:
    assert zdtrace("-h").stdout == zdtrace("--help").stdout


@every_command
def test_help_of_a_command_is_all_that_it_writes(zdtrace: Run, entry: Entry) -> None:
    result = zdtrace(entry.name, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"Usage: zdtrace {entry.name} ")
    assert zdtrace(entry.name, "-h").stdout == result.stdout


@every_command
def test_help_of_a_command_ends_with_an_example_that_its_parser_takes(
    zdtrace: Run, entry: Entry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    *_, heading, line = zdtrace(entry.name, "--help").stdout.rstrip().split("\n")
    program, name, *words = shlex.split(line)
    assert (heading, program, name) == ("Example:", "zdtrace", entry.name)
    deferred(entry).make_context(name, words)


@every_command
def test_the_table_says_what_the_command_says_first(entry: Entry) -> None:
    assert (deferred(entry).load().help or "").startswith(entry.summary)


@every_command
def test_options_of_zdtrace_may_stand_behind_the_command(zdtrace: Run, entry: Entry) -> None:
    before = zdtrace("--no-color", "--debug", "-v", entry.name, "--help")
    behind = zdtrace(entry.name, "--no-color", "--debug", "-v", "--help")
    assert behind.stdout == before.stdout
    assert behind.returncode == 0


def test_no_words_at_all_are_wrong_use_and_get_the_help_on_stderr(zdtrace: Run) -> None:
    result = zdtrace()
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == zdtrace("--help").stdout


def test_an_unknown_command_is_wrong_use_and_a_near_one_is_named(zdtrace: Run) -> None:
    result = zdtrace("improt")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == (
        "error: no such command 'improt'. Did you mean 'import'?\n"
        "\n"
        "hint: `zdtrace --help` shows what can be said\n"
    )


@every_command
def test_an_unknown_option_is_wrong_use_and_points_to_the_help(zdtrace: Run, entry: Entry) -> None:
    result = zdtrace(entry.name, "--no-such-option")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("error: no such option: --no-such-option")
    assert result.stderr.endswith(f"\nhint: `zdtrace {entry.name} --help` shows what can be said\n")


def test_version_is_data(zdtrace: Run) -> None:
    result = zdtrace("--version")
    assert (result.returncode, result.stdout, result.stderr) == (0, f"zdtrace {__version__}\n", "")


def run_as(name: str, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.argv[0] = '/usr/local/bin/{name}'; from zdtrace.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False,
    )


def test_a_plugin_of_kubectl_calls_itself_what_its_user_typed() -> None:
    result = run_as("kubectl-zdtrace", "import", "--help")
    assert result.stdout.startswith("Usage: kubectl zdtrace import ")
    assert result.stdout.rstrip().rpartition("\n")[2].startswith("  kubectl zdtrace import ")
    assert "`kubectl zdtrace --help`" in run_as("kubectl-zdtrace", "nonsense").stderr


@pytest.mark.parametrize(("typed", "word", "offered"), [
    ("zdtrace im", 1, "import"),
    ("zdtrace import --in", 2, "--into"),
])
def test_the_shell_completes_commands_and_their_options(typed: str, word: int, offered: str) -> None:
    ask = {"_ZDTRACE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(word)}
    answer = run_as("zdtrace", env=ask)
    assert (answer.returncode, answer.stdout.split(), answer.stderr) == (0, [offered], "")


def imported_by(code: str) -> set[str]:
    probe = f"{code}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}}, file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(result.stderr.split())


@pytest.mark.parametrize("code", [
    "import zdtrace",
    "import zdtrace.cli",
    "from zdtrace.cli.app import run; run(['zdtrace', '--help'])",
    "from zdtrace.cli.app import run; run(['zdtrace', '--version'])",
])
def test_asking_for_help_imports_nothing_heavy(code: str) -> None:
    assert imported_by(code) & HEAVY == set()


@pytest.mark.slow
def test_help_costs_at_most_50_ms_more_than_a_bare_typer_app() -> None:
    medians = runpy.run_path(str(ROOT / "benchmarks" / "startup.py"))["milliseconds"]()
    assert medians["zdtrace --help"] - medians["a bare typer app --help"] <= 50
