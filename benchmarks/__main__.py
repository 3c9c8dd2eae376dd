"""Run all benchmarks: ``python -m benchmarks``, or ``make bench``."""

from __future__ import annotations

import subprocess
import sys

for module in ("benchmarks.decode", "benchmarks.throughput"):
    subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], check=True)
