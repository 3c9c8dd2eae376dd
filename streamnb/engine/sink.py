"""Where a persistent query's output goes: encoded into the sink's topic, and, for a table, into its current rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from streamnb.backends.duckdb.compile import Program
from streamnb.backends.duckdb.operator import BatchShape, Names
from streamnb.backends.duckdb.stateless import log_errors
from streamnb.catalog import DataSource
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.engine.intake import rowtime
from streamnb.engine.sides import key_side, value_side
from streamnb.functions.registry import Registry
from streamnb.log.embedded import EmbeddedLog
from streamnb.serde.encode import encode
from streamnb.serde.windowed import window_bytes_of
from streamnb.state.keyed import KeyedTable, append_rows, forget_rows
from streamnb.state.tables import HASH_TYPE, StateTable, key_hash
from streamnb.store import Store

__all__ = ["EmbeddedTopics", "Sink", "Topics", "current_rows", "encoded", "timed"]


class Topics(Protocol):
    """Takes records for topics, in the caller's transaction."""

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None, window_bytes: int = 0) -> int:
        """Append records (seq, sub, ts, key, value, hdr) in order and return how many they were.

        ``part`` names a column of the records with their partition; where it is null, or not given, the key decides,
        without the ``window_bytes`` at its end.
        """
        ...


class EmbeddedTopics:
    """The topics of the embedded log."""

    def append(self, store: Store, topic: str, records: Sql, *, part: Sql | None = None, window_bytes: int = 0) -> int:
        return EmbeddedLog(store, create=False).append(topic, records, part=part, window_bytes=window_bytes)


def encoded(source: DataSource, batch: Sql, *, key_made: bool = False) -> Sql:
    """Write the relation of a batch's records as bytes: seq, sub, ts, key, value, hdr.

    A key of nulls only is no key, unless it has several columns and was made by the query (``key_made``).
    """
    schema = source.schema
    keys = [ident(f"k{i}") for i in range(len(schema.key))]
    values = [ident(f"v{i}") for i in range(len(schema.value))]
    windowed = source.window is not None
    key = encode(key_side(source), keys, ident("ws") if windowed else None, ident("we") if windowed else None)
    if keys and not (key_made and len(keys) > 1):
        key = sql("CASE WHEN {} THEN {} END", join(" OR ", [sql("{} IS NOT NULL", k) for k in keys]), key)
    value = encode(value_side(source), values)
    return sql(
        "(SELECT seq, sub, ts, {} AS key, CASE WHEN NOT vnull THEN {} END AS value, hdr FROM {})", key, value, batch
    )


def timed(program: Program, query_id: str, source: DataSource, registry: Registry) -> Program:
    """Let a program take the time of its output from the sink's TIMESTAMP column; a record without one is an error."""
    ts = rowtime(source, registry)
    if ts is None:
        return program
    names = Names(query_id)
    target = names.temp("timed")
    tried = names.temp("timed_try")
    message = f"Failed to extract timestamp from row: column {source.timestamp.column if source.timestamp else ''}"
    statements = (
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT * REPLACE (CASE WHEN vnull THEN ts ELSE {} END AS ts) FROM {}",
            tried,
            ts,
            program.output,
        ),
        log_errors(names, tried, sql("ts IS NULL OR ts < 0"), message),
        sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE ts >= 0", target, tried),
    )
    return replace(program, statements=(*program.statements, *statements), output=target, view=None)


def current_rows(query_id: str) -> Sql:
    """Name the view of the current rows of the table that a query maintains: k0.., [ws, we], ts, v0.."""
    return Names(query_id).state("table")


def _stored_rows(query_id: str, shape: BatchShape) -> KeyedTable:
    """Declare the table of current rows, for queries whose state does not have them."""
    keys = [(f"k{i}", duck_type(t)) for i, t in enumerate(shape.keys)]
    windows = [("ws", sql("BIGINT")), ("we", sql("BIGINT"))] if shape.windowed else []
    values = [("ts", sql("BIGINT")), *((f"v{i}", duck_type(t)) for i, t in enumerate(shape.values))]
    matched = [name for name, _ in (*keys, *windows[:1])]
    return Names(query_id).keyed_table("table:rows", [*keys, *windows, *values, ("h", HASH_TYPE)], matched)


