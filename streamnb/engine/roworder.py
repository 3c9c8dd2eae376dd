"""The order of the rows of a live table, as pieces of SQL: total, nulls last, ties by arrival."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamnb.duck import Sql, ident, join, sql
from streamnb.schema import Decimal, Primitive, SqlType

__all__ = ["RowOrder", "RowSet", "SortItem"]

SortItem = tuple[int, bool]
"""A column's place, and whether it descends."""


@dataclass(frozen=True)
class RowSet:
    """A DuckDB table of rows: ``id`` (unique, growing with arrival) and the columns c0, c1, …"""

    table: Sql
    types: tuple[SqlType, ...]
    newest_first: bool

    def columns(self, alias: str | None = None) -> list[Sql]:
        """List the columns, of an alias if there is one."""
        prefix = () if alias is None else (alias,)
        return [ident(*prefix, f"c{i}") for i in range(len(self.types))]


class RowOrder:
    """Sorts rows by columns, the first of them first."""

    def __init__(self, rows: RowSet, sort: Sequence[SortItem]) -> None:
        self._rows = rows
        self._sort = tuple(sort)

    def columns(self) -> list[Sql]:
        """List the columns that are sorted by."""
        return [ident(f"c{column}") for column in sorted({column for column, _ in self._sort})]

    def _key(self, alias: str, column: int) -> Sql:
        name = ident(alias, f"c{column}")
        type_ = self._rows.types[column]
        return name if isinstance(type_, Primitive | Decimal) else sql("{}::VARCHAR", name)

    def by(self, alias: str, reverse: bool = False) -> Sql:
        """Write what ORDER BY takes, for the rows of an alias."""
        parts = [
            sql(
                "{} {} NULLS {}",
                self._key(alias, column),
                sql("DESC") if down != reverse else sql("ASC"),
                sql("FIRST") if reverse else sql("LAST"),
            )
            for column, down in self._sort
        ]
        return join(", ", [*parts, sql("{} {}", ident(alias, "id"), self._ties(reverse))])

    def _ties(self, reverse: bool) -> Sql:
        return sql("DESC") if self._rows.newest_first != reverse else sql("ASC")

    def precedes(self, left: str, right: str) -> Sql:
        """Tell whether a row of one alias stands before a row of another, as ``by`` has it."""
        ids = ident(left, "id"), ident(right, "id")
        chain = sql("{} > {}", *ids) if self._rows.newest_first else sql("{} < {}", *ids)
        for column, down in reversed(self._sort):
            a, b = self._key(left, column), self._key(right, column)
            strictly = sql(
                "coalesce({} {} {}, {} IS NOT NULL AND {} IS NULL)", a, sql(">") if down else sql("<"), b, a, b
            )
            chain = sql("({} OR ({} IS NOT DISTINCT FROM {} AND {}))", strictly, a, b, chain)
        return chain
