"""``streamnb demo``: the tutorial in JupyterLab, or its pipeline in the terminal."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.text import Text

from streamnb.cli.output import FRAME_S, end_screen, grid
from streamnb.errors import StreamnbError
from streamnb.results import Live
from streamnb.workspace import connect

__all__ = ["open_notebook", "run_headless"]

NOTEBOOK = "01_ratings.ipynb"
URL_VARIABLE = "STREAMNB_URL"
"""The environment variable in which the tutorial finds the URL to connect to."""

QUERIES = {
    "unhappy platinum customers": (
        "SELECT FULL_NAME, STARS, CHANNEL, MESSAGE FROM UNHAPPY_PLATINUM_CUSTOMERS EMIT CHANGES;"
    ),
    "possible fraud": "SELECT CARD_NUMBER, ATTEMPTS FROM POSSIBLE_FRAUD EMIT CHANGES;",
}
ROWS_SHOWN = 8
PATIENCE_S = 60.0
"""How long results may take on a slow machine before the demo counts as failed."""


def run_headless(console: Console, url: str, seconds: float) -> int:
    """Run the pipeline with a live table for some seconds; 0 when every query gave results."""
    started = time.monotonic()
    with connect(url) as workspace:
        workspace.execute(files("streamnb.cli").joinpath("demo.sql").read_text())
        lives: dict[str, Live] = {}
        for title, query in QUERIES.items():
            result = workspace(query)
            if not isinstance(result, Live):
                raise StreamnbError(f"the demo's query gave no live result: {query}")
            lives[title] = result
        _watch(console, lives, started, seconds)
        totals = {title: live.feed.total for title, live in lives.items()}
        errors = [error for live in lives.values() if (error := live.feed.snapshot().error)]
    for title, total in totals.items():
        console.print(f"{total:>7,} rows: {title}", highlight=False)
    for error in errors:
        console.print(f"query failed: {error}", style="red", markup=False)
    if errors or not all(totals.values()):
        console.print("the demo's pipeline gave no results", style="red")
        return 1
    console.print("the pipeline works: every query gave results")
    return 0


def _watch(console: Console, lives: Mapping[str, Live], started: float, seconds: float) -> None:
    """Draw all queries until the seconds are over and each has rows, or patience ends."""
    with Screen(console=console, refresh_per_second=1 / FRAME_S) as screen:
        while True:
            elapsed = time.monotonic() - started
            snapshots = {title: live.feed.snapshot() for title, live in lives.items()}
            tables = [
                grid([name for name, _ in live.columns], snapshots[title].rows[-ROWS_SHOWN:], title)
                for title, live in lives.items()
            ]
            counts = ", ".join(f"{snapshot.total:,}" for snapshot in snapshots.values())
            screen.update(Group(*tables, Text(f"{elapsed:.0f} s of {seconds:.0f}; rows so far: {counts}", style="dim")))
            failed = any(snapshot.error for snapshot in snapshots.values())
            complete = elapsed >= seconds and all(snapshot.total for snapshot in snapshots.values())
            if failed or complete or elapsed >= seconds + PATIENCE_S:
                break
            next(iter(lives.values())).feed.wait(next(iter(snapshots.values())).version, FRAME_S)
    end_screen(console)


def open_notebook(console: Console, url: str | None) -> int:
    """Open the tutorial in JupyterLab and return its exit code."""
    if importlib.util.find_spec("jupyterlab") is None:
        raise StreamnbError(
            "JupyterLab is not installed",
            hint="pip install 'streamnb[notebook]', or run the demo in the terminal: streamnb demo --headless",
        )
    notebook = _notebook()
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--ServerApp.root_dir={notebook.parent}",
        f"--LabApp.default_url=/lab/tree/{notebook.name}",  # so that the address it prints leads to the notebook too
    ]
    if os.geteuid() == 0:
        command.append("--allow-root")
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        command.append("--no-browser")
    console.print(
        f"opening {notebook} in JupyterLab; Ctrl-C here ends it", markup=False, highlight=False, soft_wrap=True
    )
    environment = os.environ | ({URL_VARIABLE: url} if url else {})
    return subprocess.run(command, env=environment, check=False).returncode


def _notebook() -> Path:
    """Find the tutorial: in the source tree, or as a copy in the current folder, with the other notebooks."""
    package = Path(str(files("streamnb")))
    in_tree = package.parent / "notebooks" / NOTEBOOK
    if in_tree.is_file():
        return in_tree
    for source in sorted((package / "notebooks").glob("*.ipynb")):
        copy = Path.cwd() / source.name
        if not copy.exists():
            shutil.copyfile(source, copy)
    return Path.cwd() / NOTEBOOK
