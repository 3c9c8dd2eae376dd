"""Long runs: ``python -m tests.fuzz --statements 1000000 --seed 1``; every statement can be drawn again by its number.

``--first`` begins behind the first statements of a run. What is found is printed with a traceback, once per place.
"""

from __future__ import annotations

import argparse
import faulthandler
import sys
import time
import traceback
from collections import Counter

from tests.fuzz.trial import Trials, draw

RENEWED = 20_000
"""A pipeline grows with what is run on it, so that it is made anew after so many statements."""


def main() -> int:
    """Try the statements of a run; the exit status tells whether all went well."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--statements", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    faulthandler.enable()
    found = run(options.seed, range(options.first, options.first + options.statements))
    return 1 if found else 0


def run(seed: int, indexes: range) -> Counter[str]:
    """Try statements, reporting on the way; returns how often each place failed."""
    found: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    slowest = (0.0, "")
    began = time.monotonic()
    for start in range(indexes.start, indexes.stop, RENEWED):
        trials = Trials()
        for index in range(start, min(start + RENEWED, indexes.stop)):
            _try(trials, seed, index, found)
        trials.close()
        totals.update(trials.counts)
        slowest = max(slowest, trials.slowest)
        rate = totals["drawn"] / (time.monotonic() - began)
        counts = ", ".join(f"{count:,} {name}" for name, count in totals.items())
        _say(f"seed {seed}: {counts}; {found.total()} failures at {len(found)} places; {rate:.0f}/s")
    _say(f"slowest: {slowest[0]:.2f} s: {slowest[1][:300]!r}")
    return found


def _try(trials: Trials, seed: int, index: int, found: Counter[str]) -> None:
    text = draw(seed, index)
    try:
        trials.check(text, index)
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{type(error).__name__} at {frame.filename}:{frame.lineno}"
        found[place] += 1
        if found[place] == 1:
            told = "".join(traceback.format_exception(error))
            _say(f"statement {index} of seed {seed}: {text[:2000]!r}\n{told[-6000:]}")


def _say(text: str) -> None:
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode() + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
