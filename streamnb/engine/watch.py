"""Rows of a push query that meet a condition, each told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.store import Store

__all__ = ["Watch"]

Row = tuple[Any, ...]


class Watch:
    """Looks at each batch of a push query for rows that meet a condition.

    A row of a stream is told when it comes. A row of a table is told when it comes to meet the condition, and again
    only after it has ceased to, or was deleted.
    """

    def __init__(self, condition: Sql, on_match: Callable[[list[Row]], None]) -> None:
        """``condition`` is about columns c0, c1, ...; ``on_match`` gets rows in order, on the query's thread."""
        self._condition = condition
        self._on_match = on_match
        self._meeting: set[Row] = set()

    def look(self, store: Store, output: Sql, keys: Sequence[Sql], columns: Sequence[Sql]) -> None:
        """Look at the output batch of a query; ``keys`` tell the rows of a table apart."""
        named = [sql("{} AS {}", column, ident(f"c{i}")) for i, column in enumerate(columns)]
        inner = join(
            ", ", [sql("seq, sub, vnull"), *(sql("{} AS {}", k, ident(f"k{i}")) for i, k in enumerate(keys)), *named]
        )
        met = sql(
            "SELECT *, NOT vnull AND coalesce({}, false) AS met FROM (SELECT {} FROM {})",
            self._condition,
            inner,
            output,
        )
        known = bool(keys) and bool(self._meeting)
        shown = join(
            ", ",
            [sql("met"), *(ident(f"k{i}") for i in range(len(keys))), *(ident(f"c{i}") for i in range(len(columns)))],
        )
        rows = store.rows(sql("SELECT {} FROM ({}) WHERE met OR {} ORDER BY seq, sub", shown, met, lit(known)))
        found = [row[1 + len(keys) :] for row in rows if self._is_new(row, len(keys))]
        if found:
            self._on_match(found)

    def _is_new(self, row: Row, keys: int) -> bool:
        if not keys:
            return True
        key = _hashable(row[1 : 1 + keys])
        if not row[0]:
            self._meeting.discard(key)
            return False
        if key in self._meeting:
            return False
        self._meeting.add(key)
        return True


def _hashable(key: Row) -> Row:
    return key if all(isinstance(part, str | int | float | bool | None) for part in key) else (repr(key),)
