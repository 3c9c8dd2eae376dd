"""A pipeline of one shape in memory, run over one history after another."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

from streamnb.backends.duckdb.operator import Mode
from streamnb.catalog import DataSource
from streamnb.duck import join, sql
from streamnb.engine.engine import PersistentQuery
from streamnb.engine.processinglog import PROCESSING_LOG_TOPIC
from streamnb.schema import STRING
from streamnb.schema import Decimal as DecimalType
from tests.oracle.filter import Log
from tests.pipelines import run, workspace
from tests.properties.histories import Cut, declarations
from tests.properties.shape import Shape
from tests.properties.topics import append

__all__ = ["Change", "Outcome", "Trial", "folded"]


class Change(NamedTuple):
    """A record of the sink; ``values`` None is a tombstone, ``window`` has the start, of a session also the end."""

    part: int
    key: tuple[Any, ...]
    window: tuple[int, ...]
    ts: int
    values: tuple[Any, ...] | None


@dataclass(frozen=True)
class Outcome:
    """What a run left: the sink's records, its rows if it is a table, late records, entries of the processing log."""

    changes: list[Change]
    rows: dict[tuple[Any, ...], tuple[Any, ...]] | None
    late: int
    logged: list[tuple[Any, ...]]


def folded(changes: Sequence[Change]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Fold a changelog to the table it leaves: key and window to timestamp and values."""
    table: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for change in changes:
        table.pop((*change.key, *change.window), None)
        if change.values is not None:
            table[*change.key, *change.window] = (change.ts, *change.values)
    return table


class Trial:
    """A shape's statements, compiled once, for every change or the last ones."""

    def __init__(self, shape: Shape, mode: Mode) -> None:
        self._stack = ExitStack()
        self._sources = shape.sources
        setting = "0" if mode is Mode.EVERY else "1000000"
        self._nb = self._stack.enter_context(workspace(cache_max_bytes_buffering=setting))
        self._nb(declarations(shape.sources))
        self._nb(shape.statements)
        self._engine = self._nb.pipeline.engine
        self._store = self._nb.pipeline.store
        source = self._nb.pipeline.catalog.get(shape.sink)
        assert source is not None
        self._sink: DataSource = source
        self._topics = self._engine.log.topics(internal=True)

    def close(self) -> None:
        """Let go of the pipeline."""
        self._stack.close()

    def run(self, records: Sequence[Log], cut: Cut) -> Outcome:
        """Start over, and run the queries on records that arrive in their order."""
        self._reset()
        self._engine.settings = replace(self._engine.settings, rows_max=cut.rows_max)
        size = cut.arrivals or max(len(records), 1)
        for start in range(0, len(records), size):
            self._append(records[start : start + size])
            run(self._nb)
        for info in self._nb.pipeline.catalog.queries.values():
            assert info.state == "RUNNING", (info.id, info.state, info.errors)
        late = sum(q.task.late_count(self._store) for q in self._engine.queries.values())
        return Outcome(self._changes(), self._rows(), late, self._logged())

    def _reset(self) -> None:
        """Empty all topics and take every query back to where it began."""
        with self._store.transaction():
            for topic in self._topics:
                self._engine.log.delete_topic(topic.name)
                self._engine.log.create_topic(topic.name, topic.partitions)
            for query in self._engine.queries.values():
                query.task.drop(self._store)
                query.task.place = None
                query.task.prepare(self._store, earliest=True)
                self._save_start(query)
                if query.sink.stored:
                    query.sink.drop(self._store)
                query.sink.create(self._store)

    def _save_start(self, query: PersistentQuery) -> None:
        assert query.task.place is not None
        self._engine.checkpoint.save_place(query.info.id, query.task.place)

    def _append(self, records: Sequence[Log]) -> None:
        with self._store.transaction():
            append(self._store, self._engine.log, [name.lower() for name in self._sources], records)
        self._engine.appended()

    # What came out

    def _changes(self) -> list[Change]:
        query = "SELECT part, ts, key, value FROM {} ORDER BY part, off"
        rows = self._store.rows(sql(query, self._engine.log.relation(self._sink.topic)))
        return [Change(part, *self._key(key), ts, self._values(value)) for part, ts, key, value in rows]

    def _key(self, key: bytes | None) -> tuple[tuple[Any, ...], tuple[int, ...]]:
        """Split a key's bytes into columns and window."""
        columns = self._sink.schema.key
        if key is None:
            return (None,) * len(columns), ()
        window: tuple[int, ...] = ()
        if self._sink.window is not None:
            session = self._sink.window.kind == "SESSION"
            window = tuple(int.from_bytes(key[at : at + 8 or None], "big") for at in ((-8, -16) if session else (-8,)))
            key = key[: -8 * len(window)]
        if self._sink.key_format.name == "JSON":
            fields = json.loads(key)
            return tuple(fields[c.name] for c in columns), window
        return (key.decode() if columns[0].type == STRING else int.from_bytes(key, "big", signed=True),), window

    def _values(self, value: bytes | None) -> tuple[Any, ...] | None:
        if value is None:
            return None
        fields = json.loads(value)
        return tuple(
            Decimal(str(fields[c.name])) if isinstance(c.type, DecimalType) and fields[c.name] is not None
            else fields[c.name]
            for c in self._sink.schema.value
        )  # fmt: skip

    def _rows(self) -> dict[tuple[Any, ...], tuple[Any, ...]] | None:
        """Read the current rows of a table as pull queries do."""
        query = self._engine.queries[self._sink.query_id or ""]
        table = query.sink.table
        if table is None:
            return None
        names = [f"k{i}" for i in range(len(self._sink.schema.key))]
        if self._sink.window is not None:
            names += ["ws", "we"] if self._sink.window.kind == "SESSION" else ["ws"]
        keys = len(names)
        names += ["ts", *(f"v{i}" for i in range(len(self._sink.schema.value)))]
        found = self._store.rows(sql("SELECT {} FROM {}", join(", ", [sql(f"{n}") for n in names]), table))
        return {row[:keys]: row[keys:] for row in found}

    def _logged(self) -> list[tuple[Any, ...]]:
        """List which records are in the processing log, and why."""
        relation = self._engine.log.relation(PROCESSING_LOG_TOPIC)
        entries = [json.loads(value) for (value,) in self._store.rows(sql("SELECT value FROM {}", relation))]
        counts: dict[tuple[Any, ...], int] = defaultdict(int)
        for e in entries:
            number, message = 1, e["MESSAGE"]
            if e["OFFSET"] is None:  # an entry of this kind tells how many records of a batch it is about
                first, message = message.split(" ", 1)
                number = int(first)
            counts[e["LOGGER"], e["TYPE"], e["TOPIC"], e["PARTITION"], e["OFFSET"], message] += number
        return sorted(counts.items(), key=repr)
