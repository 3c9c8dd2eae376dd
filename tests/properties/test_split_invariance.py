"""Whole queries over an embedded log: wherever their input is cut, by size or by arrival, the results are the same.

The changelog of every change is that of a per-record oracle in plain Python; the last changes fold to the same table.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.duck import join, sql
from streamnb.engine.readers import EmbeddedReader
from streamnb.engine.task import QueryTask
from streamnb.plan.sinks import plan_create_as
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.workspace import Workspace
from tests.oracle.aggregate import Record, TimeOracle
from tests.oracle.filter import FilterOracle, Log, decoded, in_order
from tests.oracle.join import Record as JoinRecord
from tests.oracle.join import StreamTableOracle
from tests.pipelines import workspace
from tests.properties.topics import append

Change = tuple[Any, ...]  # (ts, key, window start, values or None for a tombstone)
Oracle = Callable[[Sequence[Log]], list[Change]]
KEYS = {"a": 0, "b": 1, "c": 2, "d": 3, None: 0}
PARTITIONS = 2
DAY_MS = 86_400_000


def _aggregate(oracle: TimeOracle, records: Sequence[Log]) -> list[Change]:
    changes: list[Change] = []
    for seq, r in enumerate(records):
        good, fields = decoded(r.value)
        if not good:
            continue
        fields = fields or {}
        # Groups are not the key: all partitions share one stream time (docs/decisions/0008).
        record = Record(seq, 0, r.ts, fields.get("G"), (fields.get("V"),), not fields)
        changes += [(o.ts, o.key, o.ws, o.values) for o in oracle.apply(record)]
    return changes


def _aggregated(**options: Any) -> Oracle:
    calls = [("COUNT(*)", 0), ("SUM", 0), ("LATEST_BY_OFFSET", 0)]
    return lambda records: _aggregate(TimeOracle(calls, **options), records)


def _filtered(records: Sequence[Log]) -> list[Change]:
    def holds(fields: dict[str, Any]) -> bool | None:
        return None if fields.get("V") is None else fields["V"] > 1

    oracle = FilterOracle(holds, lambda key, fields: (fields.get("G"), fields["V"] * 2))
    return [(ts, key, None, values) for r in records for ts, key, values in oracle.process(r)]


def _joined(kind: str, records: Sequence[Log]) -> list[Change]:
    oracle = StreamTableOracle(kind)
    changes: list[Change] = []
    for seq, r in enumerate(records):
        good, fields = decoded(r.value)
        if not good:
            continue
        value = None if fields is None else json.dumps(fields, sort_keys=True)
        key: Any = r.key  # the oracle looks into neither keys nor values
        opaque: Any = value
        record = JoinRecord(seq, 1 if r.source else 0, key, opaque, r.ts, part=r.part)
        for result in oracle.process(record):
            left = json.loads(result.left)
            right = None if result.right is None else json.loads(result.right)
            changes.append((r.ts, r.key, None, (left.get("V"), right and right.get("W"))))
    return changes


AGGREGATES = "COUNT(*) AS N, SUM(V) AS S, LATEST_BY_OFFSET(V) AS L"
SHAPES: dict[str, tuple[str, Oracle]] = {
    "filter": ("CREATE STREAM O AS SELECT K, G, V * 2 AS D FROM S WHERE V > 1;", _filtered),
    "join": (
        "CREATE STREAM O AS SELECT S.K, S.V, T.W FROM S JOIN T ON S.K = T.K;",
        lambda records: _joined("INNER", records),
    ),
    "left join": (
        "CREATE STREAM O AS SELECT S.K, S.V, T.W FROM S LEFT JOIN T ON S.K = T.K;",
        lambda records: _joined("LEFT", records),
    ),
    "groups": (f"CREATE TABLE O AS SELECT G, {AGGREGATES} FROM S GROUP BY G;", _aggregated()),
    "tumbling": (
        f"CREATE TABLE O AS SELECT G, {AGGREGATES} FROM S WINDOW TUMBLING (SIZE 20 MILLISECONDS, GRACE PERIOD"
        " 5 MILLISECONDS) GROUP BY G HAVING COUNT(*) > 1 AND SUM(V) < 9;",
        _aggregated(having=lambda v: v[0] > 1 and v[1] < 9, size=20, advance=20, grace=5),
    ),
    "hopping": (
        f"CREATE TABLE O AS SELECT G, {AGGREGATES} FROM S WINDOW HOPPING (SIZE 30 MILLISECONDS, ADVANCE BY"
        " 12 MILLISECONDS, GRACE PERIOD 0 MILLISECONDS) GROUP BY G HAVING COUNT(*) > 1;",
        _aggregated(having=lambda v: v[0] > 1, size=30, advance=12, grace=0),
    ),
}


@st.composite
def logs(draw: st.DrawFn, *, joined: bool, sources: Sequence[int] = (0, 0, 1)) -> list[Log]:
    """Draw the records of a stream and, if asked for, a table: late ones, null keys and values, malformed values.

    ``sources`` are drawn from where there are both: 0 is the stream, 1 the table.
    """
    rows = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sources if joined else [0]),
                st.sampled_from(list(KEYS)),
                st.integers(-25, 15),
                st.sampled_from(["x", "x", "y", None]),
                st.sampled_from([1, 2, 3, -4, None]),
                st.integers(0, 11),
            ),
            min_size=1,
            max_size=14,
        )
    )
    records: list[Log] = []
    last: dict[tuple[int, int], tuple[int, int]] = {}
    for n, (source, key, jitter, group, number, fate) in enumerate(rows):
        part = KEYS[key] % PARTITIONS
        off, before = last.get((source, part), (0, 0))
        fields = {"W": number} if source else {"G": group, "V": number}
        value = None if fate == 0 else b"{bad" if fate == 1 else json.dumps(fields).encode()
        ts = before if fate == 1 else max(0, 8 * n + jitter)  # a malformed record moves no clock
        last[source, part] = (off + 1, ts)
        records.append(Log(source, 0 if source else 1, part, off, ts, key, value))
    return records


@dataclass(frozen=True)
class Run:
    """One way to cut: at most ``rows_max`` records of a partition a batch, arriving in pieces of ``arrivals``."""

    mode: Mode
    rows_max: int
    arrivals: int | None = None


RUNS = (
    Run(Mode.EVERY, 1, 1),
    Run(Mode.EVERY, 1),
    Run(Mode.EVERY, 1000),
    Run(Mode.EVERY, 3, 5),
    Run(Mode.LAST, 1000),
    Run(Mode.LAST, 2),
    Run(Mode.LAST, 1000, 4),
)


class Bench:
    """Compiles the shapes once and runs them over topics made for each run."""

    def __init__(self, nb: Workspace) -> None:
        self._nb = nb
        self._store = nb.pipeline.store
        self._log = nb.pipeline.engine.log
        self._numbers = itertools.count()
        self._programs: dict[tuple[str, Mode], Program] = {}
        nb("""
            CREATE STREAM S (K VARCHAR KEY, G VARCHAR, V BIGINT)
              WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
            CREATE TABLE T (K VARCHAR PRIMARY KEY, W BIGINT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
        """)

    def _program(self, shape: str, mode: Mode) -> Program:
        if (shape, mode) not in self._programs:
            pipeline = self._nb.pipeline
            statement = parse_statement(SHAPES[shape][0])
            assert isinstance(statement, ast.CreateAs)
            planned = plan_create_as(statement, pipeline.catalog, pipeline.env(), "")
            self._programs[shape, mode] = compile_plan(planned.query.root, "split", mode, durable=False)
        return self._programs[shape, mode]

    def run(self, shape: str, records: Sequence[Log], run: Run) -> list[Change]:
        """Run a query over records that arrive in their total order, and list its changes."""
        program = self._program(shape, run.mode)
        number = next(self._numbers)
        topics = [f"{i.source.topic}_{number}" for i in program.inputs]
        for topic in topics:
            self._log.create_topic(topic, PARTITIONS)
        task = QueryTask("split", program, [EmbeddedReader(t) for t in topics], self._nb.pipeline.registry, None)
        task.prepare(self._store, earliest=True)
        changes: list[Change] = []
        size = run.arrivals or max(len(records), 1)
        for start in range(0, len(records), size):
            append(self._store, self._log, topics, records[start : start + size])
            changes += self._drain(task, run.rows_max)
        task.drop(self._store)
        for topic in topics:
            self._log.delete_topic(topic)
        return changes

    def _drain(self, task: QueryTask, rows_max: int) -> Iterator[Change]:
        shape = task.program.shape
        columns = [sql("ts"), sql("vnull"), *shape.key_columns(), *shape.value_columns(), *shape.window_columns()[:1]]
        keys, ws = len(shape.keys), len(shape.keys) + len(shape.values) + 2
        query = "SELECT {} FROM {} ORDER BY seq, sub"
        while True:
            result = task.step(self._store, rows_max)
            if result.count:
                for row in self._store.rows(sql(query, join(", ", columns), task.output())):
                    key = row[2 : 2 + keys] if keys > 1 else row[2]
                    values = None if row[1] else row[2 + keys : ws]
                    yield row[0], key, row[ws] if shape.windowed else None, values
            moved = result.place != task.place
            task.accept(result)
            if not moved:
                return


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with workspace() as nb:
        yield Bench(nb)


def folded(changes: Sequence[Change]) -> dict[tuple[Any, Any], tuple[Any, ...]]:
    """Fold a changelog to the table it leaves."""
    table: dict[tuple[Any, Any], tuple[Any, ...]] = {}
    for ts, key, ws, values in changes:
        table.pop((key, ws), None)
        if values is not None:
            table[key, ws] = (ts, values)
    return table


def check(bench: Bench, shape: str, records: Sequence[Log], runs: Sequence[Run]) -> None:
    """Compare the changes of all runs with the oracle's."""
    ordered = in_order(records)
    expected = SHAPES[shape][1](ordered)
    is_table = "CREATE TABLE" in SHAPES[shape][0]
    for run in runs:
        changes = bench.run(shape, ordered, run)
        if run.mode is Mode.EVERY or not is_table:
            assert changes == expected, run
        assert folded(changes) == folded(expected), run


@pytest.mark.parametrize("shape", SHAPES)
def test_results_do_not_depend_on_where_the_input_is_cut(bench: Bench, shape: str) -> None:
    @settings(max_examples=7, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(records=logs(joined="join" in shape))
    def every_cut_gives_the_same(records: list[Log]) -> None:
        check(bench, shape, records, RUNS)

    every_cut_gives_the_same()


def test_regrouped_window_closes_by_the_time_of_another_partition(bench: Bench) -> None:
    value = b'{"G": "x", "V": 1}'
    mine = [(0, 0, None), (1, 8, None), (2, 16, value), (3, 28, None), (4, 19, value)]
    records = [Log(0, 1, 0, off, ts, "a", value_) for off, ts, value_ in mine]
    check(bench, "tumbling", [*records, Log(0, 1, 1, 0, 27, "b", value)], RUNS)


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_many_programs_and_cuts_give_the_same_results(bench: Bench, shape: str) -> None:
    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(
        records=logs(joined="join" in shape),
        mode=st.sampled_from(Mode),
        rows_max=st.sampled_from([1, 2, 3, 7, 1000]),
        arrivals=st.sampled_from([None, 1, 2, 3, 5, 8]),
    )
    def every_cut_gives_the_same(records: list[Log], mode: Mode, rows_max: int, arrivals: int | None) -> None:
        check(bench, shape, records, [Run(mode, rows_max, arrivals)])

    every_cut_gives_the_same()
