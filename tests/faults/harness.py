"""Kills pipelines: a worker process runs one, a failpoint or the parent ends it with SIGKILL, and it starts again."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from streamnb.store import Store

__all__ = ["Victim", "declared_failpoints", "seed"]

ROOT = Path(__file__).parents[2]
NEVER = 1 << 60
HIT_SECONDS_MAX = 60.0


def seed() -> int:
    """Draw the seed of a run; ``STREAMNB_SEED`` repeats an earlier one."""
    return int(os.environ.get("STREAMNB_SEED") or random.SystemRandom().randrange(1 << 32))


def declared_failpoints() -> set[str]:
    """List the names of all failpoints in the source."""
    sources = (path.read_text() for path in (ROOT / "streamnb").rglob("*.py"))
    return {name for source in sources for name in re.findall(r"\bfailpoint\(\"([a-z_.]+)\"\)", source)}


@dataclass
class Victim:
    """A pipeline whose process is killed again and again."""

    url: str
    file: Path
    statements: Path
    batch_records: int = 200

    def note(self, text: str) -> None:
        """Print a line for the report of a failed test."""
        sys.stdout.write(f"{text}\n")

    def kill_at(self, failpoint: str, hit: int, *, total: int = NEVER) -> None:
        """Run until a failpoint kills the worker at a certain hit."""
        worker = self._start(total, f"{failpoint}=kill@{hit}")
        code, errors = self._end(worker, HIT_SECONDS_MAX)
        assert code == -signal.SIGKILL, f"{failpoint} was not hit {hit} times (exit {code}): {errors}"
        self.note(f"killed at {failpoint}, hit {hit}")

    def kill_after(self, seconds: float) -> None:
        """Run for some time and kill the worker wherever it is."""
        worker = self._start(NEVER, "")
        with contextlib.suppress(subprocess.TimeoutExpired):
            worker.wait(seconds)
        assert worker.poll() is None, f"the worker ended by itself: {self._end(worker, 1.0)}"
        os.kill(worker.pid, signal.SIGKILL)
        self._end(worker, HIT_SECONDS_MAX)
        self.note(f"killed after {seconds:.2f} s")

    def finish(self, total: int, failpoints: str = "") -> None:
        """Run until everything is taken in and published."""
        code, errors = self._end(self._start(total, failpoints), 120.0)
        assert code == 0, f"the worker ended with {code}: {errors}"

    @contextlib.contextmanager
    def dead_file(self) -> Iterator[Store]:
        """Open a copy of what the killed worker left."""
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "copy.duckdb"
            for suffix in ("", ".wal"):
                left = Path(f"{self.file}{suffix}")
                if left.exists():
                    shutil.copy(left, f"{copy}{suffix}")
            store = Store.open(copy)
            try:
                yield store
            finally:
                store.close()

    def _start(self, total: int, failpoints: str) -> subprocess.Popen[str]:
        arguments = [self.url, str(self.statements), str(total), str(self.batch_records)]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.faults.worker", *arguments],
            cwd=ROOT,
            env={**os.environ, "STREAMNB_FAILPOINTS": failpoints},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def _end(self, worker: subprocess.Popen[str], seconds: float) -> tuple[int, str]:
        try:
            _, errors = worker.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            worker.kill()
            _, errors = worker.communicate()
            return 124, f"still running after {seconds:.0f} s; {errors[-2000:]}"
        return worker.returncode, errors[-2000:]
