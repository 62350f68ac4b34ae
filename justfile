# `just` alone lists these. They use the tools on PATH: see CONTRIBUTING.md for a venv that has them.

_:
    @just --list

# everything that must hold before a change is merged, in a venv of its own
ci *words:
    ./.ci/run {{words}}

# the tests
test *words:
    python -m pytest {{words}}

# the tests that need no cluster: minutes instead of a quarter of an hour
quick *words:
    python -m pytest -m "not cluster" {{words}}

# style, types, SQL, layers
lint:
    ruff check . && mypy && sqlfluff lint --disable-progress-bar queries && lint-imports

# write the files in tests/golden anew, to be read as a diff
golden:
    python -m pytest -q --write-golden; git diff --stat tests/golden

# the generated pages of docs/reference
docs:
    python docs/generate.py

# the templates of the pictures of a report, drawn by altair, to be read as a diff
pictures:
    python -m zdtrace.charts; git diff --stat reports/pictures

# the pictures of a terminal in docs/images
picture:
    python docs/images/draw.py

# how fast it is on this machine
bench:
    for each in benchmarks/*.py; do python "$each"; done

# sdist and wheel into dist/
wheel:
    python -m hatchling build

# new pins of all that we need, with hashes; needs uv
pins:
    uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --upgrade --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links --custom-compile-command "just pins" -o requirements-dev.txt

# how right the verdicts are over all labelled recordings, see tests/accuracy
accuracy *words:
    python tests/accuracy {{words}}
