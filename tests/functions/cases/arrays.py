"""Arrays, maps and lambdas."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.functions.calling import RAISES, Arg, case

NULL: Arg = ("NULL", None)


def a(value: list[int | None] | None) -> Arg:
    return ("ARRAY<INT>", value)


def s(value: list[str | None] | None) -> Arg:
    return ("ARRAY<STRING>", value)


def m(value: dict[str, int | None] | None) -> Arg:
    return ("MAP<STRING, INT>", value)


def i(value: int | None) -> Arg:
    return ("INT", value)


def f(template: str, result: str = "INT") -> Arg:
    return ("LAMBDA", (template, result))


def entry(key: str, value: Any) -> dict[str, Any]:
    return {"K": key, "V": value}


CASES = [
    case("ARRAY_CONCAT", a([1]), a([1, None]), gives=[1, 1, None]),
    case("ARRAY_CONCAT", a(None), a([1]), gives=[1]),
    case("ARRAY_CONCAT", a(None), a(None), gives=None),
    case("ARRAY_CONTAINS", a([1, None]), i(1), gives=True),
    case("ARRAY_CONTAINS", a([1, None]), i(None), gives=True),
    case("ARRAY_CONTAINS", a(None), i(1), gives=False),
    case("ARRAY_CONTAINS", ("ARRAY<BIGINT>", [1]), i(1), gives=True),
    case("ARRAY_DISTINCT", a([3, None, 1, 3, None]), gives=[3, None, 1]),
    case("ARRAY_DISTINCT", ("ARRAY<MAP<STRING, INT>>", [{"a": 1}, {"a": 1}]), gives=[{"a": 1}]),
    case("ARRAY_EXCEPT", a([0, 0, 1, -1]), a([1, -2]), gives=[0, -1]),
    case("ARRAY_EXCEPT", a([1]), a(None), gives=None),
    case("ARRAY_INTERSECT", a([0, 0, 1, -1]), a([1, 0]), gives=[0, 1]),
    case("ARRAY_UNION", s(["b", "a", "b"]), s(["a", "c"]), gives=["b", "a", "c"]),
    case("ARRAY_UNION", s(None), s(["a"]), gives=None),
    case("ARRAY_JOIN", ("ARRAY<BOOLEAN>", [True, None]), gives="true,null"),
    case("ARRAY_JOIN", ("ARRAY<DOUBLE>", [1e10, 0.5]), NULL, gives="1.0E100.5"),
    case("ARRAY_JOIN", ("ARRAY<DECIMAL(3,2)>", [Decimal(1)]), ("STRING", "-"), gives="1.00"),
    case("ARRAY_JOIN", s(["a", "b"]), ("STRING", "--"), gives="a--b"),
    case("ARRAY_JOIN", s([]), ("STRING", "--"), gives=""),
    case("ARRAY_LENGTH", a([1, None]), gives=2),
    case("ARRAY_MAX", a([1, None, 3]), gives=3),
    case("ARRAY_MIN", s(["b", "a", None]), gives="a"),
    case("ARRAY_MIN", a([]), gives=None),
    case("ARRAY_REMOVE", a([1, None, 2, 1]), i(1), gives=[None, 2]),
    case("ARRAY_REMOVE", a([1, None]), i(None), gives=[1]),
    case("ARRAY_SORT", a([3, None, 1]), gives=[1, 3, None]),
    case("ARRAY_SORT", a([1, None, 3]), ("STRING", "desc"), gives=[3, 1, None]),
    case("ARRAY_SORT", a([1]), ("STRING", "up"), gives=None),
    case("GENERATE_SERIES", i(1), i(3), gives=[1, 2, 3]),
    case("GENERATE_SERIES", i(3), i(1), gives=[3, 2, 1]),
    case("GENERATE_SERIES", ("BIGINT", 1), ("BIGINT", -2), i(-2), gives=[1, -1]),
    case("GENERATE_SERIES", i(1), i(3), i(0), gives=RAISES),
    case("GENERATE_SERIES", i(1), i(3), i(-1), gives=RAISES),
    case("SLICE", a([1, 2, 3]), i(2), i(3), gives=[2, 3]),
    case("SLICE", a([1, 2, 3]), i(2), i(4), gives=None),
    case("SLICE", a([1, 2, 3]), NULL, NULL, gives=[1, 2, 3]),
    case("AS_MAP", s(["a", "b", "a"]), a([1, 2, 3]), gives={"b": 2, "a": 3}),
    case("AS_MAP", s(["a", "b"]), a([1]), gives={"a": 1, "b": None}),
    case("ENTRIES", m({"b": 1, "a": None}), ("BOOLEAN", True), gives=[entry("a", None), entry("b", 1)]),
    case("ENTRIES", m({"b": 1, "a": 2}), ("BOOLEAN", False), gives=[entry("b", 1), entry("a", 2)]),
    case("MAP_KEYS", m({"b": 1, "a": 2}), gives=["b", "a"]),
    case("MAP_VALUES", m({"b": 1, "a": None}), gives=[1, None]),
    case("MAP_UNION", m({"a": 1, "b": 2}), m({"a": None}), gives={"a": None, "b": 2}),
    case("MAP_UNION", m(None), m({"a": 1}), gives={"a": 1}),
    case("FILTER", a([1, None, 5]), f("{0} > 1", "BOOLEAN"), gives=[5]),
    case("FILTER", m({"a": 1, "b": 2}), f("{1} > 1 AND {0} <> ''", "BOOLEAN"), gives={"b": 2}),
    case("TRANSFORM", a([1, None]), f("{0} + 1"), gives=[2, None]),
    case("TRANSFORM", m({"a": 1}), f("upper({0}) || {1}", "STRING"), f("{1} + 1 + 0 * len({0})"), gives={"A1": 2}),
    case("TRANSFORM", m({"a": 1, "b": 2}), f("left({0} || {1}, 0)", "STRING"), f("{1} + len({0})"), gives=RAISES),
    case("REDUCE", s(["a", None, "b"]), ("STRING", ""), f("concat({0}, {1})", "STRING"), gives="ab"),
    case("REDUCE", a([1, 2]), ("STRING", "x"), f("{0} || {1}", "STRING"), gives="x12"),
    case("REDUCE", a(None), i(7), f("{0} + {1}"), gives=7),
    case("REDUCE", a([]), i(7), f("{0} + {1}"), gives=7),
    case("REDUCE", a([1]), i(None), f("{0} + {1}"), gives=None),
    # Java's HashMap has "bb" before "a".
    case("REDUCE", m({"a": 1, "bb": 2}), i(10), f("{0} * 2 - {2} * length({1})"), gives=31),
]
