"""Functions in Python: declared by a decorator, used by the queries of every pipeline."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

import streamnb as nb
from streamnb.errors import KsqlFunctionError, StreamnbError
from streamnb.functions.registry import default_registry
from streamnb.magics.completion import complete
from streamnb.schema import BOOLEAN
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, run, state_of, workspace

SOURCE = """
CREATE STREAM S (K VARCHAR KEY, T VARCHAR, N INT, D DECIMAL(10, 2), A ARRAY<INT>, M MAP<VARCHAR, INT>,
  P STRUCT<X INT, Y INT>, W TIMESTAMP) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);
"""
VALUE = {"T": "hey", "N": 4, "D": 1.25, "A": [1, 2], "M": {"a": 1}, "P": {"X": 1, "Y": 2}, "W": 1000}


@pytest.fixture
def pipeline() -> Iterator[Workspace]:
    with workspace() as opened:
        opened(SOURCE)
        yield opened


def of(pipeline: Workspace, expression: str, *values: dict[str, Any] | None, where: str = "") -> list[Any]:
    """Select an expression from records with the values, by a pull query."""
    put(pipeline, "s", [("k", value) for value in values or (VALUE,)])
    return [row[0] for row in rows(pipeline, f"SELECT {expression} AS X FROM S {where};")]


def log(pipeline: Workspace) -> list[str]:
    """List the messages of the processing log."""
    return [m for (m,) in pipeline.sql("SELECT message FROM ksql_processing_log ORDER BY ALL").rows]


def refused(*signatures: str, function: Any = lambda *_: None, decorator: Any = nb.udf, **options: Any) -> list[str]:
    """Render the error of a declaration."""
    with pytest.raises(KsqlFunctionError) as caught:
        decorator(*signatures, **options)(function)
    return caught.value.render().splitlines()


# Values


def test_function_gets_python_values_and_none_for_null(pipeline: Workspace) -> None:
    @nb.udf("SEEN(VARCHAR, INT) -> VARCHAR")
    def seen(text: str | None, number: int | None) -> str:
        return f"{text!r} {number!r}"

    assert of(pipeline, "SEEN(T, N)", VALUE, {}) == ["'hey' 4", "None None"]


@pytest.mark.parametrize(
    ("type_", "column", "value"),
    [
        ("DECIMAL(10, 2)", "D", decimal.Decimal("1.25")),
        ("ARRAY<INT>", "A", [1, 2]),
        ("MAP<VARCHAR, INT>", "M", {"a": 1}),
        ("STRUCT<X INT, Y INT>", "P", {"X": 1, "Y": 2}),
        ("TIMESTAMP", "W", datetime.datetime(1970, 1, 1, 0, 0, 1)),
    ],
)
def test_value_of_every_kind_goes_in_and_out(pipeline: Workspace, type_: str, column: str, value: Any) -> None:
    given: list[Any] = []

    @nb.udf(f"SAME(value {type_}) -> {type_}")
    def same(value: Any) -> Any:
        given.append(value)
        return value

    assert of(pipeline, f"SAME({column})") == [value]
    assert given in ([value], [value, value])  # DuckDB may look at a batch of one record beforehand


def test_fields_that_differ_in_case_keep_their_names(pipeline: Workspace) -> None:
    @nb.udf("TURNED(STRUCT<A INT, `a` INT>) -> STRUCT<A INT, `a` INT>")
    def turned(pair: dict[str, int]) -> dict[str, int]:
        return {"A": pair["a"], "a": pair["A"]}

    assert of(pipeline, "TURNED(STRUCT(A := 1, `a` := 2))->`a`") == [1]


def test_fields_of_a_returned_struct_may_be_in_lower_case_or_missing(pipeline: Workspace) -> None:
    nb.udf("PAIR() -> STRUCT<X INT, Y INT>")(lambda: {"x": 1})
    assert of(pipeline, "PAIR()") == [{"X": 1, "Y": None}]


def test_decimal_is_rounded_to_its_scale_and_aware_time_becomes_utc(pipeline: Workspace) -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2))
    nb.udf("THIRD() -> DECIMAL(5, 3)")(lambda: decimal.Decimal(2) / 3)
    nb.udf("NOON() -> TIMESTAMP")(lambda: datetime.datetime(2026, 1, 1, 12, tzinfo=zone))
    assert of(pipeline, "STRUCT(A := THIRD(), B := NOON())") == [
        {"A": decimal.Decimal("0.667"), "B": datetime.datetime(2026, 1, 1, 10)}
    ]


@pytest.mark.parametrize(
    ("type_", "value", "shown"),
    [
        ("INT", "seven", "'seven' (str)"),
        ("INT", 1.5, "1.5 (float)"),
        ("INT", True, "True (bool)"),
        ("INT", 2**31, "2147483648 (int) where INTEGER is declared, which cannot hold it"),
        ("BOOLEAN", 1, "1 (int)"),
        ("DOUBLE", "1", "'1' (str)"),
        ("VARCHAR", 5, "5 (int)"),
        ("VARCHAR", "\ud800", r"'\ud800' (str) where STRING is declared, and it is no Unicode text"),
        ("BYTES", "x", "'x' (str)"),
        ("DATE", datetime.datetime(2026, 1, 1), "datetime.datetime(2026, 1, 1, 0, 0) (datetime)"),
        ("TIMESTAMP", 5, "5 (int)"),
        ("TIME", 5, "5 (int)"),
        ("DECIMAL(3, 1)", decimal.Decimal(100), "Decimal('100') (Decimal) where DECIMAL(3, 1) is declared, which"),
        ("ARRAY<VARCHAR>", "abc", "'abc' (str) where ARRAY<STRING>"),
        ("ARRAY<INT>", [1, "b"], "'b' (str) where INTEGER"),
        ("MAP<VARCHAR, INT>", [1], "[1] (list)"),
        ("STRUCT<X INT>", {"X": 1, "Z": 2}, "which has no field Z"),
    ],
)
def test_value_of_another_type_is_an_error_of_its_record(
    pipeline: Workspace, type_: str, value: Any, shown: str
) -> None:
    @nb.udf(f"WRONG(INT) -> {type_}")
    def wrong(n: int) -> Any:
        return value if n == 1 else None

    assert of(pipeline, "WRONG(N) IS NULL", {"N": 1}, {"N": 2}) == [None, True]
    (message,) = log(pipeline)
    assert message.startswith("Error computing column X: function WRONG: it returned ")
    assert shown in message


# Errors


def test_function_that_raises_gives_null_and_a_row_of_the_processing_log(pipeline: Workspace) -> None:
    @nb.udf("half(INT) -> INT")
    def half(n: int) -> int:
        if n % 2:
            raise ValueError(f"{n} is odd")
        return n // 2

    assert of(pipeline, "HALF(N)", {"N": 4}, {"N": 3}, {"N": 2}) == [2, None, 1]
    assert log(pipeline) == ["Error computing column X: function half: ValueError: 3 is odd"]


def test_function_that_raises_is_called_once_for_the_others_of_its_batch(pipeline: Workspace) -> None:
    calls: list[int] = []

    @nb.udf("NOTED(INT) -> INT")
    def noted(n: int) -> int:
        calls.append(n)
        if n == 1:
            raise ValueError("one")
        return n

    assert of(pipeline, "NOTED(N)", {"N": 0}, {"N": 1}, {"N": 2}) == [0, None, 2]
    assert calls == [0, 1, 2, 1]  # the last one finds the reason


def test_record_is_dropped_where_the_function_of_its_condition_raises(pipeline: Workspace) -> None:
    nb.udf("INVERSE(INT) -> DOUBLE")(lambda n: 1 / n)
    assert of(pipeline, "N", {"N": 1}, {"N": 0}, {"N": 2}, where="WHERE INVERSE(N) > 0") == [1, 2]
    assert log(pipeline) == [
        "Error evaluating the WHERE expression: function INVERSE: ZeroDivisionError: division by zero"
    ]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("CHECKED(N) > 0", [1, 3]),
        ("0 < CHECKED(N) + CHECKED(CHECKED(N))", [1, 3]),
        ("CHECKED(N) > 0 AND N > 1", [3]),
        ("CHECKED(N) IS NOT NULL", [1, 3]),
        ("CHECKED(N) IN (1, 4) OR N = 3", [1, 3]),
        ("CAST(CHECKED(N) AS VARCHAR) LIKE '3'", [3]),
        ("NOT CHECKED(N) BETWEEN 0 AND 1", [3]),
        ("UCASE(CAST(CHECKED(N) AS VARCHAR)) = '1'", [1]),
    ],
)
def test_function_that_raises_in_a_condition_is_not_called_again_for_others(
    pipeline: Workspace, condition: str, kept: list[int]
) -> None:
    calls: list[int] = []

    @nb.udf("CHECKED(INT) -> INT")
    def checked(n: int | None) -> int:
        if n is None:
            raise ValueError("no number")
        calls.append(n)
        if n == 2:
            raise ValueError("two")
        return n

    assert of(pipeline, "N", {"N": 1}, {"N": 2}, {"N": 3}, where=f"WHERE {condition}") == kept
    assert log(pipeline) == ["Error evaluating the WHERE expression: function CHECKED: ValueError: two"]
    times = condition.count("CHECKED(")
    assert calls.count(3) == times


@pytest.mark.parametrize(
    ("expression", "results"),
    [
        ("CASE WHEN N = 1 THEN CHECKED(N) ELSE 0 END", [1, 0, 0]),
        ("N = 1 AND CHECKED(N) = 1", [True, False, False]),
        ("N = 2 OR CHECKED(N) = 3", [False, True, True]),
        ("IFNULL(CHECKED(N), 9)", [1, 9, 3]),
        ("ARRAY[CHECKED(N)]", [[1], [None], [3]]),
    ],
)
def test_function_is_not_called_where_its_result_is_not_wanted(
    pipeline: Workspace, expression: str, results: list[Any]
) -> None:
    @nb.udf("CHECKED(INT) -> INT")
    def checked(n: int) -> int:
        if n == 2:
            raise ValueError("two")
        return n

    assert of(pipeline, expression, {"N": 1}, {"N": 2}, {"N": 3}) == results
    assert log(pipeline) == []


def test_inner_call_that_raises_makes_the_outer_one_null(pipeline: Workspace) -> None:
    nb.udf("INVERSE(INT) -> DOUBLE")(lambda n: 1 / n)
    nb.udf("SHOWN(DOUBLE) -> VARCHAR")(str)
    assert of(pipeline, "SHOWN(INVERSE(N))", {"N": 1}, {"N": 0}) == ["1.0", None]
    assert log(pipeline) == ["Error computing column X: function INVERSE: ZeroDivisionError: division by zero"]


# Declarations


def test_overloads_are_several_declarations_or_several_signatures(pipeline: Workspace) -> None:
    nb.udf("KIND(INT) -> VARCHAR", "KIND(BIGINT) -> VARCHAR")(lambda _: "number")
    nb.udf("KIND(VARCHAR) -> VARCHAR")(lambda _: "text")
    nb.udf("KIND(ARRAY<T>) -> VARCHAR")(lambda _: "array")
    assert of(pipeline, "KIND(N) + KIND(CAST(N AS BIGINT)) + KIND(T) + KIND(A)") == ["numbernumbertextarray"]


def test_overload_without_repeated_parameter_is_preferred(pipeline: Workspace) -> None:
    nb.udf("PICK(BIGINT...) -> VARCHAR")(lambda *_: "many")
    nb.udf("PICK(BIGINT, VARCHAR) -> VARCHAR")(lambda *_: "two")
    assert of(pipeline, "PICK(N, NULL) + PICK(N, N)") == ["twomany"]


def test_repeated_parameter_may_stand_in_the_middle(pipeline: Workspace) -> None:
    @nb.udf("SPREAD(VARCHAR, INT..., VARCHAR) -> VARCHAR")
    def spread(first: str, *rest: Any) -> str:
        return repr((first, *rest))

    assert of(pipeline, "SPREAD(T, N, N, 'end')") == ["('hey', 4, 4, 'end')"]


def test_type_variables_follow_the_arguments(pipeline: Workspace) -> None:
    nb.udf("FIRST_OF(ARRAY<A>, A) -> STRUCT<V A>")(lambda items, default: {"V": items[0] if items else default})
    assert of(pipeline, "FIRST_OF(A, 9)->V + 1") == [2]
    with pytest.raises(StreamnbError, match=r"Function 'FIRST_OF' does not accept parameters \(ARRAY<INTEGER>, STRING"):
        of(pipeline, "FIRST_OF(A, 'x')")


def test_any_and_bare_decimal_take_what_comes(pipeline: Workspace) -> None:
    nb.udf("TYPED(DECIMAL, ANY) -> VARCHAR")(lambda a, b: f"{type(a).__name__} {type(b).__name__}")
    assert of(pipeline, "TYPED(D, M) + ' ' + TYPED(N, T)") == ["Decimal dict Decimal str"]


def test_lambda_may_call_the_function(pipeline: Workspace) -> None:
    nb.udf("TWICE(INT) -> INT")(lambda n: 2 * n)
    assert of(pipeline, "TRANSFORM(A, x => TWICE(x))") == [[2, 4]]


def test_function_stays_callable_from_python() -> None:
    @nb.udf("TWICE(INT) -> INT")
    def twice(n: int) -> int:
        return 2 * n

    assert twice(4) == 8


@pytest.mark.parametrize(
    ("signature", "first", "carets"),
    [
        ("ABS(INT) -> INT", "error: a function named ABS is built in", "    | ^^^"),
        ("COUNT(INT) -> INT", "error: a function named COUNT is built in", "    | ^^^^^"),
        ("explode(INT) -> INT", "error: a function named EXPLODE is built in", "    | ^^^^^^^"),
        ("SELECT(INT) -> INT", "error: SELECT cannot be the name of a function", "    | ^^^^^^"),
        ("F(INT) -> A", "error: type variable A is not among the parameters", "    |           ^"),
        ("F(INT) -> ARRAY<ANY>", "error: ARRAY<ANY> is no type of a result", "    |           ^^^^^^^^^^"),
        ("F(DECIMAL) -> DECIMAL", "error: a DECIMAL result has a precision and a scale", "    |               ^^^^^^^"),
        ("F(INT..., INT...) -> INT", "error: only one parameter can be repeated", "    |           ^^^^^^"),
        (
            "F((INT) => INT) -> INT",
            "error: a function in Python cannot take LAMBDA (INTEGER) => INTEGER",
            "    |   ^^^^^^^^^^^^",
        ),
        ("F(const INT) -> INT", "error: only aggregate functions have const parameters", "    |   ^^^^^^^^^"),
    ],
)
def test_declaration_that_cannot_be_is_pointed_at(signature: str, first: str, carets: str) -> None:
    lines = refused(signature)
    assert (lines[0], lines[2], len(lines)) == (first, carets, 4)


def test_python_function_must_take_the_arguments() -> None:
    assert refused("F(INT, INT) -> INT", function=lambda n: n) == [
        "error: F takes 2 arguments, but the Python function is <lambda>(n)",
        "  1 | F(INT, INT) -> INT",
        "    |  ^^^^^^^^^^^^^^^^^",
        "hint: give the function a parameter for each one of the signature, or *args",
    ]
    assert "F takes any number of arguments" in refused("F(INT...) -> INT", function=lambda n: n)[0]


def test_decorator_without_signature_says_what_it_takes() -> None:
    with pytest.raises(KsqlFunctionError, match="udf takes the signature of the function"):
        nb.udf(lambda n: n)  # type: ignore[arg-type]


# Again, and away


def test_same_signature_again_replaces_the_function(pipeline: Workspace) -> None:
    nb.udf("V(INT) -> VARCHAR")(lambda _: "first")
    assert of(pipeline, "V(N)") == ["first"]
    nb.udf("V(n INT) -> VARCHAR")(lambda _: "second")
    assert rows(pipeline, "SELECT V(N) AS X FROM S;") == [("second",)]


def test_same_name_as_another_kind_of_function_replaces_it(pipeline: Workspace) -> None:
    nb.udf("V(INT) -> INT")(lambda n: n)
    nb.udtf("V(INT) -> INT")(range)
    assert of(pipeline, "V(N)") == [0, 1, 2, 3]


def test_running_query_keeps_the_function_it_was_planned_with(pipeline: Workspace) -> None:
    nb.udf("V(INT) -> VARCHAR")(lambda _: "first")
    pipeline("CREATE STREAM O AS SELECT K, V(N) AS X FROM S;")
    put(pipeline, "s", [("k", VALUE)])
    run(pipeline)
    nb.udf("V(INT) -> VARCHAR")(lambda _: "second")
    put(pipeline, "s", [("k", VALUE)])
    run(pipeline)
    pipeline("CREATE OR REPLACE STREAM O AS SELECT K, V(N) AS X FROM S;")
    put(pipeline, "s", [("k", VALUE)])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [("first",), ("first",), ("second",)]


def test_dropped_function_is_unknown_and_queries_go_on(pipeline: Workspace) -> None:
    nb.udf("V(INT) -> INT")(lambda n: n)
    pipeline("CREATE STREAM O AS SELECT K, V(N) AS X FROM S;")
    nb.drop_function("v")
    put(pipeline, "s", [("k", VALUE)])
    run(pipeline)
    assert rows(pipeline, "SELECT X FROM O;") == [(4,)]
    with pytest.raises(StreamnbError, match="Can't find any functions with the name 'V'"):
        pipeline("SELECT V(N) AS X FROM S;")
    with pytest.raises(KsqlFunctionError, match="no function v was registered"):
        nb.drop_function("v")


# Vectorized


def test_vectorized_function_gets_and_returns_arrow_arrays(pipeline: Workspace) -> None:
    @nb.udf("PLUS(INT, INT) -> BIGINT", vectorized=True)
    def plus(left: pa.Array, right: pa.Array) -> pa.Array:
        assert isinstance(left, pa.Array)
        return pc.add(left, right)

    assert of(pipeline, "PLUS(N, 1)", {"N": 1}, {"N": 2}) == [2, 3]


def test_vectorized_function_may_return_numpy(pipeline: Workspace) -> None:
    nb.udf("ROOT(DOUBLE) -> DOUBLE", vectorized=True)(lambda a: a.to_numpy(zero_copy_only=False) ** 0.5)
    assert of(pipeline, "ROOT(N)", {"N": 4}) == [2.0]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda a: a.cast("string"), "TypeError: it returned an array of string where INTEGER is declared"),
        (lambda a: pa.array([1, 2, 3, 4, 5]), "ValueError: it returned 5 values for 1 rows"),
        (lambda a: pc.add(pc.cast(a, "float64"), 0.5), "ArrowInvalid: Float value 4.5"),
        (lambda a: 1 // 0, "ZeroDivisionError: integer division or modulo by zero"),
    ],
)
def test_vectorized_function_that_fails_is_an_error_of_the_record(
    pipeline: Workspace, function: Any, message: str
) -> None:
    nb.udf("BAD(INT) -> INT", vectorized=True)(function)
    assert of(pipeline, "BAD(N)") == [None]
    assert log(pipeline)[0].startswith(f"Error computing column X: function BAD: {message}")


def test_vectorized_function_has_a_parameter() -> None:
    assert refused("F() -> INT", vectorized=True)[0] == "error: a vectorized function has at least one parameter"


# Table functions


def test_table_function_gives_a_row_for_each_item(pipeline: Workspace) -> None:
    @nb.udtf("WORDS(VARCHAR) -> VARCHAR")
    def words(text: str | None) -> Iterator[str]:
        yield from (text or "").split()

    pipeline("CREATE STREAM O AS SELECT K, N, WORDS(T) AS X FROM S;")
    put(pipeline, "s", [("k", {"T": "a b", "N": 1}), ("k", {"T": None, "N": 2}), ("k", {"T": "c", "N": 3})])
    run(pipeline)
    assert rows(pipeline, "SELECT N, X FROM O;") == [(1, "a"), (1, "b"), (3, "c")]


def test_table_function_may_return_structs_or_nothing(pipeline: Workspace) -> None:
    nb.udtf("PAIRS(MAP<VARCHAR, INT>) -> STRUCT<K VARCHAR, V INT>")(
        lambda counts: None if counts is None else [{"K": k, "V": v} for k, v in counts.items()]
    )
    assert of(pipeline, "PAIRS(M)", VALUE, {}) == [{"K": "a", "V": 1}]


def test_record_is_dropped_where_its_table_function_raises(pipeline: Workspace) -> None:
    @nb.udtf("DOWN(INT) -> INT")
    def down(n: int) -> Iterator[int]:
        yield n
        yield 1 // n

    assert of(pipeline, "DOWN(N)", {"N": 0}, {"N": 1}) == [1, 1]
    assert log(pipeline) == [
        "Error evaluating a table function: function DOWN: ZeroDivisionError: integer division or modulo by zero"
    ]


def test_table_function_that_returns_no_rows_is_an_error_of_the_record(pipeline: Workspace) -> None:
    nb.udtf("LETTERS(VARCHAR) -> VARCHAR")(lambda text: text)
    assert of(pipeline, "LETTERS(T)") == []
    assert "it returned 'hey' (str) where STRING is declared; a table function returns an iterable" in log(pipeline)[0]


# What there is to see


def test_functions_are_listed_and_described(pipeline: Workspace) -> None:
    @nb.udf("Shout(text VARCHAR) -> VARCHAR", "SHOUT(VARCHAR, INT) -> VARCHAR")
    def shout(text: str, times: int = 1) -> str:
        """Say it
        louder.

        Not shown.
        """
        return text + "!" * times

    nb.udtf("ROWS_OF(INT) -> INT")(range)
    listed = rows(pipeline, "SHOW FUNCTIONS;")
    assert ("SHOUT", "SCALAR", "Say it louder.") in listed
    assert "ROWS_OF" in [name for name, kind, _ in listed if kind == "TABLE"]
    assert rows(pipeline, "DESCRIBE FUNCTION shout;") == [
        ("Name", "SHOUT"),
        ("Type", "SCALAR"),
        ("Author", None),
        ("Description", "Say it louder."),
        ("Form", "SHOUT(STRING text) -> STRING"),
        ("Form", "SHOUT(STRING, INTEGER) -> STRING"),
    ]
    assert rows(pipeline, "DESCRIBE FUNCTION ROWS_OF;")[-1] == ("Form", "ROWS_OF(INTEGER) -> INTEGER")


def test_function_is_known_to_pipelines_opened_before_and_after() -> None:
    with workspace() as before:
        before(SOURCE)
        nb.udf("V(INT) -> INT")(lambda n: n + 1)
        with workspace() as after:
            after(SOURCE)
            assert (of(before, "V(N)"), of(after, "V(N)")) == ([5], [5])


def test_function_in_insert_values_and_partition_by(pipeline: Workspace) -> None:
    nb.udf("LOUD(VARCHAR) -> VARCHAR")(str.upper)
    pipeline("CREATE STREAM O AS SELECT LOUD(T) AS L, N FROM S PARTITION BY LOUD(T);")
    pipeline("INSERT INTO S (K, T, N) VALUES ('k', LOUD('a'), 1);")
    run(pipeline)
    assert rows(pipeline, "SELECT L, N FROM O;") == [("A", 1)]
    assert state_of(pipeline, "CSAS_O_0") == "RUNNING"


def test_insert_of_a_value_whose_function_raises_is_refused_with_the_cause(pipeline: Workspace) -> None:
    nb.udf("INVERSE(INT) -> INT")(lambda n: 1 // n)
    with pytest.raises(StreamnbError) as caught:
        pipeline("INSERT INTO S (K, N) VALUES ('k', INVERSE(0));")
    assert caught.value.hint == "function INVERSE: ZeroDivisionError: integer division or modulo by zero"


def test_messages_use_the_name_as_it_was_written() -> None:
    nb.udf("My_Function(BIGINT) -> BIGINT")(lambda n: n)
    with pytest.raises(KsqlFunctionError, match=r"Function 'My_Function' does not accept parameters \(BOOLEAN\)"):
        default_registry().resolve("MY_FUNCTION", [BOOLEAN])


def test_functions_of_all_kinds_are_completed(pipeline: Workspace) -> None:
    nb.udf("ZZ_SCALAR(INT) -> INT")(lambda n: n)
    nb.udtf("ZZ_TABLE(INT) -> INT")(range)
    cell = "%%ksql\nSELECT ZZ_"
    found = complete(cell, len(cell), pipeline, {})
    assert found == ("ZZ_", [("ZZ_SCALAR", "function"), ("ZZ_TABLE", "table\N{NO-BREAK SPACE}function")])


@pytest.mark.parametrize("batch", [1, 2, 3, 1000])
def test_results_and_errors_do_not_depend_on_where_the_input_is_cut(batch: int) -> None:
    nb.udf("INVERSE(INT) -> DOUBLE")(lambda n: 1 / n)
    nb.udf("PLUS_ONE(INT) -> INT", vectorized=True)(lambda a: pc.add(a, 1))
    nb.udtf("DOWN(INT) -> INT")(lambda n: range(n, -1, -1))
    with workspace(max_batch_records=batch) as pipeline:
        pipeline.execute(
            SOURCE
            + "CREATE STREAM A AS SELECT K, DOWN(N) AS N FROM S;"
            + "CREATE STREAM B AS SELECT K, INVERSE(N) AS X, PLUS_ONE(N) AS Y FROM A WHERE PLUS_ONE(N) < 4;"
            + "CREATE TABLE C AS SELECT K, COUNT(X) AS X, SUM(Y) AS Y FROM B GROUP BY K;"
        )
        put(pipeline, "s", [("a", {"N": 2}), ("b", {"N": 0}), ("a", {"N": 5}), ("b", {"N": 1})])
        run(pipeline)
        assert sorted(rows(pipeline, "SELECT K, X, Y FROM C;")) == [("a", 4, 12), ("b", 1, 4)]
        assert len(log(pipeline)) == 4
