"""Chains of joins, planned from SQL, give the same records however their input is cut."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pytest

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import BatchShape, Mode
from streamnb.backends.duckdb.steps import create_errors, run_statements
from streamnb.catalog import Catalog
from streamnb.duck import Sql, join, sql
from streamnb.functions.registry import default_registry
from streamnb.plan.clauses import QueryContext
from streamnb.plan.expressions import Env
from streamnb.plan.query import plan_query
from streamnb.plan.sources import plan_source
from streamnb.schema import INTEGER
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.store import Store
from tests.backends.join_harness import cut

ENV = Env(default_registry())
SHAPE = BatchShape((INTEGER,), (INTEGER,))
DECLARED = (
    "CREATE STREAM S (ID INT KEY, REF INT) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON');",
    "CREATE STREAM Z (ID INT KEY, REF INT) WITH (KAFKA_TOPIC='z', VALUE_FORMAT='JSON');",
    "CREATE TABLE T (ID INT PRIMARY KEY, REF INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON');",
    "CREATE TABLE U (ID INT PRIMARY KEY, REF INT) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON');",
    "CREATE TABLE V (ID INT PRIMARY KEY, REF INT) WITH (KAFKA_TOPIC='v', VALUE_FORMAT='JSON');",
)


@dataclass(frozen=True)
class Row:
    """A record of one of the query's sources; ``ref`` None is a null value."""

    seq: int
    position: int
    key: int | None
    ref: int | None
    ts: int


def catalog() -> Catalog:
    made = Catalog()
    for text in DECLARED:
        statement = parse_statement(text)
        assert isinstance(statement, ast.CreateSource)
        made.put(plan_source(statement, ENV, text))
    return made


class ChainRunner:
    """A query over the declared sources, on a database in memory."""

    def __init__(self, select: str, store: Store) -> None:
        statement = parse_statement(f"{select} EMIT CHANGES;")
        assert isinstance(statement, ast.Select)
        plan = plan_query(statement.query, QueryContext(catalog(), ENV, "PUSH"))
        self.store = store
        self.sources = len(plan.scans)
        self.program: Program = compile_plan(plan.root, "Q", Mode.EVERY, durable=False)
        store.execute(create_errors())
        for table in self.program.tables:
            store.execute(table.drop())
            store.execute(table.create())

    def run(self, batches: Iterator[Sequence[Row]]) -> list[tuple[Any, ...]]:
        """Run micro-batches; list the outputs as (seq, ts, is a tombstone, values)."""
        results = []
        for batch in batches:
            for source in self.program.inputs:
                self._fill(source.batch, [r for r in batch if r.position == source.position])
            run_statements(self.store, self.program.statements)
            values = join(", ", self.program.shape.value_columns())
            rows = self.store.rows(
                sql("SELECT seq, sub, ts, vnull, {} FROM {} ORDER BY seq, sub", values, self.program.output)
            )
            assert len({row[:2] for row in rows}) == len(rows)
            results += [(seq, ts, vnull, *(() if vnull else rest)) for seq, _, ts, vnull, *rest in rows]
        return results

    def _fill(self, target: Sql, rows: Sequence[Row]) -> None:
        self.store.execute(SHAPE.create(target))
        columns = {
            "seq": pa.array([r.seq for r in rows], pa.int64()),
            "ts": pa.array([r.ts for r in rows], pa.int64()),
            "k": pa.array([r.key for r in rows], pa.int32()),
            "v": pa.array([r.ref for r in rows], pa.int32()),
        }
        self.store.register("records_in", pa.table(columns))
        self.store.execute(
            sql("INSERT INTO {} SELECT seq, 0, 0, seq, ts, NULL, v IS NULL, k, v FROM records_in", target)
        )
        self.store.unregister("records_in")


def history(seed: int, sources: int, length: int = 80) -> list[Row]:
    dice = random.Random(seed)
    clock, rows = 5, []
    for seq in range(length):
        clock = max(0, clock + dice.choice([-2, 0, 1, 1, 3]))
        key = None if dice.random() < 0.05 else dice.randint(0, 2)
        ref = None if dice.random() < 0.15 else dice.randint(0, 2)
        rows.append(Row(seq, dice.randrange(sources), key, ref, clock))
    return rows


@pytest.mark.parametrize(
    "select",
    [
        "SELECT S.ID, S.REF, T.REF, U.REF FROM S LEFT JOIN T ON S.ID = T.ID JOIN U ON S.REF = U.ID",
        "SELECT * FROM S FULL JOIN Z WITHIN (3 MILLISECONDS, 1 MILLISECOND) GRACE PERIOD 1 MILLISECOND ON S.ID = Z.ID"
        " LEFT JOIN T ON S.REF = T.ID",
        "SELECT * FROM S JOIN T ON S.ID = T.ID FULL JOIN Z WITHIN 3 MILLISECONDS ON T.REF = Z.ID WHERE S.REF > 0",
        "SELECT T.ID, T.REF, U.REF, V.REF FROM T FULL JOIN U ON T.ID = U.ID LEFT JOIN V ON U.ID = V.ID",
        "SELECT T.ID, U.REF, V.REF FROM T LEFT JOIN U ON T.REF = U.ID JOIN V ON T.ID = V.ID WHERE V.REF <> 2",
    ],
)
def test_chain_gives_same_records_at_any_cut(select: str) -> None:
    store = Store.open()
    runner = ChainRunner(select, store)
    rows = history(1, runner.sources)
    whole = runner.run(iter([rows]))
    assert len(whole) > 10
    for sizes in ([1], [7, 2, 5]):
        assert ChainRunner(select, store).run(cut(rows, sizes)) == whole
    store.close()


def test_tables_join_three_ways_on_the_key_behind_a_full_join() -> None:
    store = Store.open()
    runner = ChainRunner(
        "SELECT ROWKEY, T.REF, U.REF, V.REF FROM T FULL JOIN U ON T.ID = U.ID FULL JOIN V ON T.ID = V.ID", store
    )
    rows = [Row(0, 1, 7, 10, 5), Row(1, 2, 7, 20, 3), Row(2, 0, 7, 30, 9), Row(3, 1, 7, None, 11)]
    assert runner.run(iter([rows])) == [
        (0, 5, False, 7, None, 10, None),
        (1, 5, False, 7, None, 10, 20),
        (2, 9, False, 7, 30, 10, 20),
        (3, 11, False, 7, 30, None, 20),
    ]
    store.close()
