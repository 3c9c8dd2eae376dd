"""Arithmetic and conversions against small models of Java's, over random values."""

from __future__ import annotations

import decimal
import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.plan.coercion import convert
from streamnb.plan.typed import Typed, TypedArithmetic, TypedCast, TypedColumn, TypedNegative
from streamnb.plan.types import arithmetic_type
from streamnb.schema import Decimal, SqlType
from streamnb.store import Store

BITS: dict[SqlType, int] = {s.INTEGER: 32, s.BIGINT: 64}
EDGES = [0, 1, -1, 2, -2, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 2**32, 10**9]
SETTINGS = settings(max_examples=60, deadline=None)


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    store = Store.open()
    yield store
    store.close()


def wrap(value: int, bits: int) -> int:
    half: int = 2 ** (bits - 1)
    return (value + half) % (2 * half) - half


def java(op: str, a: int, b: int, bits: int) -> int | None:
    """Compute with Java's int or long; None where Java throws."""
    if op in "/%" and b == 0:
        return None
    quotient = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1) if b else 0
    exact = {"+": a + b, "-": a - b, "*": a * b, "/": quotient, "%": a - b * quotient}[op]
    return wrap(exact, bits)


def java_double(value: float) -> str:
    """Write a double as Java's Double.toString does."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    if abs(value) == 5e-324:
        return "4.9E-324" if value > 0 else "-4.9E-324"
    sign, digits, exponent = decimal.Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    first, rest = digits[0], "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{first}.{rest}E{exponent + len(digits) - 1}"


def column(index: int, type_: SqlType) -> TypedColumn:
    return TypedColumn(type_, f"v{index}", f"V{index}")


def text(value: Any) -> str | None:
    if value is None:
        return None
    return f"{value:f}" if isinstance(value, decimal.Decimal) else str(value)


def evaluate(store: Store, typed: Typed, columns: list[tuple[SqlType, list[Any]]]) -> list[Any]:
    """Evaluate an expression over rows of columns v0, v1, ...; ``"raised"`` where it raises.

    Asserts that the expression's own attempt and TRY() agree.
    """
    rows = []
    for i, row in enumerate(zip(*(values for _, values in columns), strict=True)):
        cells = [sql("{}::{}", lit(text(v)), duck_type(t)) for v, (t, _) in zip(row, columns, strict=True)]
        rows.append(sql("({}, {})", lit(i), join(", ", cells)))
    names = join(", ", [ident(f"v{i}") for i in range(len(columns))])
    source = sql("(VALUES {}) t(seq, {})", join(", ", rows), names)
    compiled = compile_expression(typed)
    found = [
        store.rows(sql("SELECT {} FROM {} ORDER BY seq", tried, source))
        for tried in (compiled.attempt, sql("TRY(struct_pack(v := {}))", compiled.sql))
    ]
    assert repr(found[0]) == repr(found[1])
    return ["raised" if cell is None else cell["v"] for (cell,) in found[0]]


@SETTINGS
@given(data=st.data())
@pytest.mark.parametrize("op", ["+", "-", "*", "/", "%"])
@pytest.mark.parametrize("type_", [s.INTEGER, s.BIGINT], ids=str)
def test_integer_arithmetic_is_that_of_java(store: Store, op: str, type_: SqlType, data: st.DataObject) -> None:
    bits = BITS[type_]
    number = st.one_of(st.integers(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1), st.sampled_from(EDGES))
    pairs = data.draw(st.lists(st.tuples(number, number), min_size=1, max_size=20))
    left, right = ([wrap(n, bits) for n in side] for side in zip(*pairs, strict=True))

    found = evaluate(
        store, TypedArithmetic(type_, op, column(0, type_), column(1, type_)), [(type_, left), (type_, right)]
    )

    expected = [java(op, a, b, bits) for a, b in zip(left, right, strict=True)]
    assert found == ["raised" if e is None else e for e in expected]


@SETTINGS
@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.sampled_from([-(2**63), -(2**31), 2**31]), min_size=1))
def test_integers_narrow_and_negate_as_in_java(store: Store, numbers: list[int]) -> None:
    negated = evaluate(store, TypedNegative(s.BIGINT, column(0, s.BIGINT)), [(s.BIGINT, numbers)])
    narrowed = evaluate(store, TypedCast(s.INTEGER, column(0, s.BIGINT)), [(s.BIGINT, numbers)])

    assert negated == [wrap(-n, 64) for n in numbers]
    assert narrowed == [wrap(n, 32) for n in numbers]


@SETTINGS
@given(numbers=st.lists(st.floats(), min_size=1, max_size=20))
def test_doubles_are_written_as_java_writes_them(store: Store, numbers: list[float]) -> None:
    normal = [n for n in numbers if n == 0 or abs(n) > 1e-300 or not math.isfinite(n)]

    texts = evaluate(store, TypedCast(s.STRING, column(0, s.DOUBLE)), [(s.DOUBLE, [*normal, 1.0])])

    assert texts == [java_double(n) for n in [*normal, 1.0]]


@SETTINGS
@given(numbers=st.lists(st.floats(), min_size=1, max_size=20))
@pytest.mark.parametrize("type_", [s.INTEGER, s.BIGINT], ids=str)
def test_doubles_saturate_as_in_java(store: Store, type_: SqlType, numbers: list[float]) -> None:
    low, high = -(2 ** (BITS[type_] - 1)), 2 ** (BITS[type_] - 1) - 1

    found = evaluate(store, TypedCast(type_, column(0, s.DOUBLE)), [(s.DOUBLE, numbers)])

    clipped = [0 if math.isnan(n) else high if n >= high else low if n <= low else math.trunc(n) for n in numbers]
    assert found == clipped


def _number(precision: int, scale: int, text: str) -> tuple[Decimal, decimal.Decimal]:
    return Decimal(precision, scale), decimal.Decimal(text)


@st.composite
def decimals(draw: st.DrawFn, precision_max: int = 12) -> tuple[Decimal, decimal.Decimal]:
    precision = draw(st.integers(1, precision_max))
    scale = draw(st.integers(0, precision))
    unscaled = draw(st.integers(-(10**precision) + 1, 10**precision - 1))
    return Decimal(precision, scale), decimal.Decimal(unscaled).scaleb(-scale)


@settings(max_examples=150, deadline=None)
@given(left=decimals(), right=decimals(), op=st.sampled_from("+-*/%"))
@example(left=_number(1, 0, "0"), right=_number(10, 9, "1.000000000"), op="/")
@example(left=_number(10, 0, "1000000000"), right=_number(10, 0, "1000000000"), op="*")
@example(left=_number(18, 18, "0.999999999999999999"), right=_number(18, 18, "-0.999999999999999999"), op="*")
@example(left=_number(18, 0, "999999999999999999"), right=_number(1, 1, "0.9"), op="*")
@example(left=_number(18, 0, "999999999999999999"), right=_number(18, 0, "999999999999999999"), op="+")
@example(left=_number(12, 0, "-999999999999"), right=_number(12, 10, "99.9999999999"), op="-")
@example(left=_number(20, 10, "2.0000000000"), right=_number(30, 10, "-3.0000000000"), op="/")
def test_decimal_arithmetic_is_exact_and_rounds_half_away_from_zero(
    store: Store, left: tuple[Decimal, decimal.Decimal], right: tuple[Decimal, decimal.Decimal], op: str
) -> None:
    result = arithmetic_type(op, left[0], right[0])
    assert isinstance(result, Decimal)
    (a_type, a), (b_type, b) = left, right

    found = evaluate(
        store, TypedArithmetic(result, op, column(0, a_type), column(1, b_type)), [(a_type, [a]), (b_type, [b])]
    )

    with decimal.localcontext(decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)):
        if op in "/%" and b == 0:
            assert found == ["raised"]
            return
        exact = {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a, "%": a % b if b else a}[op]
        assert found == [exact.quantize(decimal.Decimal(1).scaleb(-result.scale))]


@SETTINGS
@given(value=decimals(18), target=decimals(18))
def test_decimal_converts_or_raises(
    store: Store, value: tuple[Decimal, decimal.Decimal], target: tuple[Decimal, decimal.Decimal]
) -> None:
    (source, number), (type_, _) = value, target

    found = evaluate(store, convert(column(0, source), type_), [(source, [number])])

    with decimal.localcontext(decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP)):
        rounded = number.quantize(decimal.Decimal(1).scaleb(-type_.scale))
    fits = abs(rounded) < decimal.Decimal(10) ** (type_.precision - type_.scale)
    assert found == [rounded if fits else "raised"]


@SETTINGS
@given(texts=st.lists(st.text("0123456789+-. eE_xbINaf\t", max_size=12), min_size=1, max_size=20))
def test_text_reads_as_a_number_where_java_reads_one(store: Store, texts: list[str]) -> None:
    def java_int(written: str) -> object:
        body = written.strip()
        digits = body[1:] if body[:1] in ("+", "-") else body
        return int(body) if digits.isdigit() and -(2**31) <= int(body) < 2**31 else "raised"

    column_sql = [Sql(f"({lit(i)}, {lit(written)})") for i, written in enumerate(texts)]
    compiled = compile_expression(TypedCast(s.INTEGER, column(0, s.STRING)))

    found = store.rows(
        sql("SELECT {} FROM (VALUES {}) t(seq, v0) ORDER BY seq", compiled.attempt, join(", ", column_sql))
    )

    assert ["raised" if cell is None else cell["v"] for (cell,) in found] == [java_int(written) for written in texts]
