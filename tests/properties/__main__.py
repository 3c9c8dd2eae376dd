"""Long runs of the shapes: ``python -m tests.properties --examples 20000 --seed 1``.

An example is a history of up to twelve records. So many as ``--lanes`` says run side by side in one pipeline, each with
keys of its own; they share the stream time. Run n of a seed is drawn the same again: ``--first n --examples 1``. What
fails is printed with the fewest records that still fail. ``--shape`` runs this shape only.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.properties.example import Court, Example, draw_example
from tests.properties.shapes import SHAPES

REPORTED = 20
RENEWED = 2_000
"""Pipelines are made anew after so many runs."""


def main() -> int:
    """Run examples and report those that fail; the exit status tells whether any did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1_000)
    parser.add_argument("--lanes", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--shape", choices=sorted(SHAPES), action="append")
    options = parser.parse_args()
    names = options.shape or list(SHAPES)
    runs = -(-options.examples // options.lanes)
    return 1 if run(names, options.seed, range(options.first, options.first + runs), options.lanes) else 0


def run(names: Sequence[str], seed: int, indexes: range, lanes: int) -> Counter[str]:
    """Run examples, of one shape after the other in turn; returns how many runs of each shape failed."""
    failed: Counter[str] = Counter()
    court = Court()
    began = time.monotonic()
    for done, index in enumerate(indexes, start=1):
        shape = SHAPES[names[index % len(names)]]
        example = draw_example(random.Random(f"{seed}:{index}:{shape.name}"), shape, lanes)
        try:
            court.check(example)
        except Exception as error:
            failed[shape.name] += 1
            _say(f"run {index} of seed {seed} fails: {shape.name}")
            if failed[shape.name] <= 3:
                _say(_explained(court, example, error))
        if done % REPORTED == 0 or done == len(indexes):
            rate = done * lanes / (time.monotonic() - began)
            _say(
                f"seed {seed}: {done * lanes:,} examples in {done:,} runs of {len(names)} shapes,"
                f" {failed.total()} failed: {dict(failed)}; {rate:.1f}/s"
            )
        if done % RENEWED == 0:
            court.close()
    court.close()
    return failed


def _explained(court: Court, example: Example, error: Exception) -> str:
    small = court.shrink(example)
    try:
        court.check(small)
    except Exception as smaller:
        error = smaller
    return f"{small}\n{error!s:.3000}"


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
