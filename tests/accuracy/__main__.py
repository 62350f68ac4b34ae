"""How right the verdicts are over all labelled recordings: `python tests/accuracy [--write] [--quick] [NAME …]`.

--quick  leaves the variants (wrong clocks, lost events, reused addresses) out
--write  writes docs/accuracy.md and ratchet.json anew
--wrong  prints each recording's wrong verdicts
NAME     only recordings whose name contains it
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from accuracy_table import Measured, measure, page, summary
from judging import EVIDENCE, VARIANTS, Bench, Judged
from labelled_corpus import HERE, corpus

PAGE = HERE.parents[1] / "docs" / "accuracy.md"
VARIED = 3
"""Variants are made of each third recording."""
RATCHET = HERE / "ratchet.json"


def main() -> None:
    """Judge, print, and write if asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--wrong", action="store_true")
    options = parser.parse_args()
    every = [one for one in corpus() if not options.names or any(name in one.name for name in options.names)]
    if not every:
        parser.error("no labelled recording has such a name")
    with tempfile.TemporaryDirectory() as name:
        bench = Bench(Path(name))
        ways = EVIDENCE if options.quick else {**EVIDENCE, **VARIANTS}
        found: dict[str, list[Judged]] = {words: [] for words in ways}
        for number, one in enumerate(every):
            began = time.perf_counter()
            for words, change in ways.items():
                if words in VARIANTS and number % VARIED:
                    continue
                if judged := bench.judge(one, change):
                    found[words].append(judged)
            print(f"{one.name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)
    if options.wrong:
        _print_wrong(found)
    measured: dict[str, Measured] = {words: measure(judged) for words, judged in found.items()}
    text = page(measured, [one.name for one in every])
    print(text)
    if options.write:
        PAGE.write_text(text)
        RATCHET.write_text(json.dumps(summary(measured, [one.name for one in every]), indent=1) + "\n")


def _print_wrong(found: dict[str, list[Judged]]) -> None:
    for words, every in found.items():
        for one in every:
            wrong = Counter(
                (each.label.mechanism, each.cause, each.tier)
                for each in one.judgements if each.label.mechanism != each.cause
            )
            triggers = Counter(
                (each.label.trigger, each.trigger) for each in one.judgements
                if each.label.trigger and each.label.trigger != each.trigger
            )
            right = sum(each.label.mechanism == each.cause for each in one.judgements)
            print(f"{words} · {one.name}: {right} of {len(one.judgements)} right, {one.unlabelled} without label")
            for (label, cause, tier), count in wrong.most_common():
                print(f"    {count:>5} {label} called {cause} ({tier})")
            for (label, trigger), count in triggers.most_common():
                print(f"    {count:>5} trigger {label} called {trigger}")


if __name__ == "__main__":
    main()
