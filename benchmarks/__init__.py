"""Programs that measure speed; each runs on its own, all by ``python -m benchmarks``."""
