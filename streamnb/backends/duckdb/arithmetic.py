"""Arithmetic as Java does it, in DuckDB SQL: integers wrap around, decimals are exact, division by zero raises."""

from __future__ import annotations

from streamnb import schema as s
from streamnb.backends.duckdb.casts import wrap_bigint, wrap_integer
from streamnb.duck import Sql, duck_type, sql
from streamnb.functions.declare import fill
from streamnb.plan.types import PRECISION_MAX, as_decimal
from streamnb.schema import Decimal, SqlType

__all__ = ["decimal_arithmetic", "integer_arithmetic", "negate"]

_SHORT = 18  # digits of a DECIMAL that DuckDB keeps in 64 bits; a product of two such ones is computed there too
_OPS = {"+": Sql("+"), "-": Sql("-"), "*": Sql("*"), "/": Sql("//"), "%": Sql("%")}


def integer_arithmetic(
    op: str, type_: SqlType, left: Sql, right: Sql, divisor: int | None = None, safe: bool = False
) -> Sql:
    """Write ``left op right`` for two INTEGERs or two BIGINTs.

    ``divisor``: the right one's value, if it is a constant other than 0. ``safe``: division by zero is NULL.
    """
    wide = Sql("BIGINT") if type_ == s.INTEGER else Sql("HUGEINT")
    wrap = wrap_integer if type_ == s.INTEGER else wrap_bigint
    if op in ("+", "-", "*"):
        return wrap(sql("({}::{} {} {})", left, wide, _OPS[op], right))
    if divisor not in (None, -1):
        return sql("({} {} {})", left, _OPS[op], right)
    by = "nullif({1}, 0)" if safe else "{1}"
    if type_ == s.INTEGER:
        value = sql(f"({{0}}::BIGINT {_OPS[op]} {by})", left, right)
        return wrap(value) if op == "/" else sql("{}::INTEGER", value)
    # the smallest BIGINT divided by -1 overflows, and 128-bit division is slow: -1 is a case of its own
    other = "0::BIGINT" if op == "%" else negate(Sql("{0}"), type_)
    return sql("({})", fill(f"CASE WHEN {{1}} = -1 THEN {other} ELSE {{0}} {_OPS[op]} {by} END", [left, right]))


def negate(value: Sql, type_: SqlType) -> Sql:
    """Write ``-value``; the smallest integer is its own negative."""
    if type_ == s.INTEGER:
        return wrap_integer(sql("(0::BIGINT - {})", value))
    if type_ == s.BIGINT:
        return wrap_bigint(sql("(0::HUGEINT - {})", value))
    return sql("(- {})", value)


def decimal_arithmetic(
    op: str, result: Decimal, left: tuple[Sql, SqlType], right: tuple[Sql, SqlType], safe: bool = False
) -> Sql:
    """Write ``left op right`` for exact numbers of which one at least is a DECIMAL; ``safe`` as for integers."""
    a, b = as_decimal(left[1]), as_decimal(right[1])
    x, y = _typed(*left), _typed(*right)
    if op == "/":
        return _divide(result, x, a, y, b, safe)
    if op == "*" and a.scale + b.scale > PRECISION_MAX:
        x, y = _narrow(x, a, result.scale // 2), _narrow(y, b, result.scale - result.scale // 2)
    elif op == "*" and max(a.precision, b.precision) <= _SHORT < a.precision + b.precision:
        x = sql("{}::{}", x, duck_type(Decimal(_SHORT + 1, a.scale)))
    if op == "%":
        scale = max(a.scale, b.scale)
        digits = max(a.precision - a.scale, b.precision - b.scale)
        common = duck_type(Decimal(min(PRECISION_MAX, digits + scale), scale))
        x, y = sql("{}::{}", x, common), sql("nullif({}::{}, 0)" if safe else "{}::{}", y, common)
    return sql("({} {} {})::{}", x, _OPS[op], y, duck_type(result))


def _typed(value: Sql, type_: SqlType) -> Sql:
    return value if isinstance(type_, Decimal) else sql("{}::{}", value, duck_type(as_decimal(type_)))


def _narrow(value: Sql, type_: Decimal, scale: int) -> Sql:
    """Round a factor, since DuckDB refuses a product of more than 38 fractional digits."""
    return sql("{}::{}", value, duck_type(Decimal(PRECISION_MAX, min(scale, type_.scale))))


def _divide(result: Decimal, x: Sql, a: Decimal, y: Sql, b: Decimal, safe: bool) -> Sql:
    """Divide unscaled integers, rounding half away from zero: DuckDB's own division of decimals is one of doubles."""
    shift = result.scale + b.scale - a.scale
    n = _unscaled("{0}", a, max(shift, 0))
    d = _unscaled("{1}", b, max(-shift, 0))
    by = f"nullif(abs({d}), 0)" if safe else f"abs({d})"
    quotient = fill(f"(abs({n}) + abs({d}) // 2) // {by} * (sign({{0}}) * sign({{1}}))::HUGEINT", [x, y])
    unit = Sql(f"'0.{1:0{result.scale}d}'::DECIMAL({result.scale}, {result.scale})")
    return sql("(({})::DECIMAL(38, 0) * {})::{}", quotient, unit, duck_type(result))


def _unscaled(name: str, type_: Decimal, shift: int) -> str:
    """Write a template for the digits of a decimal as a whole number, ``shift`` zeros behind them."""
    digits = name
    if type_.precision + type_.scale < PRECISION_MAX:  # DuckDB gives a product of short decimals 18 digits, unless told
        wide = f"DECIMAL({PRECISION_MAX}, {type_.scale})"
        digits = f"({name}::{wide} * {10**type_.scale}::DECIMAL({type_.scale + 1}, 0))" if type_.scale else name
    elif type_.scale:
        digits = f"replace({name}::VARCHAR, '.', '')"
    return f"({digits}::HUGEINT * '{10**shift}'::HUGEINT)"
