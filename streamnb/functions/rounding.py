"""ROUND and TRUNC to a number of places.

With a constant number DuckDB has all but DOUBLEs that are large, or not the nearest to a decimal text of few digits.
"""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from streamnb.duck import Sql, duck_type
from streamnb.functions.declare import Builder, Call, fill, in_python, in_values
from streamnb.functions.signatures import ArgType
from streamnb.schema import Decimal, SqlType

__all__ = ["ROUND_DECIMAL", "ROUND_DOUBLE", "TRUNC_DECIMAL", "TRUNC_DOUBLE", "decimal_of", "same_decimal"]

# Digits enough for every value of a DOUBLE written out in full.
_CONTEXT = decimal.Context(prec=700)


def decimal_of(args: Sequence[ArgType]) -> Decimal:
    """Find the type of a DECIMAL argument; a whole number counts as the DECIMAL that holds it."""
    first = args[0]
    if isinstance(first, Decimal):
        return first
    return Decimal(10 if str(first) == "INTEGER" else 19, 0)


def same_decimal(args: Sequence[ArgType]) -> SqlType:
    return decimal_of(args)


def _scaled(value: decimal.Decimal, places: int, mode: str) -> decimal.Decimal:
    return value.quantize(decimal.Decimal(1).scaleb(-places), rounding=mode, context=_CONTEXT)


def _half_up(value: decimal.Decimal) -> str:
    """Name the rounding that takes ties towards positive infinity."""
    return decimal.ROUND_HALF_UP if value > 0 else decimal.ROUND_HALF_DOWN


def _places(places: int) -> int:
    return max(-400, min(places, 400))


def _round_one(value: float, places: int) -> float:
    exact = decimal.Decimal(repr(value))
    return float(_scaled(exact, _places(places), _half_up(exact)))


def _round_double(values: pa.ChunkedArray, places: pa.ChunkedArray) -> pa.Array:
    """Round as if the shortest decimal text of each number were rounded.

    Where the scaled number is far from a tie and small enough to be exact, binary arithmetic gives that very result;
    the others go through decimal arithmetic one by one.
    """
    number = values.to_numpy(zero_copy_only=False).astype(np.float64)
    digits = np.nan_to_num(places.to_numpy(zero_copy_only=False).astype(np.float64))
    with np.errstate(all="ignore"):
        power = np.power(10.0, np.abs(digits))
        scaled = np.where(digits >= 0, number * power, number / power)
        nearest = np.floor(scaled + 0.5)
        out = np.where(digits >= 0, nearest / power, nearest * power)
        tie = np.abs(scaled - np.floor(scaled) - 0.5) < 1e-6
        exact = ~tie & (np.abs(scaled) < 1e9) & (np.abs(digits) <= 22)
    for i in np.flatnonzero(~exact & np.isfinite(number)):
        out[i] = _round_one(float(number[i]), int(digits[i]))
    out = np.where(np.isfinite(number), out, number)
    null = values.is_null().to_numpy() | places.is_null().to_numpy()
    return pa.array(out, pa.float64(), mask=null)


def _trunc_double(value: float, places: int) -> float:
    if not math.isfinite(value):
        return value
    return float(_scaled(decimal.Decimal(repr(value)), _places(places), decimal.ROUND_DOWN))


def _round_decimal(value: decimal.Decimal, places: int) -> decimal.Decimal:
    digits = _places(places)
    scale = -int(value.as_tuple().exponent)
    return value if digits >= scale else _scaled(_scaled(value, digits, _half_up(value)), scale, decimal.ROUND_DOWN)


def _trunc_decimal(value: decimal.Decimal, places: int) -> decimal.Decimal:
    digits = _places(places)
    scale = -int(value.as_tuple().exponent)
    if digits >= scale:
        return value
    return _scaled(_scaled(value, digits, decimal.ROUND_DOWN), scale, decimal.ROUND_DOWN)


# The same in DuckDB

_PLACES = re.compile(r"\d{1,2}\Z")
_SCALED_MAX, _APART = "1e9", "1e-6"


