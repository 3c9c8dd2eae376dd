"""What an operator keeps between micro-batches: plain tables, described by a frozen declaration.

No table has a primary key or an index in DuckDB: rows are looked up with their ``rowid`` by a join with the batch,
deleted by ``rowid`` and inserted again; large ones that are looked up by key are indexed in memory (``keyed.py``).
MERGE and UPDATE change rows in place and fall into slow modes on large tables, so they are kept for tables of a few
rows.

A look-up scans the table, so what it costs is reading the column that it asks for. That is a hash of the key, of so few
bits that DuckDB turns the hashes of a batch into a bitmap and tests it while it scans: with 64 bits it does not, nor
does it with texts. Keys are compared beside it. See docs/decisions/0013.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from streamnb.duck import Sql, ident, join, lit, sql

__all__ = ["HASH_TYPE", "StateTable", "key_hash"]

HASH_TYPE = Sql("UINTEGER")
_HASH_MASK = lit((1 << 22) - 1)
_SAMPLE_ROWS = 1000
_WIDTHS = {
    "BOOLEAN": 1,
    "INTEGER": 4,
    "UINTEGER": 4,
    "DATE": 4,
    "BIGINT": 8,
    "DOUBLE": 8,
    "TIME": 8,
    "TIMESTAMP": 8,
    "HUGEINT": 16,
}
_VARIABLE_BYTES = 16  # what DuckDB keeps of any text besides its characters


def _bytes(column: Sql, type_: Sql) -> Sql:
    """Write how many bytes a value of a column takes."""
    width = _WIDTHS.get(type_)
    if width is not None:
        return lit(width)
    return sql("coalesce(strlen({}::VARCHAR), 0) + {}", column, lit(_VARIABLE_BYTES))


def key_hash(columns: Iterable[Sql]) -> Sql:
    """Write the hash of a key, as state tables keep it; it is never NULL."""
    return sql("(hash({}) & {})::{}", join(", ", columns), _HASH_MASK, HASH_TYPE)


@dataclass(frozen=True)
class StateTable:
    """A table of operator state: its full name, and its columns with their DuckDB types, in order."""

    name: Sql
    columns: tuple[tuple[str, Sql], ...]
    durable: bool = True

    @property
    def column_names(self) -> Sql:
        """The column list, as INSERT wants it."""
        return join(", ", [ident(name) for name, _ in self.columns])

    def create(self) -> Sql:
        """Create the table unless it is there; a table that is not durable lives as long as the connection."""
        columns = join(", ", [sql("{} {}", ident(name), type_) for name, type_ in self.columns])
        template = "CREATE TABLE IF NOT EXISTS {} ({})" if self.durable else "CREATE TEMP TABLE IF NOT EXISTS {} ({})"
        return sql(template, self.name, columns)

    def differs(self) -> Sql:
        """Ask for the columns that the table lacks, or has with another type than is declared; it must be there."""
        wanted = join(", ", [sql("NULL::{} AS {}", type_, ident(name)) for name, type_ in self.columns])
        return sql(
            "SELECT w.column_name FROM (DESCRIBE SELECT {}) w LEFT JOIN (DESCRIBE {}) h USING (column_name)"
            " WHERE h.column_type IS DISTINCT FROM w.column_type",
            wanted,
            self.name,
        )

    def size(self) -> Sql:
        """Ask for the number of rows, and for the bytes of their values, judged by some of them.

        DuckDB itself tells only of blocks, of which a table that was not folded into the file yet has none.
        """
        return sql(
            "SELECT n, round(n * ({}))::BIGINT FROM (SELECT count(*) AS n FROM {})",
            self.width(),
            self.name,
        )

    def width(self) -> Sql:
        """Ask for the bytes of a row's values, judged by some rows of the table; 0 when it is empty."""
        bytes_ = join(" + ", [_bytes(ident(name), type_) for name, type_ in self.columns] or [sql("0")])
        sample = sql("(SELECT * FROM {} LIMIT {})", self.name, lit(_SAMPLE_ROWS))
        return sql("SELECT coalesce(avg({}), 0) FROM {}", bytes_, sample)

    def drop(self) -> Sql:
        """Drop the table if it is there."""
        return sql("DROP TABLE IF EXISTS {}", self.name)
