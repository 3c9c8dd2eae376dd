"""Values of expressions: each over a record of values and over one of NULLs."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from streamnb import schema as s
from streamnb import udf
from streamnb.backends.duckdb.expressions import compile_expression, evaluate_constant
from streamnb.duck import ident, sql
from streamnb.errors import KsqlStatementError
from streamnb.functions.registry import default_registry
from streamnb.plan.expressions import EmptyScope, type_expression
from streamnb.plan.typed import TypedLiteral
from streamnb.sql.parser import parse_expression
from tests.backends.expression_batch import RAISED, Batch


@pytest.fixture(scope="module")
def batch() -> Iterator[Batch]:
    batch = Batch()
    yield batch
    batch.store.close()


VALUES: list[tuple[str, Any, Any]] = [
    # literals
    ("2147483647", 2147483647, 2147483647),
    ("-2147483648", -2147483648, -2147483648),
    ("-9223372036854775808", -(2**63), -(2**63)),
    ("0.30000000000000004E0", 0.30000000000000004, 0.30000000000000004),
    ("'it''s {0} \"x\"'", 'it\'s {0} "x"', 'it\'s {0} "x"'),
    # arithmetic
    ("2147483647 + I", -2147483642, None),
    ("B + 1", -(2**63), None),
    ("-B - 2", 2**63 - 1, None),
    ("B * B", 1, None),
    ("-I / 2", -3, None),
    ("-I % 2", -1, None),
    ("CAST('-2147483648' AS INT) / (I - 8)", -(2**31), None),
    ("(-9223372036854775808 + ROWTIME * 0) / (ROWTIME * 0 - 1)", -(2**63), None),
    ("B % (ROWTIME * 0 - 1)", 0, None),
    ("I / (I - 7)", RAISED, None),
    ("B % (I - 7)", RAISED, None),
    ("D / 0", float("inf"), None),
    ("D + C", 15000000010.25, None),
    ("I + C", Decimal("17.25"), None),
    ("C * C", Decimal("105.0625"), None),
    ("C / 3", Decimal("3.4166666666667"), None),
    ("-C / 3", Decimal("-3.4166666666667"), None),
    ("C % 3", Decimal("1.25"), None),
    ("C / (C - C)", RAISED, None),
    ("C % (I - 7)", RAISED, None),
    ("S + 'x'", "12x", None),
    ("S || I || F || C", "127true10.25", None),
    ("RAW || RAW", b"abab", None),
    # comparison: never NULL
    ("I = 7", True, False),
    ("I <> 7", False, False),
    ("C < 10.3", True, False),
    ("D > C", True, False),
    ("I IS DISTINCT FROM 7", False, True),
    ("I IS NOT DISTINCT FROM NULL", False, True),
    ("TS > '2020-02-03T04:05'", True, False),
    ("DAY = '2020-02-03'", True, False),
    ("CLOCK < '04:05:00.001'", True, False),
    ("DAY < TS", True, False),
    ("ROWTIME = '2019'", True, False),
    ("ROWTIME BETWEEN '2018-12-31' AND '2019-01-01T00:00:00+0000'", True, False),
    ("ROWTIME IN ('2019-01-01')", True, False),
    ("M = MAP('b' := 2, 'a' := 1)", True, False),
    ("ARRAY[M] = ARRAY[MAP('b' := 2, 'a' := 1)]", True, False),
    ("STRUCT(M := M) = STRUCT(M := MAP('b' := 2, 'a' := 1))", True, False),
    ("A = ARRAY[1, 2, NULL]", True, False),
    ("ST = STRUCT(X := 5, `x` := 'y')", True, False),
    # tests
    ("I BETWEEN 1 AND 7", True, False),
    ("I NOT BETWEEN 1 AND 6.5", True, True),
    ("I IN (1, '7.0')", True, False),
    ("I NOT IN (7, NULL)", False, True),
    ("F IN ('ye')", True, False),
    ("S IN (12, TRUE)", True, False),
    ("S LIKE '1_'", True, False),
    ("S NOT LIKE '%3%'", True, True),
    ("S || '%' LIKE '%!%' ESCAPE '!'", True, False),
    ("S LIKE S ESCAPE '2'", RAISED, False),
    ("S IS NULL", False, True),
    ("S IS NOT NULL", True, False),
    # logic: three-valued
    ("F AND I = 7", True, False),
    ("F AND TRUE", True, None),
    ("F AND FALSE", False, False),
    ("F OR TRUE", True, True),
    ("NOT F", False, None),
    ("I = 8 AND 1 / (I - 7) > 0", False, False),
    ("I = 7 OR 1 / (I - 7) > 0", True, False),
    ("I = 7 AND 1 / (I - 7) > 0", RAISED, False),
    ("F AND 1 / (I - 7) > 0", RAISED, False),
    ("F OR 1 / (I - 7) > 0", True, None),
    # CASE is lazy
    ("CASE WHEN I > 5 THEN 'big' END", "big", None),
    ("CASE WHEN I > 5 THEN 1 ELSE 1.5 END", Decimal("1.0"), Decimal("1.5")),
    ("CASE I WHEN 6 THEN 'six' WHEN 7 THEN 'seven' ELSE 'many' END", "seven", "many"),
    ("CASE WHEN I = 7 THEN 0 ELSE 1 / (I - 7) END", 0, None),
    ("CASE WHEN I = 7 THEN 1 / (I - 7) ELSE 0 END", RAISED, 0),
    # parts
    ("A[1]", 1, None),
    ("A[-2]", 2, None),
    ("A[0]", None, None),
    ("A[4]", None, None),
    ("M['b']", 2, None),
    ("M['c']", None, None),
    ("ST->X", 5, None),
    ("ST->`x`", "y", None),
    ("TS AT TIME ZONE 'Europe/Berlin'", datetime.datetime(2020, 2, 3, 5, 5, 6, 7000), None),
    ("TS AT TIME ZONE '+01:30'", datetime.datetime(2020, 2, 3, 5, 35, 6, 7000), None),
    ("TS AT TIME ZONE 'Z'", datetime.datetime(2020, 2, 3, 4, 5, 6, 7000), None),
    # constructors
    ("ARRAY[I, 1.5, NULL]", [Decimal("7.0"), Decimal("1.5"), None], [None, Decimal("1.5"), None]),
    ("ARRAY[44, 1 / (I - 7)]", [44, None], [44, None]),
    ("MAP('a' := I, S := 2, 'a' := 3)", {"a": 3, "12": 2}, {"a": 3, "null": 2}),
    ("MAP('x' := I)", {"x": 7}, {"x": None}),
    ("STRUCT(X := 1 / (I - 7), Y := S)", {"X": None, "Y": "12"}, {"X": None, "Y": None}),
    ("STRUCT(A := I, `a` := S)->`a`", "12", None),
    ("ARRAY[STRUCT(X := I), STRUCT(Y := I)]", [{"X": 7, "Y": None}, {"X": None, "Y": 7}], [{"X": None, "Y": None}] * 2),
    # calls
    ("ABS(-I)", 7, None),
    ("IFNULL(CAST(S || 'x' AS INT), -1)", -1, -1),
    ("COALESCE(1 / (I - 7), I)", 7, None),
    ("TRANSFORM(A, x => ABS(x))", [1, 2, None], None),
    ("TRANSFORM(A, x => x + I)", RAISED, None),
    ("TRANSFORM(ARRAY[1, 2], x => x * I)", [7, 14], RAISED),
    ("TRANSFORM(ARRAY[1, 2], x => TRANSFORM(ARRAY[x], y => y - x))", [[0], [0]], [[0], [0]]),
    ("FILTER(M, (k, v) => k = 'b' OR v > I)", {"b": 2}, None),
]


@pytest.mark.parametrize(("text", "value", "of_null"), VALUES, ids=[text for text, _, _ in VALUES])
def test_expression_has_the_value_ksqldb_gives_it(batch: Batch, text: str, value: Any, of_null: Any) -> None:
    assert batch.evaluate(text) == (value, of_null)


CASTS: list[tuple[str, Any]] = [
    ("CAST(B AS INT)", -1),
    ("CAST(C AS INT)", 10),
    ("CAST(-C AS BIGINT)", -10),
    ("CAST(C * 1000000000 + I AS INT)", 1660065415),
    ("CAST(D AS INT)", 2**31 - 1),
    ("CAST(-D AS INT)", -(2**31)),
    ("CAST(D * 1E10 AS BIGINT)", 2**63 - 1),
    ("CAST(D / 0 - D / 0 AS INT)", 0),
    ("CAST(-2.9E0 + 0 * D AS INT)", -2),
    ("CAST(I AS DECIMAL(2, 1))", Decimal("7.0")),
    ("CAST(I + 3 AS DECIMAL(2, 1))", RAISED),
    ("CAST(C AS DECIMAL(3, 1))", Decimal("10.3")),
    ("CAST(C * 10 AS DECIMAL(3, 1))", RAISED),
    ("CAST(1.005E0 + 0 * D AS DECIMAL(3, 2))", Decimal("1.01")),
    ("CAST(1.234E-7 + 0 * D AS DECIMAL(10, 10))", Decimal("0.0000001234")),
    ("CAST(D / 0 AS DECIMAL(3, 2))", RAISED),
    ("CAST(CAST(123456789012345.67 AS DECIMAL(17, 2)) + I - I AS DOUBLE)", 123456789012345.67),
    ("CAST(' ' || S || ' ' AS INT)", 12),
    ("CAST('-' || S AS BIGINT)", -12),
    ("CAST(S || '.0' AS INT)", RAISED),
    ("CAST(S || '0000000000' AS INT)", RAISED),
    ("CAST(S || 'e1' AS DOUBLE)", 120.0),
    ("CAST(S || '_0' AS DOUBLE)", RAISED),
    ("CAST(S || '.345' AS DECIMAL(4, 2))", Decimal("12.35")),
    ("CAST(S || '345e-3' AS DECIMAL(4, 1))", Decimal("12.3")),
    ("CAST(S || '00' AS DECIMAL(4, 2))", RAISED),
    ("CAST(S AS BOOLEAN)", False),
    ("CAST(CAST(F AS STRING) AS BOOLEAN)", True),
    ("CAST('20' || S AS TIMESTAMP)", datetime.datetime(2012, 1, 1)),
    ("CAST('2020-' || S || '-03T04:05' AS TIMESTAMP)", datetime.datetime(2020, 12, 3, 4, 5)),
    ("CAST('2020-' || S || '-03T04:05:06.7+0100' AS TIMESTAMP)", datetime.datetime(2020, 12, 3, 3, 5, 6, 700000)),
    ("CAST('2020-' || S || '-03T04:05:06.789Z' AS TIMESTAMP)", datetime.datetime(2020, 12, 3, 4, 5, 6, 789000)),
    ("CAST('2020-' || S || '-33' AS TIMESTAMP)", RAISED),
    ("CAST(S AS TIMESTAMP)", RAISED),
    ("CAST('2020-' || S AS DATE)", datetime.date(2020, 12, 1)),
    ("CAST(S AS DATE)", RAISED),
    ("CAST(S || ':34' AS TIME)", datetime.time(12, 34)),
    ("CAST(S || ':34:56.789' AS TIME)", datetime.time(12, 34, 56, 789000)),
    ("CAST(S AS TIME)", RAISED),
    ("CAST(TS AS DATE)", datetime.date(2020, 2, 3)),
    ("CAST(TS AS TIME)", datetime.time(4, 5, 6, 7000)),
    ("CAST(DAY AS TIMESTAMP)", datetime.datetime(2020, 2, 3)),
    ("CAST(TS AS STRING)", "2020-02-03T04:05:06.007"),
    ("CAST(DAY AS STRING)", "2020-02-03"),
    ("CAST(CLOCK AS STRING)", "04:05"),
    ("CAST(CAST(S || ':34:56' AS TIME) AS STRING)", "12:34:56"),
    ("CAST(CAST(S || ':34:56.7' AS TIME) AS STRING)", "12:34:56.700"),
    ("CAST(D AS STRING)", "1.5E10"),
    ("CAST(C AS STRING)", "10.25"),
    ("CAST(A AS STRING)", "[1, 2, null]"),
    ("CAST(M AS STRING)", "{a=1, b=2}"),
    ("CAST(ST AS STRING)", "Struct{X=5,x=y}"),
    ("CAST(ARRAY[D] AS STRING)", "[1.5E10]"),
    ("CAST(A AS ARRAY<STRING>)", ["1", "2", None]),
    ("CAST(ARRAY[A] AS ARRAY<ARRAY<DOUBLE>>)", [[1.0, 2.0, None]]),
    ("CAST(ARRAY[S, 'x'] AS ARRAY<INT>)", RAISED),
    ("CAST(M AS MAP<STRING, BIGINT>)", {"a": 1, "b": 2}),
    ("CAST(ST AS STRUCT<`x` STRING, Y INT>)", {"x": "y", "Y": None}),
]


@pytest.mark.parametrize(("text", "value"), CASTS, ids=[text for text, _ in CASTS])
def test_cast_converts_as_java_does(batch: Batch, text: str, value: Any) -> None:
    constant = text.startswith("CAST(ARRAY[")

    assert batch.evaluate(text)[0] == value
    assert constant or batch.evaluate(text)[1] is None


@pytest.mark.parametrize(
    "text",
    [
        "I + B",
        "I = 3",
        "F AND I > 2",
        "A[5]",
        "M['x']",
        "CAST(B AS INT)",
        "CAST(D AS STRING)",
        "I / 2",
        "B % -1",
        "C * C",
    ],
)
def test_expression_that_cannot_fail_says_so(batch: Batch, text: str) -> None:
    assert not batch.compiled(text).can_raise


@pytest.mark.parametrize("text", ["1 / I", "CAST(S AS INT)", "CAST(I AS DECIMAL(2, 1))", "F AND 1 / I > 0", "C / C"])
def test_expression_that_can_fail_says_so(batch: Batch, text: str) -> None:
    assert batch.compiled(text).can_raise


@pytest.mark.parametrize(
    "text", ["1 / I", "CAST(S AS INT) + 1", "CAST(CAST(S AS DOUBLE) AS DECIMAL(4, 2))", "1 / I > C / C"]
)
def test_common_failures_are_told_from_null_without_try(batch: Batch, text: str) -> None:
    compiled = batch.compiled(text)

    assert compiled.can_raise
    assert "TRY(" not in compiled.attempt


def test_volatile_expression_says_so_and_is_evaluated_without_try(batch: Batch) -> None:
    compiled = batch.compiled("RANDOM() + 1 / I")

    assert compiled.volatile
    assert "TRY(" not in compiled.attempt


def test_failing_row_leaves_the_others_of_its_batch_alone(batch: Batch) -> None:
    compiled = compile_expression(batch.typed("CAST(S AS INT) * CAST(S AS INT) + IFNULL(CAST(S AS INT), 0)"))
    column = next(entry.column for entry in batch.scope.entries if entry.name == "S")
    rows = sql("(SELECT CASE WHEN i = 2 THEN 'x' ELSE i::VARCHAR END AS {} FROM range(4) t(i))", ident(column))

    found = batch.store.rows(sql("SELECT {} FROM {}", compiled.attempt, rows))

    assert [row and row["v"] for (row,) in found] == [0, 2, None, 12]


@pytest.mark.parametrize("null", ["CASE WHEN I > 100 THEN I END", "COALESCE(A[3], A[3])"])
@pytest.mark.parametrize(
    "text",
    [
        "{null} + INT_FROM_BYTES(RAW)",
        "INT_FROM_BYTES(RAW) - {null}",
        "{null} = INT_FROM_BYTES(RAW)",
        "{null} BETWEEN 1 AND INT_FROM_BYTES(RAW)",
        "{null} IN (1, INT_FROM_BYTES(RAW))",
        "CAST({null} AS STRING) || FROM_BYTES(RAW, S)",
        "CAST({null} AS STRING) LIKE FROM_BYTES(RAW, S)",
        "SUBSTRING(CAST({null} AS STRING), INT_FROM_BYTES(RAW))",
        "ARRAY_CONTAINS(ARRAY[{null}], INT_FROM_BYTES(RAW))",
        "GENERATE_SERIES({null}, I, 0)",
        "TIMESTAMPADD(DAYS, CAST(B AS INT) + 2147483647, FROM_UNIXTIME(CAST({null} AS BIGINT)))",
    ],
)
def test_operand_that_raises_does_so_whatever_the_others_are(batch: Batch, text: str, null: str) -> None:
    text = text.format(null=null)
    assert (batch.evaluate(text)[0], batch.evaluate_alone(text)) == (RAISED, RAISED)


def test_predicate_keeps_the_rows_for_which_it_is_true(batch: Batch) -> None:
    assert batch.passing("I = 7 AND S LIKE '1%' AND (C BETWEEN 1 AND 20 OR F)") == [0]
    assert batch.passing("NOT (I = 7)") == [1]
    assert batch.passing("I IS NULL OR I IN (7)") == [0, 1]


def test_function_of_the_user_is_called_once_per_row_of_the_batch() -> None:
    udf("SHOUT(STRING) -> STRING")(lambda text: None if text is None else text + "!")
    batch = Batch(default_registry())

    assert batch.evaluate("SHOUT(S) || '?'") == ("12!?", None)
    batch.store.close()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 + 1", 2),
        ("'a' || 'b'", "ab"),
        ("CAST(NULL AS INT)", None),
        ("MAP('a' := ARRAY[STRUCT(X := 1, `x` := 2.50)])", {"a": [{"X": 1, "x": Decimal("2.50")}]}),
        ("STRUCT()", {}),
        ("CAST('2020-01-02T03:04:05' AS TIMESTAMP)", datetime.datetime(2020, 1, 2, 3, 4, 5)),
    ],
)
def test_constant_is_a_python_value(batch: Batch, text: str, value: Any) -> None:
    constant = type_expression(parse_expression(text), EmptyScope(), batch.env)

    assert evaluate_constant(constant, batch.store, batch.env.registry) == value


def test_constant_literal_needs_no_database(batch: Batch) -> None:
    assert evaluate_constant(TypedLiteral(s.DATE, datetime.date(2020, 1, 2)), batch.store) == datetime.date(2020, 1, 2)


def test_constant_that_fails_is_refused(batch: Batch) -> None:
    with pytest.raises(KsqlStatementError, match="Failed to evaluate the expression"):
        evaluate_constant(batch.typed("1 / 0"), batch.store)


@pytest.mark.parametrize("text", ["A[1] IN ('1e400', '1E999999999')", "C IN ('1E999999999', '10.25')"])
def test_text_of_a_number_without_bounds_is_equal_to_nothing(batch: Batch, text: str) -> None:
    assert batch.evaluate(text)[0] in (False, RAISED, True)


@pytest.mark.parametrize(
    ("opening", "inner", "closing"),
    [
        ("TRANSFORM(ARRAY[1], X => ", "X", ")[1]"),
        ("TRANSFORM(MAP('a' := 1), (K, V) => K, (K, V) => ", "V", ")['a']"),
        ("REDUCE(A, ", "0", ", (S1, X) => S1 + X)"),
        ("REDUCE(A, 0, (S1, X) => ", "S1", ")"),
        ("CASE I WHEN ", "1", " THEN 2 ELSE 3 END"),
        ("COALESCE(", "I", ", 1)"),
        ("ROUND(", "C", ", 1)"),
    ],
)
def test_expression_nested_in_itself_grows_with_its_depth_and_no_faster(
    batch: Batch, opening: str, inner: str, closing: str
) -> None:
    one, deep = (batch.compiled(opening * n + inner + closing * n).sql for n in (1, 24))

    assert len(deep) < 100 * len(one)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("CASE WHEN 1 / 0 = 1 THEN 1 ELSE 2 END", RAISED),
        ("CASE WHEN F THEN 1 WHEN CAST('x' AS INT) = 1 THEN 2 END", 1),
        ("CASE WHEN JSON_ARRAY_CONTAINS('{', 'x') THEN A ELSE A END", RAISED),
        ("CASE WHEN JSON_ARRAY_CONTAINS('[1]', 1) THEN ST->X ELSE 0 END", 5),
        ("false = ARRAY_CONTAINS(A, 9)", True),
        ("1 + JSON_ARRAY_LENGTH('{')", RAISED),
        ("NULLIF(1 / 0, I)", RAISED),
        ("NULLIF(CAST('x' AS INT), 1)", RAISED),
        ("NULLIF(1, CAST('x' AS INT))", RAISED),
        ("INITCAP(CAST(1 / 0 AS STRING))", RAISED),
        ("ARRAY_LENGTH(GENERATE_SERIES(-9223372036854775807, B))", RAISED),
        ("ARRAY_LENGTH(GENERATE_SERIES(-9223372036854775807, 2))", RAISED),
        ("1 + JSON_ARRAY_LENGTH('[1, 2]')", 3),
        ("1 / DEGREES(CAST(0.5 AS DOUBLE)) < 1", True),
        ("DATEADD(DAYS, 1, DATEADD(DAYS, 1, DAY))", datetime.date(2020, 2, 5)),
        ("CAST(TIMEADD(HOURS, 1, CLOCK) AS STRING)", "05:05"),
        ("CAST(FROM_DAYS(1) AS STRING)", "1970-01-02"),
    ],
)
def test_expression_inside_another_keeps_its_value(batch: Batch, text: str, value: Any) -> None:
    assert batch.evaluate(text)[0] == value
