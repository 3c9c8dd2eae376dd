"""The rows that a reader has selected in a live table, as criteria for the other views of its query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from streamnb.engine.relation import Relation, View
from streamnb.schema import Decimal, Primitive
from streamnb.serde.arrow import array_values
from streamnb.widgets.cells import cell_text, counted
from streamnb.widgets.linking import EVERYTHING, Criteria, comparable
from streamnb.widgets.points import LABEL_CHARS_MAX
from streamnb.widgets.rows import Layout

__all__ = ["SELECTED_MAX", "SelectedRows"]

SELECTED_MAX = 200
_NAMED_MAX = 3


@dataclass(frozen=True)
class _Rows:
    """Rows by id, in the order of the view, with the criteria that find them elsewhere, and a text for people."""

    ids: tuple[int, ...] = ()
    criteria: Criteria = EVERYTHING
    text: str = ""


class SelectedRows:
    """Follows the selected rows while their values change, and forgets those that are gone.

    A row of a table is known to the other views by its key and window, a record of a stream, or a row without its key,
    by all its values. Of several rows the values of each column are taken together, as in any ``Criteria``.
    Ownership: one thread at a time; the table that owns it uses its own.
    """

    def __init__(self, layout: Layout, changed: Callable[[Criteria], None]) -> None:
        """Begin with no row. ``changed`` hears, on the table's thread, which rows the other views should show."""
        self._layout = layout
        self._changed = changed
        self._now = _Rows()
        self._told: _Rows | None = None
        plain = [i for i, type_ in enumerate(layout.types) if isinstance(type_, Primitive | Decimal)]
        self._places = layout.identity or tuple(plain)

    def read(self, relation: Relation, view: View, message: dict[str, Any]) -> None:
        """Take what a page has selected: the rows ``ids``, or ``count`` rows of the view from ``first`` on.

        Of more than ``SELECTED_MAX`` rows the first ones are taken.
        Raises: KeyError, TypeError or ValueError for a message that no page of ours sends.
        """
        if "ids" in message:
            self._select(relation, view, [int(id_) for id_ in message["ids"]])
        else:
            count = min(SELECTED_MAX, max(0, int(message["count"])))
            self._take(relation, relation.read(view, max(0, int(message["first"])), count))
        self._told = None  # the page may have marked rows that are gone

    def renew(self, relation: Relation, view: View) -> None:
        """Read the selected rows again: they may have changed, or be gone."""
        if self._now.ids:
            self._select(relation, view, self._now.ids)

    def clear(self) -> None:
        """Select no row."""
        self._note(_Rows())

    def news(self, *, full: bool) -> dict[str, Any]:
        """Return what a frame says of the selection: ``chosen``, unless the page knows and gets no full frame."""
        if self._now == self._told and not full:
            return {}
        self._told = self._now
        return {"chosen": {"ids": list(self._now.ids), "text": self._now.text}}

    def _select(self, relation: Relation, view: View, ids: Sequence[int]) -> None:
        if ids:
            self._take(relation, relation.rows_of(view, ids[:SELECTED_MAX]))
        else:
            self.clear()

    def _take(self, relation: Relation, rows: pa.Table) -> None:
        if rows.num_rows == 0:
            self.clear()
            return
        columns = relation.columns
        values = {i: array_values(rows.column(f"c{i}"), columns[i][1]) for i in self._places}
        named = {columns[i][0]: frozenset(map(comparable, column)) for i, column in values.items()}
        self._note(_Rows(tuple(rows.column("id").to_pylist()), Criteria(named), self._text(values, rows.num_rows)))

    def _note(self, rows: _Rows) -> None:
        self._now = rows
        self._changed(rows.criteria)

    def _text(self, values: dict[int, list[Any]], count: int) -> str:
        """Name the rows by their keys, the first few of many; without keys, count them."""
        layout = self._layout
        naming = [i for i in layout.identity if layout.names[i] != "WINDOWEND"]
        if not naming:
            return counted(count, "row" if layout.is_table else "record")
        columns = [[cell_text(value, layout.kinds[i], LABEL_CHARS_MAX) for value in values[i]] for i in naming]
        names = [" · ".join(text or "null" for text in row) for row in zip(*columns, strict=True)]
        more = f" and {count - _NAMED_MAX:,} more" if count > _NAMED_MAX else ""
        return ", ".join(names[:_NAMED_MAX]) + more
