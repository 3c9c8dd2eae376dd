"""Functions that the public cases call and only ksqlDB's own test classes have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from streamnb import drop_function, udf, udtf
from streamnb.functions.registry import default_registry
from tests.conformance.aggregates import register_aggregates

__all__ = ["registered_functions"]


def _bad_int(_: int) -> int:
    raise ValueError("boom!")


def _bad_boolean(throws: bool | None) -> int:
    if throws:
        raise ValueError("You asked me to throw...")
    return 0


def _every_other() -> Callable[[str | None], str | None]:
    """Make a function that returns null on its first, third, fifth ... call."""
    calls = count(1)
    return lambda text: None if next(calls) % 2 else text


def _guarded(value: Any, run: bool | None) -> Any:
    if not run:
        raise ValueError("this branch must not run")
    return value


def _register_scalars() -> None:
    udf("TEST_UDF(INT, STRING) -> STRING")(lambda *_: "doStuffIntString")
    udf("TEST_UDF(BIGINT, STRING) -> STRING")(lambda *_: "doStuffLongString")
    udf("TEST_UDF(BIGINT, BIGINT, STRING) -> STRING")(lambda *_: "doStuffLongLongString")
    udf("TEST_UDF(BIGINT...) -> STRING")(lambda *_: "doStuffLongVarargs")
    udf("TEST_UDF(STRUCT<A STRING>) -> STRING")(lambda value: None if value is None else value["A"])
    udf("TEST_UDF() -> STRUCT<A STRING>")(lambda: {"A": "foo"})
    udf("BAD_UDF(INT) -> INT")(_bad_int)
    udf("BAD_UDF(BOOLEAN) -> INT")(_bad_boolean)
    udf("BAD_UDF(STRING) -> STRING")(_every_other())
    udf("WHENCONDITION(ret BOOLEAN, run BOOLEAN) -> BOOLEAN", "WHENRESULT(ret INT, run BOOLEAN) -> INT")(_guarded)
    udf("TOSTRUCT(STRING) -> STRUCT<A STRING>")(lambda text: {"A": text})


_TYPES = ("INT", "BIGINT", "DOUBLE", "BOOLEAN", "STRING", "DECIMAL", "STRUCT<A STRING>")


def _text(value: Any) -> str:
    """Show a value as Java does."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"Struct{{A={value['A']}}}" if isinstance(value, dict) else str(value)


def _throwing(throws: bool) -> list[bool]:
    if throws:
        raise ValueError("You asked me to throw...")
    return [throws]


def _register_tables() -> None:
    seven = ", ".join(_TYPES)
    arrays = ", ".join(f"ARRAY<{t}>" for t in _TYPES)
    maps = ", ".join(f"MAP<STRING, {t}>" for t in _TYPES)
    udtf(f"TEST_UDTF({seven}) -> STRING")(lambda *values: [_text(v) for v in values])
    udtf(f"TEST_UDTF({arrays}) -> STRING")(lambda *lists: [_text(v[0]) for v in lists])
    udtf(f"TEST_UDTF({maps}) -> STRING")(lambda *maps: [_text(next(iter(m.values()))) for m in maps])
    for type_ in _TYPES:
        result = "DECIMAL(30, 10)" if type_ == "DECIMAL" else type_
        udtf(f"TEST_UDTF({type_}) -> {result}")(lambda value: [value])
    udtf("THROWING_UDTF(BOOLEAN) -> BOOLEAN")(_throwing)


@contextmanager
def registered_functions() -> Iterator[None]:
    """Let all workspaces know the functions while the context lasts."""
    before = set(default_registry().own_names())
    _register_scalars()
    _register_tables()
    register_aggregates()
    try:
        yield
    finally:
        for name in set(default_registry().own_names()) - before:
            drop_function(name)
