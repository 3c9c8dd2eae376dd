"""The common base of all operators: batches, names of their tables, and what compiling one yields.

An operator is a list of statements run in order, once per micro-batch: they read one TEMP table (the batch), create
another one, and change the operator's state tables. Every column of a batch has an internal name, so a user's names
can clash with nothing. Whatever fails takes the whole tick back, so statements leave nothing to clean up.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass

from streamnb.backends.duckdb.steps import Statement
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.schema import SqlType
from streamnb.state.keyed import KeyedTable
from streamnb.state.tables import StateTable

__all__ = [
    "BatchShape",
    "Mode",
    "Names",
    "Probe",
    "Stage",
    "state_schema",
]

_META_TYPES = ("BIGINT", "BIGINT", "INTEGER", "BIGINT", "BIGINT", "STRUCT(k VARCHAR, v BLOB)[]", "BOOLEAN")


def state_schema() -> Sql:
    """Create the schema of durable state tables; once per database."""
    return sql("CREATE SCHEMA IF NOT EXISTS {}", ident("state"))


class Mode(enum.Enum):
    """Which changes of a table leave an operator: each one, or the last one per key and micro-batch."""

    EVERY = "every"
    LAST = "last"


@dataclass(frozen=True)
class BatchShape:
    """The types of a batch's key and value columns, and whether its key has a window.

    Rows stand in no order: it is that of (seq, sub).
    """

    keys: tuple[SqlType, ...]
    values: tuple[SqlType, ...]
    windowed: bool = False

    def meta_columns(self) -> list[Sql]:
        """The columns every batch has, in order."""
        return [ident(name) for name in ("seq", "sub", "part", "off", "ts", "hdr", "vnull")]

    def key_columns(self) -> list[Sql]:
        """k0, k1, ..."""
        return [ident(f"k{i}") for i in range(len(self.keys))]

    def value_columns(self) -> list[Sql]:
        """v0, v1, ..."""
        return [ident(f"v{i}") for i in range(len(self.values))]

    def window_columns(self) -> list[Sql]:
        """Window start and end, if the key has a window."""
        return [ident("ws"), ident("we")] if self.windowed else []

    def typed_values(self) -> list[Sql]:
        """The value columns with their types, as CREATE TABLE wants them."""
        return [sql("{} {}", c, duck_type(t)) for c, t in zip(self.value_columns(), self.values, strict=True)]

    def create(self, target: Sql) -> Sql:
        """Create an empty batch of this shape, to be filled by INSERT."""
        types = [Sql(name) for name in _META_TYPES]
        types += [Sql("BIGINT")] * len(self.window_columns())
        types += [duck_type(t) for t in (*self.keys, *self.values)]
        columns = [sql("{} {}", column, type_) for column, type_ in zip(self.columns(), types, strict=True)]
        return sql("CREATE OR REPLACE TEMP TABLE {} ({})", target, join(", ", columns))

    def columns(self) -> list[Sql]:
        """All columns in canonical order: seq, sub, part, off, ts, hdr, vnull, [ws, we], k0.., v0.."""
        return [*self.meta_columns(), *self.window_columns(), *self.key_columns(), *self.value_columns()]


@dataclass(frozen=True)
class Names:
    """Names of the tables of one query, so that several queries live side by side.

    State of a persistent query is ``durable``, in the schema "state"; that of a transient query is TEMP.
    """

    query_id: str
    durable: bool = True

    def temp(self, name: str) -> Sql:
        """Name a TEMP table of this query."""
        return ident("temp", f"{self.query_id}:{name}")

    def state(self, name: str) -> Sql:
        """Name a state table of this query."""
        table = f"{self.query_id}:{name}"
        return ident("state", table) if self.durable else ident("temp", f"{table}:state")

    def state_table(self, name: str, columns: Iterable[tuple[str, Sql]]) -> StateTable:
        """Declare a state table of this query."""
        return StateTable(self.state(name), tuple(columns), self.durable)

    def keyed_table(self, name: str, columns: Iterable[tuple[str, Sql]], keys: Iterable[str]) -> KeyedTable:
        """Declare a state table of this query whose rows are read and replaced by key."""
        rows = self.state_table(name, columns)
        return KeyedTable.of(rows, self.state(f"{name}:newer"), tuple(keys), f"{self.query_id}:{name}:found")


@dataclass(frozen=True)
class Probe:
    """An expression that may raise: the message of the errors it leaves, and the rows it was evaluated on."""

    message: str
    source: Sql
    expression: Sql


@dataclass(frozen=True)
class Stage:
    """A compiled operator: its state tables, its statements, and the shape of the batch they create.

    ``late`` is a query for the number of records dropped as late so far; ``view`` a query for the current rows of
    the operator's table (columns k0.., [ws, we], ts, v0..). Both are None where there is no such thing. ``probes``
    tell why records failed; ``once`` promises that no key comes out of a batch twice.
    """

    tables: tuple[StateTable, ...]
    statements: tuple[Statement, ...]
    shape: BatchShape
    late: Sql | None = None
    view: Sql | None = None
    probes: tuple[Probe, ...] = ()
    once: bool = False