def _double_first(template: str) -> Builder:
    """Make the builder of a function of a DOUBLE; ``{power}`` and ``{finer}`` are what it and ten times it is."""

    def build(call: Call) -> Sql | None:
        value, places = call.pieces()
        if not _PLACES.match(places) or int(places) > 15:
            return None
        power = 10 ** int(places)
        text = template.replace("{power}", f"{power}::DOUBLE").replace("{finer}", f"{power * 10}::DOUBLE")
        return fill(text.replace("{python}", call.python), (value, places))

    return build


_ROUND = (
    f"CASE WHEN abs({{0}} * {{power}}) >= {_SCALED_MAX} THEN {{python}}"
    f" WHEN abs({{0}} * {{power}} - floor({{0}} * {{power}}) - 0.5) >= {_APART}"
    " THEN floor({0} * {power} + 0.5) / {power}"
    " WHEN {0} = floor({0} * {finer} + 0.5) / {finer} AND abs({0} * {power}) >= 1"
    " THEN floor(floor({0} * {finer} + 0.5) / 10 + 0.5) / {power} ELSE {python} END"
)
_TRUNC = (
    f"CASE WHEN abs({{0}} * {{power}}) >= {_SCALED_MAX} THEN {{python}}"
    f" WHEN abs({{0}} * {{power}} - floor({{0}} * {{power}} + 0.5)) >= {_APART}"
    " THEN trunc({0} * {power}) / {power}"
    " WHEN {0} = floor({0} * {power} + 0.5) / {power} THEN {0} ELSE {python} END"
)


def _decimal_first(shift: Callable[[int, int], str]) -> Builder:
    """Make the builder of a function of a DECIMAL: what ``shift`` adds makes DuckDB's rounding the one wanted.

    That takes ties away from zero. ``shift`` knows the scale, and the number of places.
    """

    def build(call: Call) -> Sql | None:
        (value, places), given = call.pieces(), call.types[0]
        if not _PLACES.match(places) or not isinstance(given, Decimal):
            return None
        digits = int(places)
        if digits >= given.scale:
            return value
        rounded = duck_type(Decimal(min(given.precision - given.scale + digits + 1, 38), digits))
        return fill(
            f"CAST(CAST({{0}} + ({shift(given.scale, digits)}) AS {rounded}) AS {duck_type(given)})", (value, places)
        )

    return build


def _exact(value: decimal.Decimal) -> str:
    """Write a DECIMAL as text, for a literal of more than 38 digits is a DOUBLE to DuckDB."""
    scale = -int(value.as_tuple().exponent)
    return f"CAST('{value:f}' AS DECIMAL({min(scale + 1, 38)}, {scale}))"


def _last_digit(scale: int, places: int) -> str:
    """Take negative ties up, by the least there is."""
    return f"CASE WHEN {{0}} < 0 THEN {_exact(decimal.Decimal(1).scaleb(-scale))} ELSE 0 END"


def _half(scale: int, places: int) -> str:
    """Take everything towards zero, by half of the last place."""
    half = _exact(decimal.Decimal(5).scaleb(-places - 1))
    return f"CASE WHEN {{0}} > 0 THEN -{half} WHEN {{0}} < 0 THEN {half} ELSE 0 END"


ROUND_DOUBLE = in_python("(value DOUBLE, places INT) -> DOUBLE", _round_double, sql_first=_double_first(_ROUND))
TRUNC_DOUBLE = in_values("(value DOUBLE, places INT) -> DOUBLE", _trunc_double, sql_first=_double_first(_TRUNC))
ROUND_DECIMAL = in_values(
    "(value DECIMAL, places INT) -> DECIMAL",
    _round_decimal,
    returns=same_decimal,
    can_raise=True,
    sql_first=_decimal_first(_last_digit),
)
TRUNC_DECIMAL = in_values(
    "(value DECIMAL, places INT) -> DECIMAL",
    _trunc_decimal,
    returns=same_decimal,
    can_raise=True,
    sql_first=_decimal_first(_half),
)
