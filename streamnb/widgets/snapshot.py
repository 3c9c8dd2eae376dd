"""Results as a still picture: the HTML and the plain text that a saved notebook keeps.

Sites that show notebooks take styles away, so what matters is told by elements and attributes too.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

from streamnb.schema import SqlType
from streamnb.widgets.cells import cell_text, column_kind
from streamnb.widgets.rows import Layout, Shown

__all__ = ["RESULT_ROWS_MAX", "STATIC_ROWS_MAX", "bundle", "of_rows", "of_shown"]

STATIC_ROWS_MAX = 50
RESULT_ROWS_MAX = 500
_TEXT_CHARS_MAX = 40
_RIGHT = frozenset({"number"})
_INDENT = re.compile(r"^[ │├└─]+", re.MULTILINE)
_HEAD_STYLE = "padding:3px 12px;white-space:normal;font-weight:600;"
_CELL_STYLE = "padding:2px 12px;unicode-bidi:isolate;overflow-wrap:break-word;"
_UNBROKEN_CHARS = 20  # shorter values stay on their line

Grid = list[list[str | None]]


def of_shown(layout: Layout, shown: Shown, title: str) -> dict[str, Any]:
    """Picture the rows of a live table, the first ``STATIC_ROWS_MAX`` of them."""
    rows = shown.rows[:STATIC_ROWS_MAX]
    return bundle(layout.names, layout.kinds, rows, title, Shown(rows, (), shown.known, shown.noun).caption())


def of_rows(
    columns: Sequence[tuple[str, SqlType]],
    rows: Sequence[tuple[Any, ...]],
    title: str = "",
    rows_max: int | None = None,
) -> dict[str, Any]:
    """Picture the rows of a finished result, the first ``rows_max`` of them."""
    names = [name for name, _ in columns]
    kinds = [column_kind(name, type_) for name, type_ in columns]
    shown = Shown(tuple(rows[: rows_max or RESULT_ROWS_MAX]), (), len(rows), "row")
    return bundle(names, kinds, shown.rows, title, shown.caption())


def bundle(
    names: Sequence[str], kinds: Sequence[str], rows: Sequence[Sequence[Any]], title: str, caption: str
) -> dict[str, Any]:
    """Build the MIME bundle of a table: ``text/html``, every text escaped, and ``text/plain``."""
    grid: Grid = [[cell_text(v, kind) for v, kind in zip(row, kinds, strict=True)] for row in rows]
    return {
        "text/html": _as_html(names, kinds, grid, title, caption),
        "text/plain": _as_text(names, kinds, grid, title, caption),
    }


def _as_cell(text: str) -> str:
    """Escape a text so that its lines and their indentation stay where a site has taken the styles away."""
    kept = _INDENT.sub(lambda found: found[0].replace(" ", "\u00a0"), text)
    return html.escape(kept).replace("\n", "<br>")


def _as_html(names: Sequence[str], kinds: Sequence[str], grid: Grid, title: str, caption: str) -> str:
    sides = ["right" if kind in _RIGHT else "left" for kind in kinds]
    parts = ['<div class="streamnb-result">']
    if title:
        parts.append(f'<div style="font-weight:600;padding:2px 0">{html.escape(title)}</div>')
    parts.append('<table style="margin:0;border-collapse:collapse"><thead><tr>')
    for name, side in zip(names, sides, strict=True):
        parts.append(f'<th align="{side}" style="{_HEAD_STYLE}text-align:{side}">{html.escape(name)}</th>')
    parts.append("</tr></thead><tbody>")
    for row in grid:
        parts.append("<tr>")
        for text, side in zip(row, sides, strict=True):
            shown = '<i style="opacity:.75">null</i>' if text is None else _as_cell(text)
            spaces = "pre-wrap" if len(text or "") > _UNBROKEN_CHARS else "pre"
            style = f"{_CELL_STYLE}white-space:{spaces};text-align:{side}"
            parts.append(f'<td align="{side}" style="{style}">{shown}</td>')
        parts.append("</tr>")
    parts.append(f'</tbody></table><div style="opacity:.7;font-size:11px">{html.escape(caption)}</div></div>')
    return "".join(parts)


def _as_text(names: Sequence[str], kinds: Sequence[str], grid: Grid, title: str, caption: str) -> str:
    cells = [[_plain("null" if text is None else text) for text in row] for row in grid]
    heads = [_plain(name) for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *cells, strict=True)]
    lines = [title] if title else []
    lines.append("  ".join(head.ljust(width) for head, width in zip(heads, widths, strict=True)).rstrip())
    lines.append("  ".join("-" * width for width in widths))
    for row in cells:
        aligned = [
            text.rjust(width) if kind in _RIGHT else text.ljust(width)
            for text, width, kind in zip(row, widths, kinds, strict=True)
        ]
        lines.append("  ".join(aligned).rstrip())
    lines.append(f"({caption})")
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Make a text fit for one line of a terminal: control characters out, long ones cut."""
    cut = text if len(text) <= _TEXT_CHARS_MAX else text[: _TEXT_CHARS_MAX - 1] + "…"
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cf") else c for c in cut)
