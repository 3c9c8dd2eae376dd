"""Functions that the public cases call and only ksqlDB's own test classes have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from streamnb.functions.aggregate import register_aggregate, unregister_aggregate
from streamnb.functions.registry import default_registry
from tests.conformance.aggregates import TEST_AGGREGATES

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


def _scalars() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    yield "TEST_UDF", "(INT, STRING) -> STRING", lambda *_: "doStuffIntString"
    yield "TEST_UDF", "(BIGINT, STRING) -> STRING", lambda *_: "doStuffLongString"
    yield "TEST_UDF", "(BIGINT, BIGINT, STRING) -> STRING", lambda *_: "doStuffLongLongString"
    yield "TEST_UDF", "(BIGINT...) -> STRING", lambda *_: "doStuffLongVarargs"
    yield "TEST_UDF", "(STRUCT<A STRING>) -> STRING", lambda value: None if value is None else value["A"]
    yield "TEST_UDF", "() -> STRUCT<A STRING>", lambda: {"A": "foo"}
    yield "BAD_UDF", "(INT) -> INT", _bad_int
    yield "BAD_UDF", "(BOOLEAN) -> INT", _bad_boolean
    yield "BAD_UDF", "(STRING) -> STRING", _every_other()
    yield "WHENCONDITION", "(BOOLEAN, BOOLEAN) -> BOOLEAN", _guarded
    yield "WHENRESULT", "(INT, BOOLEAN) -> INT", _guarded
    yield "TOSTRUCT", "(STRING) -> STRUCT<A STRING>", lambda text: {"A": text}


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


def _tables() -> Iterator[tuple[str, str, Callable[..., Any]]]:
    seven = ", ".join(_TYPES)
    arrays = ", ".join(f"ARRAY<{t}>" for t in _TYPES)
    maps = ", ".join(f"MAP<STRING, {t}>" for t in _TYPES)
    yield "TEST_UDTF", f"({seven}) -> ARRAY<STRING>", lambda *values: [_text(v) for v in values]
    yield "TEST_UDTF", f"({arrays}) -> ARRAY<STRING>", lambda *lists: [_text(v[0]) for v in lists]
    yield "TEST_UDTF", f"({maps}) -> ARRAY<STRING>", lambda *maps: [_text(next(iter(m.values()))) for m in maps]
    for type_ in _TYPES:
        result = "DECIMAL(30, 10)" if type_ == "DECIMAL" else type_
        yield "TEST_UDTF", f"({type_}) -> ARRAY<{result}>", lambda value: [value]
    yield "THROWING_UDTF", "(BOOLEAN) -> ARRAY<BOOLEAN>", _throwing


@contextmanager
def registered_functions() -> Iterator[None]:
    """Let all workspaces know the functions while the context lasts."""
    registry = default_registry()
    scalars, tables = list(_scalars()), list(_tables())
    for name, signature, function in scalars:
        registry.register(name, function, signature)
    for name, signature, function in tables:
        registry.register_table(name, function, signature)
    for aggregate in TEST_AGGREGATES:
        register_aggregate(aggregate)
    try:
        yield
    finally:
        for name in {name for name, _, _ in (*scalars, *tables)}:
            registry.unregister(name)
        for aggregate in TEST_AGGREGATES:
            unregister_aggregate(aggregate.name)
