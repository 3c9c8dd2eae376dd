"""The page of figures, docs/performance.md: each benchmark writes the section of its own."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

__all__ = ["machine", "table", "write_section"]


def machine() -> str:
    """Tell in half a sentence where figures were taken, and how busy it was there."""
    busy = f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors" if hasattr(os, "getloadavg") else ""
    return ", ".join(part for part in (platform.machine(), f"Python {platform.python_version()}", busy) if part)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Write a table of Markdown, a line a row."""
    cells = ([cell.replace("|", r"\|") for cell in row] for row in (head, ["---"] * len(head), *rows))
    return [f"| {' | '.join(row)} |" for row in cells]


def write_section(page: Path, title: str, lines: Iterable[str]) -> None:
    """Put a section where the page has one of its title, else at the page's end."""
    text = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    section = "\n".join([f"## {title}", "", *lines, ""])
    old = re.compile(rf"^## {re.escape(title)}\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
    text = old.sub(lambda _: f"{section}\n", text) if old.search(text) else f"{text.rstrip()}\n\n{section}"
    page.write_text(text.rstrip() + "\n", encoding="utf-8")
