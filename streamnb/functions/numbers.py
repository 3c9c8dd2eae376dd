"""Scalar functions of numbers. A value outside a function's domain gives NaN or an infinity, as Java's Math does."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.duck import Sql, duck_type, join, sql
from streamnb.functions.declare import Call, Function, Overload, fail, in_sql
from streamnb.functions.rounding import (
    ROUND_DECIMAL,
    ROUND_DOUBLE,
    TRUNC_DECIMAL,
    TRUNC_DOUBLE,
    decimal_of,
    same_decimal,
)
from streamnb.functions.signatures import ArgType
from streamnb.schema import Decimal, SqlType

__all__ = ["FUNCTIONS"]

_CATEGORY = "mathematical"
_NAN, _INF, _MINUS_INF = "'NaN'::DOUBLE", "'Infinity'::DOUBLE", "'-Infinity'::DOUBLE"
_LONG_MAX, _LONG_MIN = "9223372036854775807", "(-9223372036854775808)"


def _real(template: str) -> tuple[Overload, ...]:
    """Declare a function of one DOUBLE for all numeric arguments."""
    return tuple(in_sql(f"(value {t}) -> DOUBLE", template) for t in ("INT", "BIGINT", "DOUBLE"))


def _real_pair(left: str, right: str, template: str) -> tuple[Overload, ...]:
    return tuple(in_sql(f"({left} {t}, {right} {t}) -> DOUBLE", template) for t in ("INT", "BIGINT", "DOUBLE"))


def _whole(args: Sequence[ArgType]) -> SqlType:
    """Keep the digits before the point only."""
    given = decimal_of(args)
    return Decimal(max(given.precision - given.scale, 1), 0)


def _cast(template: str) -> Overload:
    """Declare a DECIMAL to DECIMAL function that keeps precision and scale."""

    def build(call: Call) -> Sql:
        assert call.returns is not None
        return sql("CAST({} AS {})", sql(template, call.sql(0)), duck_type(call.returns))

    return in_sql("(value DECIMAL) -> DECIMAL", build, returns=same_decimal, can_raise=True)


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
        in_sql("(value DECIMAL) -> DECIMAL", "abs({0})", returns=same_decimal),
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
        ROUND_DOUBLE,
        _to_whole("floor({} + 0.5)"),
        ROUND_DECIMAL,
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
        TRUNC_DOUBLE,
        _to_whole("trunc({})"),
        TRUNC_DECIMAL,
    ),
)
