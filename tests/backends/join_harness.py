"""Runs a compiled join over records cut into batches, and reads its output back."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import pyarrow as pa

from streamnb.backends.duckdb.join import compile_join
from streamnb.backends.duckdb.operator import BatchShape, Names
from streamnb.backends.duckdb.steps import run_statements
from streamnb.catalog import DataSource, FormatSpec
from streamnb.duck import Sql, ident, sql
from streamnb.plan.logical import Join, JoinWindow, Scan
from streamnb.plan.typed import TypedColumn
from streamnb.schema import BIGINT, Column, Schema
from streamnb.store import Store
from tests.oracle.join import LEFT, RIGHT, TOMBSTONE, Record, Result

BATCHES = (ident("temp", "left_batch"), ident("temp", "right_batch"))
TARGET = ident("temp", "target_batch")


def scan(name: str, values: int, *, table: bool) -> Scan:
    """A source of a BIGINT key and BIGINT values."""
    columns = tuple(Column(f"V{i}", BIGINT) for i in range(values))
    source = DataSource(
        name,
        "TABLE" if table else "STREAM",
        Schema((Column("K", BIGINT),), columns),
        name,
        FormatSpec("KAFKA"),
        FormatSpec("JSON"),
    )
    return Scan((BIGINT,), (BIGINT,) * values, False, table, source, 0 if name == "L" else 1)


class JoinRunner:
    """A join of two sources with BIGINT keys, on a database in memory.

    ``tables`` is the number of tables among them, 2 being both; a foreign-key join's left side has its key as v1.
    """

    def __init__(
        self,
        kind: str,
        *,
        tables: int = 0,
        window: JoinWindow | None = None,
        foreign: bool = False,
        store: Store | None = None,
    ) -> None:
        left, right = scan("L", 2, table=tables == 2), scan("R", 1, table=tables > 0)
        fk = TypedColumn(column="v1", type=BIGINT, label="FK") if foreign else None
        self.node = Join((BIGINT,), (BIGINT,) * 3, False, tables == 2, left, right, kind, window, fk)
        self.shapes = BatchShape((BIGINT,), (BIGINT,) * 2), BatchShape((BIGINT,), (BIGINT,))
        self.store = store or Store.open()
        sides = (BATCHES[LEFT], self.shapes[LEFT]), (BATCHES[RIGHT], self.shapes[RIGHT])
        self.stage = compile_join(self.node, *sides, TARGET, Names("Q", durable=False), "1_join")
        self.store.versions.clear()
        for table in self.stage.tables:
            self.store.execute(table.drop())
            self.store.execute(table.create())

    def batch(self, records: Iterable[Record]) -> list[Result]:
        """Run one micro-batch."""
        rows = list(records)
        for side in (LEFT, RIGHT):
            self._fill(side, [r for r in rows if r.side == side])
        run_statements(self.store, self.stage.statements)
        return list(self._results())

    def stored(self, table: int) -> int:
        """Count the rows of a state table."""
        return int(self.store.rows(sql("SELECT count(*) FROM {}", self.stage.tables[table].name))[0][0])

    def run(self, batches: Iterable[Sequence[Record]]) -> list[Result]:
        """Run micro-batches one after another."""
        return list(itertools.chain.from_iterable(map(self.batch, batches)))

    def _fill(self, side: int, rows: Sequence[Record]) -> None:
        self.store.execute(self.shapes[side].create(BATCHES[side]))
        columns = {
            "seq": pa.array([r.seq for r in rows], pa.int64()),
            "part": pa.array([r.part for r in rows], pa.int32()),
            "ts": pa.array([r.ts for r in rows], pa.int64()),
            "k0": pa.array([r.key for r in rows], pa.int64()),
            "v0": pa.array([r.value for r in rows], pa.int64()),
            "v1": pa.array([r.fk for r in rows], pa.int64()),
        }
        self.store.register("records_in", pa.table(columns))
        values = Sql("v0, v1" if side == LEFT else "v0")
        self.store.execute(
            sql(
                "INSERT INTO {} SELECT seq, 0, part, seq, ts, NULL, v0 IS NULL, k0, {} FROM records_in"
                " ORDER BY hash(seq)",
                BATCHES[side],
                values,
            )
        )
        self.store.unregister("records_in")

    def _results(self) -> Iterator[Result]:
        rows = self.store.rows(sql("SELECT seq, sub, vnull, k0, v0, v2, ts FROM {} ORDER BY seq, sub", TARGET))
        assert len({row[:2] for row in rows}) == len(rows)
        for seq, _, vnull, key, left, right, ts in rows:
            yield Result(seq, key, TOMBSTONE, TOMBSTONE, ts) if vnull else Result(seq, key, left, right, ts)


T = TypeVar("T")


def cut(records: Sequence[T], sizes: Sequence[int]) -> Iterator[Sequence[T]]:
    """Cut records into batches of the sizes, taken round and round."""
    turns = itertools.cycle(sizes)
    start = 0
    while start < len(records):
        end = start + next(turns)
        yield records[start:end]
        start = end