class Sink:
    """The end of a persistent query."""

    def __init__(
        self, query_id: str, source: DataSource, program: Program, topics: Topics, *, key_made: bool = False
    ) -> None:
        self.source = source
        self._shape = program.shape
        self._topics = topics
        self._key_made = key_made
        self.table = current_rows(query_id) if source.is_table else None
        self._rows = _stored_rows(query_id, program.shape)
        self._view = program.view
        self._last = Names(query_id).temp("last")

    @property
    def stored(self) -> tuple[StateTable, ...]:
        """The tables of current rows, unless these are a view of the query's state."""
        return () if self.table is None or self._view is not None else self._rows.tables

    def create(self, store: Store, before: Sink | None = None) -> None:
        """Create the table's current rows unless they are there; as a view of the state, where that has them.

        ``before`` is the sink of the query that this one replaces: its rows stay, null in columns it had not.
        """
        if self.table is None:
            return
        kept = None if before is None or self._view is not None else self._kept_rows(store, before)
        if before is not None:
            before.drop(store)
        for table in self.stored:
            forget_rows(store, table)
            store.execute(table.create())
        if kept is not None:
            store.execute(sql("INSERT INTO {} SELECT * FROM {}", self._rows.rows.name, kept))
            store.execute(sql("DROP TABLE {}", kept))
        view = self._view or sql("SELECT * EXCLUDE (h) FROM {}", self._rows.newest)
        store.execute(sql("CREATE OR REPLACE VIEW {} AS {}", self.table, view))

    def _kept_rows(self, store: Store, before: Sink) -> Sql | None:
        """Copy the rows of the sink before into a TEMP table with this sink's columns."""
        if self.table is None or before.table is None:
            return None
        kept = ident("temp", "kept_rows")
        known = {name for name, _ in before._rows.rows.columns}
        columns = [
            ident(n) if n in known else sql("NULL::{} AS {}", t, ident(n))
            for n, t in self._rows.rows.columns
            if n != "h"
        ]
        columns.append(sql("{} AS h", key_hash(self._keys)))
        rows = sql("SELECT {} FROM {}", join(", ", columns), before.table)
        store.execute(sql("CREATE OR REPLACE TEMP TABLE {} AS {}", kept, rows))
        return kept

    @property
    def _keys(self) -> list[Sql]:
        """The columns that tell rows apart."""
        return [ident(name) for name in self._rows.keys]

    def drop(self, store: Store) -> None:
        """Drop the table's current rows."""
        if self.table is not None:
            store.execute(sql("DROP VIEW IF EXISTS {}", self.table))
        for table in self.stored:
            forget_rows(store, table)
            store.execute(table.drop())

    def write(self, store: Store, output: Sql) -> int:
        """Append an output batch to the topic and return how many records it had."""
        if self.stored:
            self._materialize(store, output)
        records = encoded(self.source, output, key_made=self._key_made)
        window_bytes = window_bytes_of(key_side(self.source))
        return self._topics.append(store, self.source.topic, records, window_bytes=window_bytes)

    def _materialize(self, store: Store, output: Sql) -> None:
        """Replace the current rows of the keys in a batch by their last ones."""
        keys, rows = self._keys, self._rows.rows
        store.execute(
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS h FROM {}"
                " QUALIFY row_number() OVER (PARTITION BY {} ORDER BY seq DESC, sub DESC) = 1",
                self._last,
                key_hash(keys),
                output,
                join(", ", keys),
            )
        )
        if append_rows(store, self._rows, sql("(SELECT *, vnull AS gone FROM {})", self._last)):
            return
        same = join(" AND ", [sql("t.{0} IS NOT DISTINCT FROM b.{0}", k) for k in keys])
        store.execute(
            sql(
                "DELETE FROM {0} WHERE rowid IN (SELECT t.rowid FROM (SELECT rowid, * FROM {0} WHERE h IN"
                " (SELECT h FROM {1})) t JOIN {1} b ON t.h = b.h AND {2})",
                rows.name,
                self._last,
                same,
            )
        )
        store.execute(sql("INSERT INTO {} SELECT {} FROM {} WHERE NOT vnull", rows.name, rows.column_names, self._last))
