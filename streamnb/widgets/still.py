"""Rows that are complete, in the live table and in charts: a result that can be sorted, filtered, copied and saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb.engine.relation import Relation
from streamnb.results import Rows
from streamnb.schema import STRING, Decimal, Primitive, SqlType
from streamnb.serde.arrow import value_array
from streamnb.widgets.cells import cell_text
from streamnb.widgets.controls import close_tree
from streamnb.widgets.feed import FRAME_S, FeedSnapshot
from streamnb.widgets.output import WidgetOutput, publish
from streamnb.widgets.snapshot import STATIC_ROWS_MAX, of_rows
from streamnb.widgets.table import LiveTable

__all__ = ["GRID_ROWS_MIN", "Still", "StillTable"]

GRID_ROWS_MIN = 50
_TEXT_CHARS_MAX = 1_000_000


@dataclass(frozen=True)
class _Snapshot:
    version: int
    rows: list[tuple[Any, ...]]
    total: int
    done: bool
    error: str | None
    is_ordered: bool = False


class Still:
    """Rows that are complete, as a query that has ended: what a view of a pull query follows."""

    def __init__(self, rows: Rows) -> None:
        self.columns: Sequence[tuple[str, SqlType]] = rows.columns
        self.key_columns = rows.key_columns
        self.is_table = rows.key_columns > 0
        self.state = "DONE"
        self.params: Mapping[str, object] = {}
        self.problem: str | None = None
        self.feed = self
        self._rows = rows.rows
        self._relation: Relation | None = None

    def snapshot(self) -> FeedSnapshot:
        """Return all rows."""
        return _Snapshot(1, self._rows, len(self._rows), True, None)

    def wait(self, version: int, timeout: float) -> bool:
        """Tell whether the rows are newer than a version."""
        return version < 1

    def relation(self) -> Relation:
        """Return the rows in the order of the result, to be sorted and filtered."""
        if self._relation is None:
            columns = [(name, _plain(type_)) for name, type_ in self.columns]
            self._relation = Relation(columns, is_table=False, newest_first=False, rows_max=max(1, len(self._rows)))
            arrays = [_array([row[i] for row in self._rows], type_) for i, (_, type_) in enumerate(self.columns)]
            self._relation.add(pa.table(arrays, names=[f"c{i}" for i in range(len(arrays))]))
        return self._relation

    def stop(self) -> None:
        """It has ended."""


def _plain(type_: SqlType) -> SqlType:
    """Choose how a column is kept: nested values as their texts, since those of history have types of DuckDB's own."""
    return type_ if isinstance(type_, Primitive | Decimal) else STRING


def _array(values: Sequence[Any], type_: SqlType) -> pa.Array:
    if isinstance(type_, Primitive | Decimal):
        return value_array(values, type_)
    return pa.array([cell_text(value, "nested", _TEXT_CHARS_MAX) for value in values], pa.string())


class StillTable:
    """A finished result of many rows in the cell: the live table, and a still picture of the first rows beside it."""

    def __init__(self, rows: Rows, limit: int | None) -> None:
        self._rows = rows
        self._limit = limit
        self.widget = LiveTable(_ByRow(rows), limit, 1 / FRAME_S, rows.title, live=False)
        self._output = WidgetOutput(self.widget)

    def show(self) -> None:
        """Put it into the running cell."""
        self._output.publish(self._picture())
        if self._rows.final_message:
            publish({"text/plain": self._rows.final_message})

    def close(self) -> None:
        """Take it off the page; the picture stays."""
        self._output.leave(self._picture())
        close_tree(self.widget)

    def _picture(self) -> dict[str, Any]:
        rows = self._rows
        return of_rows(rows.columns, rows.rows, rows.title, min(self._limit or STATIC_ROWS_MAX, STATIC_ROWS_MAX))


class _ByRow(Still):
    """The rows in the order of the result, whatever their key is."""

    def __init__(self, rows: Rows) -> None:
        super().__init__(rows)
        self.is_table = False
        self.key_columns = 0
