"""Scalar functions of numbers. A value outside a function's domain gives NaN or an infinity, as Java's Math does."""

from __future__ import annotations

import decimal
import math
import re
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa

from streamnb.duck import Sql, duck_type, join, sql
from streamnb.functions.declare import Builder, Call, Function, Overload, fail, fill, in_python, in_sql, in_values
from streamnb.functions.signatures import ArgType
from streamnb.schema import Decimal, SqlType

__all__ = ["FUNCTIONS"]

_CATEGORY = "mathematical"
_NAN, _INF, _MINUS_INF = "'NaN'::DOUBLE", "'Infinity'::DOUBLE", "'-Infinity'::DOUBLE"
_LONG_MAX, _LONG_MIN = "9223372036854775807", "(-9223372036854775808)"

# Digits enough for every value of a DOUBLE written out in full.
_CONTEXT = decimal.Context(prec=700)


def _real(template: str) -> tuple[Overload, ...]:
    """Declare a function of one DOUBLE for all numeric arguments."""
    return tuple(in_sql(f"(value {t}) -> DOUBLE", template) for t in ("INT", "BIGINT", "DOUBLE"))


def _real_pair(left: str, right: str, template: str) -> tuple[Overload, ...]:
    return tuple(in_sql(f"({left} {t}, {right} {t}) -> DOUBLE", template) for t in ("INT", "BIGINT", "DOUBLE"))


def _decimal_of(args: Sequence[ArgType]) -> Decimal:
    """Find the type of a DECIMAL argument; a whole number counts as the DECIMAL that holds it."""
    first = args[0]
    if isinstance(first, Decimal):
        return first
    return Decimal(10 if str(first) == "INTEGER" else 19, 0)


def _same(args: Sequence[ArgType]) -> SqlType:
    return _decimal_of(args)


def _whole(args: Sequence[ArgType]) -> SqlType:
    """Keep the digits before the point only."""
    given = _decimal_of(args)
    return Decimal(max(given.precision - given.scale, 1), 0)


def _cast(template: str) -> Overload:
    """Declare a DECIMAL to DECIMAL function that keeps precision and scale."""

    def build(call: Call) -> Sql:
        assert call.returns is not None
        return sql("CAST({} AS {})", sql(template, call.sql(0)), duck_type(call.returns))

    return in_sql("(value DECIMAL) -> DECIMAL", build, returns=_same, can_raise=True)


def _to_whole(template: str) -> Overload:
    def build(call: Call) -> Sql:
        assert call.returns is not None
        return sql("CAST({} AS {})", sql(template, call.sql(0)), duck_type(call.returns))

    return in_sql("(value DECIMAL) -> DECIMAL", build, returns=_whole, can_raise=True)


def _absolute(type_: str, least: str) -> Overload:
    return in_sql(f"(value {type_}) -> {type_}", f"CASE WHEN {{0}} = {least} THEN {{0}} ELSE abs({{0}}) END")


def _saturated(template: str) -> str:
    """Convert a DOUBLE to BIGINT as Java does: NaN is 0, what is too large is the largest."""
    return (
        f"CASE WHEN isnan({{0}}) THEN 0 WHEN {{0}} >= 9223372036854775807 THEN {_LONG_MAX}"
        f" WHEN {{0}} <= -9223372036854775808 THEN {_LONG_MIN} ELSE CAST({template} AS BIGINT) END"
    )


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


# With a constant number of places DuckDB has all but DOUBLEs that are large, or not the nearest to a decimal text.

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


