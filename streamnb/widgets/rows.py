"""Which rows the still picture of a live view shows."""

from __future__ import annotations

import datetime as dt
import decimal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.schema import SqlType
from streamnb.widgets.cells import column_kind, counted
from streamnb.widgets.feed import FeedSnapshot, LiveQuery

__all__ = ["Layout", "Shown", "layout_of", "visible"]


@dataclass(frozen=True)
class Layout:
    """The shape of a live table: its columns, and what identifies a row.

    ``identity`` holds the positions of the columns that name a row of a table: key, then window start; empty for
    a stream, and for a table whose query does not select its key.
    """

    names: tuple[str, ...]
    types: tuple[SqlType, ...]
    kinds: tuple[str, ...]
    identity: tuple[int, ...]
    window_start: int | None
    is_table: bool


@dataclass(frozen=True)
class Shown:
    """The rows on show, in drawing order, each with its identity; ``known`` is the number they are chosen from."""

    rows: tuple[tuple[Any, ...], ...]
    identities: tuple[Any, ...]
    known: int
    noun: str

    def caption(self) -> str:
        """Say how much of everything is on show."""
        if len(self.rows) == self.known:
            return counted(self.known, self.noun)
        return f"showing {len(self.rows):,} of {self.known:,} {self.noun}s"


def layout_of(query: LiveQuery) -> Layout:
    """Derive the layout of a query's result from its columns."""
    names = tuple(name for name, _ in query.columns)
    window_start = names.index("WINDOWSTART") if query.is_table and "WINDOWSTART" in names else None
    identity: tuple[int, ...] = ()
    if query.is_table:
        window = [i for i in (window_start, _position(names, "WINDOWEND")) if i is not None]
        identity = tuple(dict.fromkeys([*range(query.key_columns), *window])) if query.key_columns else ()
    return Layout(
        names=names,
        types=tuple(type_ for _, type_ in query.columns),
        kinds=tuple(column_kind(name, type_) for name, type_ in query.columns),
        identity=identity,
        window_start=window_start,
        is_table=query.is_table,
    )


def _position(names: Sequence[str], name: str) -> int | None:
    return names.index(name) if name in names else None


def visible(layout: Layout, snapshot: FeedSnapshot, limit: int) -> Shown:
    """Choose the newest rows, at most ``limit``, and put them into drawing order.

    Order: a stream has its newest record on top; a table is sorted by key, newest window first, unless its rows have an
    order: the first ones are chosen then.
    """
    rows = snapshot.rows[:limit] if snapshot.is_ordered else snapshot.rows[-limit:]
    if not layout.is_table:
        newest = snapshot.total
        return Shown(tuple(reversed(rows)), tuple(range(newest, newest - len(rows), -1)), snapshot.total, "record")
    if not layout.identity:
        return Shown(tuple(rows), tuple(range(len(rows))), len(snapshot.rows), "row")
    ordered = sorted(rows, key=lambda row: [_rank(row[i]) for i in layout.identity])
    if layout.window_start is not None:
        start = layout.window_start
        ordered.sort(key=lambda row: _rank(row[start]), reverse=True)
    identities = tuple(repr([row[i] for i in layout.identity]) for row in ordered)
    return Shown(tuple(ordered), identities, len(snapshot.rows), "row")


_ORDERED = (bool, int, float, str, bytes, decimal.Decimal, dt.date, dt.time)


def _rank(value: Any) -> tuple[int, Any]:
    """Make values of one column comparable: what has no order of its own comes behind by its text, null last."""
    if value is None:
        return (2, 0)
    return (0, value) if isinstance(value, _ORDERED) else (1, repr(value))
