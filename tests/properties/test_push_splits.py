"""Push queries with DISTINCT, UNION, ORDER BY and sub-queries: wherever the input is cut, the view is the same.

What they show in the end is what a few lines of plain Python find in the whole input; a stream's rows have one order.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.duck import join, sql
from streamnb.engine.readers import EmbeddedReader
from streamnb.engine.task import QueryTask
from streamnb.plan.clauses import QueryContext
from streamnb.plan.logical import QueryPlan, is_ordered, scan_count
from streamnb.plan.query import plan_query
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.workspace import Workspace
from tests.oracle.filter import Log, decoded, in_order
from tests.pipelines import workspace
from tests.properties.test_split_invariance import PARTITIONS, RUNS, Run, logs
from tests.properties.topics import append

Row = tuple[Any, ...]
TOPICS = ("s", "t")
CUTS = (RUNS[0], RUNS[2], RUNS[5], RUNS[6])


def stream(records: Sequence[Log], source: int = 0) -> list[dict[str, Any]]:
    """List the rows of the stream S."""
    rows = [decoded(r.value)[1] for r in records if r.source == source and decoded(r.value)[0]]
    return [{"G": row.get("G"), "V": row.get("V")} for row in rows if row is not None]


def table(records: Sequence[Log]) -> dict[str, int | None]:
    """Fold the records of the table T to the W of each key."""
    found: dict[str, int | None] = {}
    for r in records:
        good, fields = decoded(r.value)
        if r.source == 1 and good and r.key is not None:
            found.pop(r.key, None)
            if fields is not None:
                found[r.key] = fields["W"]
    return found


def groups(records: Sequence[Log]) -> Counter[str]:
    return Counter(row["G"] for row in stream(records) if row["G"] is not None)


def down(value: int | None) -> tuple[bool, int]:
    """Sort key of DESC NULLS FIRST."""
    return (value is not None, -(value or 0))


def _first_of_stream(records: Sequence[Log]) -> list[Row]:
    rows = sorted(stream(records), key=lambda row: (down(row["V"]), row["G"] is None, row["G"] or ""))
    return [(row["V"], row["G"]) for row in rows[:3]]


def _first_groups(records: Sequence[Log]) -> list[Row]:
    few = [(g, n) for g, n in groups(records).items() if n < 3]
    return sorted(few, key=lambda row: (-row[1], row[0]))[:2]


def _counted_counts(records: Sequence[Log]) -> list[Row]:
    found = Counter(groups(records).values())
    return [(n, found[n]) for n in range(1, max(found, default=0) + 1)]


def _joined(records: Sequence[Log]) -> list[Row]:
    """Count the groups of one reading of S, and look them up for the records of another, which come behind it."""
    mine = [r for r in records if r.source == 0]
    counts: Counter[str] = Counter()
    rows: list[Row] = []
    for r in in_order([*mine, *(replace(r, source=1, rank=0) for r in mine)]):
        for row in stream([r], r.source):
            if r.source == 1 and row["G"] is not None:
                counts[row["G"]] += 1
            elif r.source == 0 and counts[row["G"]]:
                rows.append((row["V"], counts[row["G"]]))
    return rows


def _doubled(records: Sequence[Log]) -> list[Row]:
    rows = stream(records)
    return [(r["G"], r["V"]) for r in rows] + [(r["G"], r["V"] * 10) for r in rows if (r["V"] or 0) > 1]


@dataclass(frozen=True)
class Shape:
    """A query, and what it shows in the end; the order of the rows counts where it is ``told``."""

    text: str
    view: Callable[[Sequence[Log]], list[Row]]
    told: bool = False

    @property
    def source(self) -> int:
        """The number of the source that it reads."""
        return 1 if "FROM T" in self.text else 0


SHAPES = {
    "distinct": Shape(
        "SELECT DISTINCT G, V FROM S",
        lambda records: list(dict.fromkeys((r["G"], r["V"]) for r in stream(records))),
        told=True,
    ),
    "distinct rows of a table": Shape(
        "SELECT DISTINCT W FROM T", lambda records: [(w,) for w in set(table(records).values())]
    ),
    "union of streams": Shape("SELECT G, V FROM S UNION ALL SELECT G, V * 10 FROM S WHERE V > 1", _doubled),
    "union of tables": Shape(
        "SELECT W FROM T UNION ALL SELECT W FROM T WHERE W > 5",
        lambda records: [(w,) for w in table(records).values() for _ in range(2 if (w or 0) > 5 else 1)],
    ),
    "distinct union of tables": Shape(
        "SELECT W FROM T UNION SELECT W + 2 FROM T",
        lambda records: [(w,) for w in {w if w is None else w + d for w in table(records).values() for d in (0, 2)}],
    ),
    "first rows of a stream": Shape(
        "SELECT V, G FROM S ORDER BY V DESC NULLS FIRST, G LIMIT 3", _first_of_stream, told=True
    ),
    "first rows of a table": Shape(
        "SELECT K, W FROM T ORDER BY W DESC LIMIT 2",
        lambda records: sorted(table(records).items(), key=lambda row: (row[1] is None, down(row[1]), row[0]))[:2],
        told=True,
    ),
    "first groups": Shape(
        "SELECT G, COUNT(*) AS N FROM S GROUP BY G HAVING COUNT(*) < 3 ORDER BY N DESC, G LIMIT 2",
        _first_groups,
        told=True,
    ),
    "sub-query": Shape(
        "SELECT D FROM (SELECT V * 2 AS D, G FROM S WHERE V > 0) X WHERE G = 'x'",
        lambda records: [(r["V"] * 2,) for r in stream(records) if (r["V"] or 0) > 0 and r["G"] == "x"],
        told=True,
    ),
    "aggregate of an aggregate": Shape(
        "SELECT N, COUNT(*) AS C FROM (SELECT G, COUNT(*) AS N FROM S GROUP BY G) GROUP BY N", _counted_counts
    ),
    "join with an aggregate": Shape(
        "SELECT S.V, X.N FROM S JOIN (SELECT G, COUNT(*) AS N FROM S GROUP BY G) X ON S.G = X.G", _joined, told=True
    ),
    "aggregate of a union of tables": Shape(
        "SELECT W, COUNT(*) AS N FROM (SELECT W FROM T UNION ALL SELECT W FROM T) GROUP BY W HAVING COUNT(*) > 0",
        lambda records: [(w, 2 * n) for w, n in Counter(table(records).values()).items() if w is not None],
    ),
}


class Bench:
    """Plans the shapes once and runs them over topics made for each run."""

    def __init__(self, nb: Workspace) -> None:
        self._nb = nb
        self._store = nb.pipeline.store
        self._log = nb.pipeline.engine.log
        self._numbers = itertools.count()
        self._programs: dict[tuple[str, Mode], tuple[QueryPlan, Program]] = {}
        nb("""
            CREATE STREAM S (K VARCHAR KEY, G VARCHAR, V BIGINT)
              WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=2);
            CREATE TABLE T (K VARCHAR PRIMARY KEY, W BIGINT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON', PARTITIONS=2);
        """)

    def _planned(self, shape: str, mode: Mode) -> tuple[QueryPlan, Program]:
        if (shape, mode) not in self._programs:
            statement = parse_statement(f"{SHAPES[shape].text} EMIT CHANGES")
            assert isinstance(statement, ast.Select)
            pipeline = self._nb.pipeline
            plan = plan_query(statement.query, QueryContext(pipeline.catalog, pipeline.env(), "PUSH"))
            self._programs[shape, mode] = plan, compile_plan(plan.root, "push", mode, durable=False)
        return self._programs[shape, mode]

    def reads_twice(self, shape: str) -> bool:
        """Tell whether a query has several scans: which of them gets on first depends on when records arrive."""
        return scan_count(self._planned(shape, Mode.LAST)[0].root) > 1

    def run(self, shape: str, records: Sequence[Log], run: Run) -> list[Row]:
        """Run a query over records that arrive in their total order, and list the rows it shows in the end."""
        plan, program = self._planned(shape, run.mode)
        number = next(self._numbers)
        topics = [f"{topic}_{number}" for topic in TOPICS]
        for topic in topics:
            self._log.create_topic(topic, PARTITIONS)
        readers = [EmbeddedReader(f"{i.source.topic}_{number}") for i in program.inputs]
        task = QueryTask("push", program, readers, self._nb.pipeline.registry, None)
        task.prepare(self._store, earliest=True)
        changes: list[tuple[Row, bool, Row]] = []
        size = run.arrivals or max(len(records), 1)
        for start in range(0, len(records), size):
            append(self._store, self._log, topics, records[start : start + size])
            changes += self._drain(task, run.rows_max, plan)
        task.drop(self._store)
        for topic in topics:
            self._log.delete_topic(topic)
        if not plan.root.is_table:
            return [row for _, gone, row in changes if not gone]
        shown: dict[str, tuple[Row, Row]] = {}
        for key, gone, row in changes:
            shown.pop(repr(key), None)
            if not gone:
                shown[repr(key)] = key, row
        found = list(shown.values())
        return [row for _, row in (sorted(found) if is_ordered(plan.root) else found)]

    def _drain(self, task: QueryTask, rows_max: int, plan: QueryPlan) -> Iterator[tuple[Row, bool, Row]]:
        shape = task.program.shape
        keys, values = [*shape.key_columns(), *shape.window_columns()[:1]], shape.value_columns()
        columns = join(", ", [sql("seq"), sql("sub"), sql("vnull"), *keys, *values])
        while True:
            result = task.step(self._store, rows_max)
            if result.count:
                rows = self._store.rows(sql("SELECT {} FROM {} ORDER BY seq, sub", columns, task.output()))
                assert len({row[:2] for row in rows}) == len(rows), "two rows have one place"
                for row in rows:
                    yield row[3 : 3 + len(keys)], row[2], row[3 + len(keys) :]
            moved = result.place != task.place
            task.accept(result)
            if not moved:
                return


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with workspace() as nb:
        yield Bench(nb)


def check(bench: Bench, shape: str, records: Sequence[Log], runs: Sequence[Run]) -> None:
    """Compare what all runs show with what there is to be seen, and the order of a stream's rows with each other's."""
    ordered = in_order(records)
    wanted = SHAPES[shape]
    expected = wanted.view(ordered)
    first: list[Row] | None = None
    for run in runs:
        if bench.reads_twice(shape):
            run = replace(run, arrivals=None)
        shown = bench.run(shape, ordered, run)
        if wanted.told:
            assert shown == expected, run
        else:
            assert sorted(map(repr, shown)) == sorted(map(repr, expected)), run
        if "union of streams" in shape:
            first = shown if first is None else first
            assert shown == first, run


@pytest.mark.parametrize("shape", SHAPES)
def test_views_do_not_depend_on_where_the_input_is_cut(bench: Bench, shape: str) -> None:
    @settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(records=logs(joined=True, sources=[SHAPES[shape].source]))
    def every_cut_shows_the_same(records: list[Log]) -> None:
        check(bench, shape, records, CUTS)

    every_cut_shows_the_same()


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_many_inputs_and_cuts_show_the_same(bench: Bench, shape: str) -> None:
    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)
    @given(
        records=logs(joined=True, sources=[SHAPES[shape].source]),
        mode=st.sampled_from(Mode),
        rows_max=st.sampled_from([1, 2, 3, 7, 1000]),
        arrivals=st.sampled_from([None, 1, 2, 3, 5, 8]),
    )
    def every_cut_shows_the_same(records: list[Log], mode: Mode, rows_max: int, arrivals: int | None) -> None:
        check(bench, shape, records, [Run(mode, rows_max, arrivals)])

    every_cut_shows_the_same()