_ROUND_DOUBLE = (
    f"CASE WHEN abs({{0}} * {{power}}) >= {_SCALED_MAX} THEN {{python}}"
    f" WHEN abs({{0}} * {{power}} - floor({{0}} * {{power}}) - 0.5) >= {_APART}"
    " THEN floor({0} * {power} + 0.5) / {power}"
    " WHEN {0} = floor({0} * {finer} + 0.5) / {finer} AND abs({0} * {power}) >= 1"
    " THEN floor(floor({0} * {finer} + 0.5) / 10 + 0.5) / {power} ELSE {python} END"
)
_TRUNC_DOUBLE = (
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


def _extreme(function: str) -> tuple[Overload, ...]:
    """Declare GREATEST or LEAST, which pass over nulls."""
    types = ("INT", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")
    plain = tuple(in_sql(f"(first {t}, others {t}...) -> {t}", f"{function}({{*}})") for t in types)

    def decimals(call: Call) -> Sql:
        assert call.returns is not None
        typed = [sql("{}::{}", piece, duck_type(call.returns)) for piece in call.pieces()]
        return sql(f"{function}({{}})", join(", ", typed))

    return (*plain, in_sql("(first DECIMAL, others DECIMAL...) -> DECIMAL", decimals, can_raise=True))


def _geo_distance(unit: str) -> str:
    """Write the haversine formula; its order of operations is ksqlDB's, to the last bit."""

    def rad(degrees: str) -> str:
        return f"({degrees} / 180.0::DOUBLE * pi())"

    across = f"pow(sin({rad('({2} - {0})')} / 2), 2)"
    along = f"pow(sin({rad('({3} - {1})')} / 2), 2)"
    angle = f"2 * asin(sqrt({across} + {along} * cos({rad('{0}')}) * cos({rad('{2}')})))"
    outside = "greatest(abs({0}), abs({2})) > 90 OR greatest(abs({1}), abs({3})) > 180"
    return (
        f"CASE WHEN {' OR '.join(f'{{{i}}} IS NULL' for i in range(4))} THEN NULL"
        f" WHEN {outside} THEN {fail('invalid lat/lon values for GeoDistance', 'DOUBLE')} ELSE {angle} * {unit} END"
    )


_UNIT = (
    "CASE WHEN starts_with(lower({4}), 'k') THEN 6371::DOUBLE WHEN starts_with(lower({4}), 'm') THEN 3959::DOUBLE"
    f" WHEN {{4}} IS NOT NULL THEN {fail('GeoDistance: the unit must be km or miles', 'DOUBLE')} END"
)
_POINTS = "lat1 DOUBLE, lon1 DOUBLE, lat2 DOUBLE, lon2 DOUBLE"
_LN = f"CASE WHEN {{0}} < 0 THEN {_NAN} WHEN {{0}} = 0 THEN {_MINUS_INF} ELSE ln({{0}}) END"
_LOG = (
    f"CASE WHEN {{0}} IS NULL OR {{1}} IS NULL THEN NULL WHEN {{0}} <= 0 OR {{0}} = 1 OR {{1}} < 0 THEN {_NAN}"
    f" WHEN {{1}} = 0 THEN {_MINUS_INF} ELSE ln({{1}}) / ln({{0}}) END"
)
_ROUNDED = "floor({0}) + CASE WHEN {0} - floor({0}) >= 0.5 THEN 1 ELSE 0 END"


def _finite(name: str) -> str:
    """DuckDB refuses infinities where Java's Math gives NaN."""
    return f"CASE WHEN isfinite({{0}}::DOUBLE) THEN {name}({{0}}::DOUBLE) WHEN {{0}} IS NOT NULL THEN {_NAN} END"


def _unit_interval(name: str) -> str:
    return f"CASE WHEN abs({{0}}::DOUBLE) > 1 THEN {_NAN} ELSE {name}({{0}}) END"


def _function(name: str, doc: str, *overloads: Overload, category: str = _CATEGORY) -> Function:
    return Function(name, category, doc, overloads)


_SIGN = "CASE WHEN isnan({0}::DOUBLE) THEN 0 WHEN {0} > 0 THEN 1 WHEN {0} < 0 THEN -1 WHEN {0} = 0 THEN 0 END"
_TRUNCATED = _saturated("trunc({0})")

FUNCTIONS: tuple[Function, ...] = (
    _function(
        "ABS",
        "Returns the absolute value.",
        _absolute("INT", "-2147483648"),
        _absolute("BIGINT", _LONG_MIN),
        in_sql("(value DOUBLE) -> DOUBLE", "abs({0})"),
        in_sql("(value DECIMAL) -> DECIMAL", "abs({0})", returns=_same),
    ),
    _function("ACOS", "Returns the arc cosine, in radians.", *_real(_unit_interval("acos"))),
    _function("ASIN", "Returns the arc sine, in radians.", *_real(_unit_interval("asin"))),
    _function("ATAN", "Returns the arc tangent, in radians.", *_real("atan({0})")),
    _function("ATAN2", "Returns the angle of the point (x, y), in radians.", *_real_pair("y", "x", "atan2({0}, {1})")),
    _function("CBRT", "Returns the cube root.", *_real("cbrt({0})")),
    _function(
        "CEIL",
        "Returns the smallest whole number that is not below the value.",
        in_sql("(value INT) -> INT", "{0}"),
        in_sql("(value BIGINT) -> BIGINT", "{0}"),
        in_sql("(value DOUBLE) -> DOUBLE", "ceil({0})"),
        _cast("ceil({})"),
    ),
    _function("COS", "Returns the cosine of an angle in radians.", *_real(_finite("cos"))),
    _function("COSH", "Returns the hyperbolic cosine.", *_real("cosh({0})")),
    _function(
        "COT",
        "Returns the cotangent of an angle in radians.",
        *_real(
            f"CASE WHEN {{0}} = 0 THEN {_INF} WHEN isfinite({{0}}::DOUBLE) THEN 1 / tan({{0}})"
            f" WHEN {{0}} IS NOT NULL THEN {_NAN} END"
        ),
    ),
    _function("DEGREES", "Converts radians to degrees.", *_real("({0} * 57.29577951308232::DOUBLE)")),
    _function("EXP", "Returns Euler's number raised to a power.", *_real("exp({0})")),
    _function(
        "FLOOR",
        "Returns the largest whole number that is not above the value.",
        in_sql("(value INT) -> INT", "{0}"),
        in_sql("(value BIGINT) -> BIGINT", "{0}"),
        in_sql("(value DOUBLE) -> DOUBLE", "floor({0})"),
        _cast("floor({})"),
    ),
    _function(
        "GEO_DISTANCE",
        "Returns the distance between two points on earth given in degrees, in km or miles.",
        in_sql(f"({_POINTS}) -> DOUBLE", _geo_distance("6371::DOUBLE"), can_raise=True),
        in_sql(f"({_POINTS}, unit STRING) -> DOUBLE", _geo_distance(_UNIT), can_raise=True),
        category="other",
    ),
    _function("GREATEST", "Returns the largest of the arguments that are not null.", *_extreme("greatest")),
    _function("LEAST", "Returns the smallest of the arguments that are not null.", *_extreme("least")),
    _function("LN", "Returns the natural logarithm.", *_real(_LN)),
    _function(
        "LOG",
        "Returns the natural logarithm, or with two arguments the logarithm to a base.",
        *_real(_LN),
        *_real_pair("base", "value", _LOG),
    ),
    _function("PI", "Returns the number pi.", in_sql("() -> DOUBLE", "pi()")),
    _function("POWER", "Raises a number to a power.", *_real_pair("base", "exponent", "pow({0}, {1})")),
    _function("RADIANS", "Converts degrees to radians.", *_real("({0} * 0.017453292519943295::DOUBLE)")),
    _function(
        "RANDOM", "Returns a random number from 0 to below 1.", in_sql("() -> DOUBLE", "random()", volatile=True)
    ),
    _function(
        "ROUND",
        "Rounds to a number of decimal places (none if not given); a tie goes up.",
        in_sql("(value BIGINT) -> BIGINT", "{0}"),
        in_sql("(value INT) -> BIGINT", "{0}::BIGINT"),
        in_sql("(value DOUBLE) -> BIGINT", _saturated(_ROUNDED)),
        in_python("(value DOUBLE, places INT) -> DOUBLE", _round_double, sql_first=_double_first(_ROUND_DOUBLE)),
        _to_whole("floor({} + 0.5)"),
        in_values(
            "(value DECIMAL, places INT) -> DECIMAL",
            _round_decimal,
            returns=_same,
            can_raise=True,
            sql_first=_decimal_first(_last_digit),
        ),
    ),
    _function(
        "SIGN",
        "Returns -1, 0 or 1, the sign of a number.",
        *(in_sql(f"(value {t}) -> INT", _SIGN) for t in ("INT", "BIGINT", "DOUBLE")),
    ),
    _function("SIN", "Returns the sine of an angle in radians.", *_real(_finite("sin"))),
    _function("SINH", "Returns the hyperbolic sine.", *_real("sinh({0})")),
    _function("SQRT", "Returns the square root.", *_real(f"CASE WHEN {{0}} < 0 THEN {_NAN} ELSE sqrt({{0}}) END")),
    _function("TAN", "Returns the tangent of an angle in radians.", *_real(_finite("tan"))),
    _function("TANH", "Returns the hyperbolic tangent.", *_real("tanh({0})")),
    _function(
        "TRUNC",
        "Cuts a number to a number of decimal places (none if not given).",
        in_sql("(value BIGINT) -> BIGINT", "{0}"),
        in_sql("(value INT) -> BIGINT", "{0}::BIGINT"),
        in_sql("(value DOUBLE) -> BIGINT", _TRUNCATED),
        in_values("(value DOUBLE, places INT) -> DOUBLE", _trunc_double, sql_first=_double_first(_TRUNC_DOUBLE)),
        _to_whole("trunc({})"),
        in_values(
            "(value DECIMAL, places INT) -> DECIMAL",
            _trunc_decimal,
            returns=_same,
            can_raise=True,
            sql_first=_decimal_first(_half),
        ),
    ),
)
