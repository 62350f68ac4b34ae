"""`python -m zdtrace`."""

from zdtrace.cli import main

main()
