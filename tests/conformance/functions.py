"""Functions that the public cases call and only ksqlDB's own test classes have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

from streamnb.functions.registry import default_registry

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


@contextmanager
def registered_functions() -> Iterator[None]:
    """Let all workspaces know the functions while the context lasts."""
    registry = default_registry()
    names = set()
    for name, signature, function in _scalars():
        registry.register(name, function, signature)
        names.add(name)
    try:
        yield
    finally:
        for name in names:
            registry.unregister(name)
