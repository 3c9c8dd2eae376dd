"""Aggregate functions in Python: classes that are folded over the records of a group."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import streamnb as nb
from streamnb import schema as s
from streamnb.backends.duckdb.operator import Mode
from streamnb.errors import KsqlFunctionError, StreamnbError
from streamnb.functions.registry import default_registry
from streamnb.plan.logical import AggregateCall, WindowSpec
from streamnb.store import Store
from streamnb.workspace import Workspace
from tests.backends.aggregate_harness import Runner, aggregate_call, column, cut, hopping, session, tumbling
from tests.oracle.aggregate import Output, Record
from tests.pipelines import live, put, rows, run, workspace

STREAM = "CREATE STREAM S (K VARCHAR KEY, N INT, T VARCHAR) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
COUNTS = "MAP<VARCHAR, BIGINT>"


class Total:
    """Adds up."""

    def initialize(self) -> int:
        return 0

    def aggregate(self, state: int, value: int | None) -> int:
        return state + (value or 0)

    def merge(self, state: int, other: int) -> int:
        return state + other

    def undo(self, state: int, value: int | None) -> int:
        return state - (value or 0)


class Mean:
    """Computes the mean."""

    def initialize(self) -> dict[str, Any]:
        return {"TOTAL": 0.0, "N": 0}

    def aggregate(self, state: dict[str, Any], value: int | None) -> dict[str, Any]:
        state["N"] += 1
        if value == 13:
            raise ValueError("unlucky")
        state["TOTAL"] += value or 0
        return state

    def map(self, state: dict[str, Any]) -> float | None:
        return state["TOTAL"] / state["N"] if state["N"] else None


class Items:
    """Lists what it is given."""

    def initialize(self) -> list[Any]:
        return []

    def aggregate(self, state: list[Any], value: Any) -> list[Any]:
        state.append(value)
        return state

    def merge(self, state: list[Any], other: list[Any]) -> list[Any]:
        return state + other


@pytest.fixture
def pipeline() -> Iterator[Workspace]:
    with workspace() as opened:
        opened(STREAM)
        yield opened


def table(pipeline: Workspace, expression: str, *numbers: int | None, key: str = "k") -> list[Any]:
    """Aggregate numbers by a persistent query, and pull the result."""
    pipeline(f"CREATE TABLE O AS SELECT K, {expression} AS X FROM S GROUP BY K;")
    put(pipeline, "s", [(key, {"N": n, "T": f"t{n}"}) for n in numbers])
    run(pipeline)
    return [row[0] for row in rows(pipeline, "SELECT X FROM O;")]


def log(pipeline: Workspace) -> list[tuple[Any, ...]]:
    return pipeline.sql('SELECT "offset", message FROM ksql_processing_log ORDER BY ALL').rows


def test_aggregate_keeps_a_state_and_maps_it_to_the_result(pipeline: Workspace) -> None:
    nb.udaf("MEAN_OF(BIGINT) -> DOUBLE", state="STRUCT<TOTAL DOUBLE, N BIGINT>")(Mean)
    assert table(pipeline, "MEAN_OF(N)", 1, None, 5) == [2.0]


def test_record_that_raises_does_not_count_and_is_named_in_the_processing_log(pipeline: Workspace) -> None:
    nb.udaf("MEAN_OF(BIGINT) -> DOUBLE", state="STRUCT<TOTAL DOUBLE, N BIGINT>")(Mean)
    assert table(pipeline, "MEAN_OF(N)", 1, 13, 5) == [3.0]
    assert log(pipeline) == [(1, "Error in an aggregate function: function MEAN_OF: ValueError: unlucky")]


def test_state_or_result_of_another_type_is_an_error_of_the_record(pipeline: Workspace) -> None:
    class Growing(Total):
        def aggregate(self, state: int, value: int | None) -> Any:
            return "much" if value == 2 else state + (value or 0)

        def map(self, state: int) -> Any:
            return "more" if state > 10 else state

    nb.udaf("GROWING(INT) -> INT")(Growing)
    assert table(pipeline, "GROWING(N)", 1, 2, 5) == [6]
    put(pipeline, "s", [("k", {"N": 7})])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [(None,)]
    message = "Error in an aggregate function: function GROWING: it returned {} (str) where INTEGER is declared"
    assert log(pipeline) == [(1, message.format("'much'")), (3, message.format("'more'"))]


def test_constants_of_a_call_make_the_instance(pipeline: Workspace) -> None:
    @nb.udaf("CAPPED(INT, const most INT, const DOUBLE) -> DOUBLE", state="INT")
    class Capped(Total):
        def __init__(self, most: int, factor: float) -> None:
            if most < 0:
                raise ValueError("negative")
            self.most, self.factor = most, factor

        def map(self, state: int) -> float:
            return min(state, self.most) * self.factor

    assert table(pipeline, "CAPPED(N, 10, 1.5)", 7, 8) == [15.0]
    with pytest.raises(StreamnbError, match="Parameter 2 passed to function CAPPED must be a literal constant"):
        pipeline("CREATE TABLE O2 AS SELECT K, CAPPED(N, N, 1.5) AS X FROM S GROUP BY K;")
    with pytest.raises(StreamnbError, match="function CAPPED: ValueError: negative, when its class was called with -1"):
        pipeline("CREATE TABLE O2 AS SELECT K, CAPPED(N, -1, 1.5) AS X FROM S GROUP BY K;")


def test_type_variables_and_repeated_columns(pipeline: Workspace) -> None:
    class Firsts(Items):
        def aggregate(self, state: list[Any], *values: Any) -> list[Any]:
            return [*state, {"V": values[0], "N": len(values)}]

    nb.udaf("FIRSTS(A, B...) -> ARRAY<STRUCT<V A, N INT>>")(Firsts)
    assert table(pipeline, "FIRSTS(T, N, N)", 1, 2) == [[{"V": "t1", "N": 3}, {"V": "t2", "N": 3}]]


def test_aggregate_without_undo_is_refused_over_a_table(pipeline: Workspace) -> None:
    nb.udaf("ITEMS(INT) -> ARRAY<INT>")(Items)
    pipeline("CREATE TABLE T (K VARCHAR PRIMARY KEY, N INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS=1);")
    with pytest.raises(StreamnbError, match="The aggregation function ITEMS cannot be applied to a table source"):
        pipeline("CREATE TABLE O AS SELECT N, ITEMS(N) AS X FROM T GROUP BY N;")


def test_aggregate_without_merge_is_refused_in_sessions(pipeline: Workspace) -> None:
    nb.udaf("MEAN_OF(BIGINT) -> DOUBLE", state="STRUCT<TOTAL DOUBLE, N BIGINT>")(Mean)
    with pytest.raises(StreamnbError) as caught:
        pipeline("CREATE TABLE O AS SELECT K, MEAN_OF(N) AS X FROM S WINDOW SESSION (1 SECOND) GROUP BY K;")
    assert caught.value.render().splitlines()[0] == "error: function MEAN_OF cannot be used in session windows"
    assert "merge(state, other)" in (caught.value.hint or "")


def test_push_query_and_having_use_the_function(pipeline: Workspace) -> None:
    nb.udaf("TOTAL(BIGINT) -> BIGINT")(Total)
    query = live(pipeline, "SELECT K, TOTAL(N) AS X FROM S GROUP BY K HAVING TOTAL(N) > 3 EMIT CHANGES LIMIT 1;")
    put(pipeline, "s", [("k", {"N": 1}), ("k", {"N": 4})])
    assert query.wait(20)
    assert list(query.df().itertuples(index=False, name=None)) == [("k", 5)]


def test_initial_state_of_another_type_is_refused_where_the_function_is_called(pipeline: Workspace) -> None:
    nb.udaf("BAD(INT) -> INT")(Items)
    with pytest.raises(StreamnbError) as caught:
        pipeline("CREATE TABLE O AS SELECT K, BAD(N) AS X FROM S GROUP BY K;")
    assert "function BAD: it returned [] (list) where INTEGER is declared, in initialize" in caught.value.render()
    assert "state=" in (caught.value.hint or "")


def test_class_must_have_the_methods() -> None:
    with pytest.raises(KsqlFunctionError, match="class Empty has no method initialize"):

        @nb.udaf("F(INT) -> INT")
        class Empty:
            pass


def test_columns_come_before_constants_and_the_state_is_a_type() -> None:
    with pytest.raises(KsqlFunctionError, match="columns come before constants"):
        nb.udaf("F(const INT, INT) -> INT")(Total)
    with pytest.raises(KsqlFunctionError, match="unknown type WORD"):
        nb.udaf("F(INT) -> INT", state="WORD")(Total)
    with pytest.raises(KsqlFunctionError, match="the state: type variable A is not among the parameters"):
        nb.udaf("F(INT) -> INT", state="ARRAY<A>")(Total)


def test_aggregate_is_listed_and_described(pipeline: Workspace) -> None:
    nb.udaf("TOTAL(BIGINT, const INT) -> BIGINT")(Total)
    assert ("TOTAL", "AGGREGATE", "Adds up.") in rows(pipeline, "SHOW FUNCTIONS;")
    assert rows(pipeline, "DESCRIBE FUNCTION TOTAL;") == [
        ("Name", "TOTAL"),
        ("Type", "AGGREGATE"),
        ("Author", None),
        ("Description", "Adds up."),
        ("Form", "TOTAL(BIGINT, const INTEGER) -> BIGINT"),
    ]


def test_running_aggregation_keeps_the_class_and_its_state_when_replaced(pipeline: Workspace) -> None:
    nb.udaf("TOTAL(INT) -> BIGINT")(Total)
    assert table(pipeline, "TOTAL(N)", 1, 2) == [3]

    @nb.udaf("TOTAL(INT) -> BIGINT")
    class Double(Total):
        def aggregate(self, state: int, value: int | None) -> int:
            return state + 2 * (value or 0)

    put(pipeline, "s", [("k", {"N": 4})])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [(7,)]
    pipeline("CREATE OR REPLACE TABLE O AS SELECT K, TOTAL(N) AS X FROM S GROUP BY K;")
    put(pipeline, "s", [("k", {"N": 4})])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [(15,)]


def test_state_that_the_new_class_cannot_take_over_is_refused(pipeline: Workspace) -> None:
    nb.udaf("TOTAL(INT) -> BIGINT")(Total)
    assert table(pipeline, "TOTAL(N)", 1, 2) == [3]
    nb.udaf("TOTAL(INT) -> BIGINT", state="INT")(Total)
    with pytest.raises(StreamnbError, match="Cannot upgrade query: its state has other types"):
        pipeline("CREATE OR REPLACE TABLE O AS SELECT K, TOTAL(N) AS X FROM S GROUP BY K;")
    put(pipeline, "s", [("k", {"N": 4})])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [(7,)]


# The same as the built-in functions, however the records are cut


def user_call(name: str) -> AggregateCall:
    value = column("v0")
    return AggregateCall(default_registry().resolve_aggregate(name, [s.BIGINT]), (value,))


def stream(seed: int) -> list[Record]:
    """Make a stream in which time runs on, with late records, null groups and null values."""
    draw = random.Random(seed)
    return [
        Record(
            seq,
            0,
            max(0, 5 * seq + draw.randint(-30, 30)),
            draw.choice(["a", "a", "b", None]),
            (draw.choice([None, -7, 1, 2, 3]),),
            draw.random() < 0.1,
        )
        for seq in range(40)
    ]


def outputs(
    calls: Sequence[AggregateCall],
    store: Store,
    window: WindowSpec | None,
    records: Sequence[Record],
    sizes: Sequence[int],
    mode: Mode,
    final: bool,
) -> list[list[Output]]:
    default_registry().install(store)
    runner = Runner(calls, window=window, mode=mode, final=final, store=store)
    return [runner.batch(batch) for batch in cut(records, sizes)]


WINDOWS = [None, tumbling(40, 20), hopping(40, 15, 20), session(12, 10)]


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize("window", WINDOWS, ids=lambda w: "none" if w is None else w.kind)
@pytest.mark.parametrize("mode", Mode)
def test_results_are_those_of_built_in_functions_however_the_records_are_cut(
    store: Store, window: WindowSpec | None, mode: Mode, final: bool
) -> None:
    if final and window is None:
        pytest.skip("EMIT FINAL needs a window")
    nb.udaf("MY_SUM(BIGINT) -> BIGINT")(Total)
    nb.udaf("MY_LIST(BIGINT) -> ARRAY<BIGINT>")(Items)
    own = [user_call("MY_SUM"), user_call("MY_LIST")]
    built_in = [aggregate_call("SUM", column("v0")), aggregate_call("COLLECT_LIST", column("v0"))]
    for sizes in ((3, 1, 7), (60,)):
        assert outputs(own, store, window, stream(1), sizes, mode, final) == outputs(
            built_in, store, window, stream(1), sizes, mode, final
        )


def test_results_over_a_table_are_those_of_the_built_in_function() -> None:
    nb.udaf("MY_SUM(INT) -> INT")(Total)
    with workspace(max_batch_records=3) as pipeline:
        pipeline("CREATE TABLE T (K VARCHAR PRIMARY KEY, G INT, N INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON',"
                 " PARTITIONS=1);")  # fmt: skip
        pipeline("CREATE TABLE O AS SELECT G, MY_SUM(N) AS A, SUM(N) AS B FROM T GROUP BY G;")
        draw = random.Random(1)
        changes = [
            (draw.choice("abcd"), draw.choice([None, {"G": draw.randint(0, 2), "N": draw.randint(0, 9)}]))
            for _ in range(40)
        ]
        put(pipeline, "t", changes)
        run(pipeline)
        found = rows(pipeline, "SELECT G, A, B FROM O;")
    assert found and [a for _, a, _ in found] == [b for _, _, b in found]


@pytest.mark.parametrize("batch", [1, 2, 1000])
def test_errors_are_the_same_however_the_records_are_cut(batch: int) -> None:
    nb.udaf("MEAN_OF(BIGINT) -> DOUBLE", state="STRUCT<TOTAL DOUBLE, N BIGINT>")(Mean)
    with workspace(max_batch_records=batch) as pipeline:
        pipeline(STREAM)
        pipeline("CREATE TABLE O AS SELECT K, MEAN_OF(N) AS X FROM S WINDOW HOPPING (SIZE 2 SECONDS, ADVANCE BY"
                 " 1 SECOND) GROUP BY K;")  # fmt: skip
        put(pipeline, "s", [("k", {"N": n}) for n in (13, 1, 13, 4, 13)])
        run(pipeline)
        assert [off for off, _ in log(pipeline)] == [0, 2, 4]
        assert [row[0] for row in rows(pipeline, "SELECT X FROM O;")] == [2.5, 2.5]


def test_sessions_that_cannot_be_merged_keep_the_first_and_say_so(pipeline: Workspace) -> None:
    class Lonely(Total):
        def merge(self, state: int, other: int) -> int:
            raise ValueError("never")

    nb.udaf("LONELY(BIGINT) -> BIGINT")(Lonely)
    pipeline("CREATE TABLE O AS SELECT K, LONELY(N) AS X FROM S WINDOW SESSION (10 SECONDS) GROUP BY K;")
    put(pipeline, "s", [("k", {"N": 1}, 0), ("k", {"N": 2}, 15_000), ("k", {"N": 4}, 8_000)])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O WHERE K = 'k';") == [(5,)]
    assert log(pipeline) == [(2, "Error in an aggregate function: function LONELY: ValueError: never")]
