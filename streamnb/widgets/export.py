"""Values of a live table outside it: the clipboard's text, one whole value, a CSV file."""

from __future__ import annotations

import csv
import gzip
import io
import itertools
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from streamnb.engine.relation import Relation, View
from streamnb.serde.arrow import array_values
from streamnb.widgets.cells import cell_text, column_kind

__all__ = ["Exports", "cell_of", "copy_of"]

COPY_CELLS_MAX = 200_000
VALUE_CHARS_MAX = 1_000_000
CSV_CHARS_MAX = 10_000_000
PART_ROWS = 5_000

Answer = tuple[dict[str, Any], bytes]


def _lines(rows: pa.Table, relation: Relation, view: View, columns: list[int]) -> Iterator[list[str]]:
    """Write the values of rows as texts, nulls as empty ones."""
    described = relation.columns_of(view)
    texts = []
    for place in columns:
        name, type_ = described[place]
        kind = column_kind(name, type_)
        values = array_values(rows.column(f"c{place}"), type_)
        texts.append([cell_text(value, kind, CSV_CHARS_MAX) or "" for value in values])
    return (list(line) for line in zip(*texts, strict=True))


def _columns(relation: Relation, view: View, asked: Any) -> list[int]:
    """Read the list of columns that a page asks for."""
    width = len(relation.columns_of(view))
    columns = [int(column) for column in asked]
    if not columns or not all(0 <= column < width for column in columns):
        raise ValueError("no such column")
    return columns


def copy_of(relation: Relation, view: View, message: dict[str, Any]) -> Answer:
    """Write a block of cells as tab-separated text: of the rows ``ids``, or of ``count`` rows from ``first`` on."""
    columns = _columns(relation, view, message["columns"])
    count = max(0, int(message["count"]))
    kept = min(count, COPY_CELLS_MAX // len(columns))
    if message.get("ids") is not None:
        rows = relation.rows_of(view, [int(id_) for id_ in message["ids"][:kept]])
    else:
        rows = relation.read(view, max(0, int(message["first"])), kept)
    out = io.StringIO()
    writer = csv.writer(out, dialect="excel-tab", lineterminator="\n")
    if message.get("head") is True:
        described = relation.columns_of(view)
        writer.writerow([described[place][0] for place in columns])
    writer.writerows(_lines(rows, relation, view, columns))
    return {"rows": rows.num_rows, "left_out": count - kept}, out.getvalue().rstrip("\n").encode("utf-8", "replace")


def cell_of(relation: Relation, view: View, message: dict[str, Any]) -> Answer:
    """Write one whole value, as far as it may be shown."""
    (column,) = _columns(relation, view, [message["column"]])
    rows = relation.rows_of(view, [int(message["id"])])
    if rows.num_rows == 0:
        return {"gone": True}, b""
    name, type_ = relation.columns_of(view)[column]
    (value,) = array_values(rows.column(f"c{column}"), type_)
    text = cell_text(value, column_kind(name, type_), VALUE_CHARS_MAX)
    return {"null": text is None}, (text or "").encode("utf-8", "replace")


class Exports:
    """Writes a view as a CSV file, piece by piece as the page asks for them, so that a slow page is not overrun."""

    def __init__(self) -> None:
        self._rows: pa.Table | None = None
        self._pieces: Iterator[bytes] = iter(())

    def part(self, relation: Relation, view: View, message: dict[str, Any]) -> Answer:
        """Return the next piece, compressed by gzip on its own; part 0 begins with the rows of now."""
        part = int(message["part"])
        if part == 0:
            self._rows = relation.read(view)
            self._pieces = self._write(relation, view)
        rows = self._rows
        total = 0 if rows is None else rows.num_rows
        piece = next(self._pieces, None)
        if piece is None:
            self._rows = None
            return {"part": part, "last": True, "rows": total, "done": total}, b""
        return {"part": part, "last": False, "rows": total, "done": min(total, (part + 1) * PART_ROWS)}, piece

    def _write(self, relation: Relation, view: View) -> Iterator[bytes]:
        described = relation.columns_of(view)
        columns = list(range(len(described)))
        rows = self._rows
        assert rows is not None
        starts = range(0, max(rows.num_rows, 1), PART_ROWS)
        for start in starts:
            out = io.StringIO()
            writer = csv.writer(out, lineterminator="\r\n")
            head = [[name for name, _ in described]] if start == 0 else []
            piece = rows.slice(start, PART_ROWS)
            writer.writerows(itertools.chain(head, _lines(piece, relation, view, columns)))
            yield gzip.compress(out.getvalue().encode("utf-8", "replace"), compresslevel=3)
