"""Rows of a push query that meet a condition, each told once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.feed import hashable
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
        self._meeting: set[Row | str] = set()  # by what a key is known by

    def look(self, store: Store, output: Sql, keys: Sequence[Sql], columns: Sequence[Sql]) -> None:
        """Look at the output batch of a query; ``keys`` tell the rows of a table apart."""
        key_names, names = _names("k", keys), _names("c", columns)
        named = [sql("{} AS {}", c, n) for c, n in zip((*keys, *columns), (*key_names, *names), strict=True)]
        rows = store.rows(
            sql(
                "SELECT {} FROM (SELECT *, NOT vnull AND coalesce({}, false) AS met"
                " FROM (SELECT seq, sub, vnull, {} FROM {})) WHERE met OR {} ORDER BY seq, sub",
                join(", ", [sql("met"), *key_names, *names]),
                self._condition,
                join(", ", named),
                output,
                lit(bool(keys) and bool(self._meeting)),
            )
        )
        found = [row[1 + len(keys) :] for row in rows if self._is_new(row, len(keys))]
        if found:
            self._on_match(found)

    def _is_new(self, row: Row, keys: int) -> bool:
        if not keys:
            return True
        key = hashable(row[1 : 1 + keys])
        if not row[0]:
            self._meeting.discard(key)
            return False
        if key in self._meeting:
            return False
        self._meeting.add(key)
        return True


def _names(letter: str, columns: Sequence[Sql]) -> list[Sql]:
    return [ident(f"{letter}{i}") for i in range(len(columns))]
