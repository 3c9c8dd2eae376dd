"""The direction of imports: every room has its place, and imports go down."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def test_imports_go_down_through_the_layers() -> None:
    linter = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


def test_duckdb_is_imported_by_the_store_alone() -> None:
    importers = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "streamnb").rglob("*.py")
        if any(line.split()[:2] in (["import", "duckdb"], ["from", "duckdb"]) for line in path.read_text().splitlines())
    }
    assert importers == {"streamnb/store/opening.py", "streamnb/store/store.py"}
