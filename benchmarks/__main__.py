"""Run all benchmarks: ``python -m benchmarks``, or ``make bench``; options are those of the throughput."""

from __future__ import annotations

import subprocess
import sys

for module in ("benchmarks.planning", "benchmarks.decode", "benchmarks.expressions", "benchmarks.operators"):
    subprocess.run([sys.executable, "-m", module], check=True)
subprocess.run([sys.executable, "-m", "benchmarks.throughput", *sys.argv[1:]], check=True)
