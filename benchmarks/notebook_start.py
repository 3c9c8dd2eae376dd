"""How long a notebook takes from ``%load_ext streamnb`` to its first live row, and ``import streamnb`` by itself.

Run ``python -m benchmarks.notebook_start [--rounds N] [--markdown FILE]``. Each round has a kernel of its own, started
before the clock is.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from benchmarks.page import machine, table, write_section
from tests.notebooks.kernels import Kernel

_CELL = """
import json, time
started_s = time.perf_counter()
import streamnb
imported_s = time.perf_counter() - started_s
shell = get_ipython()
shell.run_line_magic("load_ext", "streamnb")
loaded_s = time.perf_counter() - started_s
shell.run_line_magic("ksql", "memory://")
connected_s = time.perf_counter() - started_s
shell.run_cell_magic("ksql", "-o q", '''
CREATE STREAM RATINGS (ID INT KEY, STARS INT) WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
INSERT INTO RATINGS VALUES (1, 5);
SELECT * FROM RATINGS WHERE STARS > 3 EMIT CHANGES;
''')
while not q.feed.total:
    q.feed.wait(q.feed.snapshot().version, 10)
print(json.dumps([imported_s, loaded_s, connected_s, time.perf_counter() - started_s]))
"""
STAGES = ("import streamnb", "%load_ext streamnb", "%ksql memory://", "first row of a live query")


def measure() -> list[float]:
    """Return the seconds from the start to the end of each stage, in a fresh kernel."""
    kernel = Kernel(Path(tempfile.mkdtemp()))
    try:
        kernel.run("1")
        found: list[float] = json.loads(kernel.run(_CELL).strip().splitlines()[-1])
    finally:
        kernel.end()
    return found


def main() -> None:
    """Measure and print, or write the section of the page of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    rounds = [measure() for _ in range(options.rounds)]
    rows = [
        (stage, f"{statistics.median(times):.2f}", f"{max(times):.2f}")
        for stage, times in zip(STAGES, zip(*rounds, strict=True), strict=True)
    ]
    lines = [f"Made by `python -m benchmarks.notebook_start --rounds {options.rounds}` ({machine()}).", ""]
    lines += table(("seconds from the start to the end of", "median", "worst"), rows)
    print("\n".join(lines))
    if options.markdown is not None:
        write_section(options.markdown, "From an empty notebook to the first row", lines)


if __name__ == "__main__":
    main()
