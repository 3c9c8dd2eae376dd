"""Numbers, and the choice between values."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from tests.functions.calling import RAISES, Arg, case

NULL: Arg = ("NULL", None)


def i(value: int | None) -> Arg:
    return ("INT", value)


def b(value: int | None) -> Arg:
    return ("BIGINT", value)


def d(value: float | None) -> Arg:
    return ("DOUBLE", value)


def n(type_: str, value: str | None) -> Arg:
    return (f"DECIMAL({type_})", None if value is None else Decimal(value))


ONE_ARGUMENT: list[tuple[str, Arg, Any]] = [
    ("ABS", i(-3), 3),
    ("ABS", i(-(2**31)), -(2**31)),
    ("ABS", d(-3.5), 3.5),
    ("ABS", n("2,1", "-3.2"), Decimal("3.2")),
    ("ACOS", i(2), math.nan),
    ("ACOS", d(1.0), 0.0),
    ("ASIN", d(-1.5), math.nan),
    ("ATAN", d(0.0), 0.0),
    ("CBRT", i(27), 3.0),
    ("CEIL", i(3), 3),
    ("CEIL", d(-1.5), -1.0),
    ("CEIL", n("2,1", "1.1"), Decimal("2.0")),
    ("CEIL", n("2,1", "9.1"), RAISES),
    ("COS", d(0.0), 1.0),
    ("COS", d(math.inf), math.nan),
    ("COSH", i(0), 1.0),
    ("COT", i(0), math.inf),
    ("COT", d(None), None),
    ("DEGREES", d(math.pi), 180.0),
    ("EXP", i(0), 1.0),
    ("FLOOR", d(-1.5), -2.0),
    ("FLOOR", n("3,1", "-1.5"), Decimal("-2.0")),
    ("LN", i(-1), math.nan),
    ("LN", i(0), -math.inf),
    ("LN", i(1), 0.0),
    ("LOG", d(math.e), 1.0),
    ("RADIANS", i(180), math.pi),
    ("ROUND", i(7), 7),
    ("ROUND", d(1.5), 2),
    ("ROUND", d(-1.5), -1),
    ("ROUND", d(math.nan), 0),
    ("ROUND", d(1e300), 2**63 - 1),
    ("ROUND", n("4,2", "10.50"), Decimal("11")),
    ("ROUND", n("4,2", "-10.50"), Decimal("-10")),
    ("SIGN", d(-2.5), -1),
    ("SIGN", i(0), 0),
    ("SIGN", b(None), None),
    ("SIN", i(0), 0.0),
    ("SINH", i(0), 0.0),
    ("SQRT", i(16), 4.0),
    ("SQRT", i(-1), math.nan),
    ("TAN", i(0), 0.0),
    ("TANH", i(0), 0.0),
    ("TRUNC", d(-1.7), -1),
    ("TRUNC", n("4,2", "-1.70"), Decimal("-1")),
]

CASES = [
    *(case(name, arg, gives=gives) for name, arg, gives in ONE_ARGUMENT),
    case("ATAN2", d(0.0), d(1.0), gives=0.0),
    case("LOG", i(2), i(8), gives=3.0),
    case("LOG", i(1), i(8), gives=math.nan),
    case("LOG", i(15), i(0), gives=-math.inf),
    case("LOG", i(None), i(-13), gives=None),
    case("PI", gives=math.pi),
    case("POWER", i(2), i(10), gives=1024.0),
    case("POWER", d(-8.0), d(0.5), gives=math.nan),
    case("ROUND", d(0.285), i(2), gives=0.29),
    case("ROUND", d(-0.285), i(2), gives=-0.28),
    case("ROUND", d(1234.5), i(-2), gives=1200.0),
    case("ROUND", d(1e300), i(2), gives=1e300),
    case("ROUND", d(math.inf), i(2), gives=math.inf),
    case("ROUND", d(None), i(2), gives=None),
    case("ROUND", d(1.0), i(None), gives=None),
    case("ROUND", n("12,7", "-1.15"), i(1), gives=Decimal("-1.1")),
    case("ROUND", n("12,7", "155"), i(-1), gives=Decimal("160")),
    case("TRUNC", n("12,7", "1.29"), i(1), gives=Decimal("1.2")),
    case("TRUNC", d(-1.29), i(1), gives=-1.2),
    case("GREATEST", i(3), NULL, i(5), i(None), gives=5),
    case("GREATEST", n("3,1", "1.5"), n("4,3", "1.525"), gives=Decimal("1.525")),
    case("GREATEST", i(3), d(2.5), gives=3.0),
    case("LEAST", ("STRING", "b"), ("STRING", "a"), NULL, gives="a"),
    case("LEAST", i(None), i(None), gives=None),
    case("GEO_DISTANCE", d(0.0), d(0.0), d(0.0), d(180.0), gives=6371 * math.pi),
    case("GEO_DISTANCE", d(0.0), i(0), d(0.0), d(180.0), ("STRING", "miles"), gives=3959 * math.pi),
    case("GEO_DISTANCE", d(91.0), d(0.0), d(0.0), d(0.0), gives=RAISES),
    case("GEO_DISTANCE", d(1.0), d(0.0), d(0.0), d(0.0), ("STRING", "feet"), gives=RAISES),
    case("GEO_DISTANCE", d(None), d(0.0), d(0.0), d(0.0), gives=None),
    case("AS_VALUE", i(3), gives=3),
    case("COALESCE", NULL, i(None), i(2), gives=2),
    case("COALESCE", i(None), b(2**40), gives=2**40),
    case("IFNULL", ("STRING", None), ("STRING", "x"), gives="x"),
    case("NULLIF", i(3), i(3), gives=None),
    case("NULLIF", i(3), i(4), gives=3),
]
