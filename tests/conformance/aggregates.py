"""Aggregate functions that the public cases call and only ksqlDB's own test classes have."""

from __future__ import annotations

from typing import Any

from streamnb import udaf

__all__ = ["register_aggregates"]


def _amount(*values: Any) -> int:
    """Add numbers and the lengths of texts; null adds nothing."""
    return sum(len(v) if isinstance(v, str) else v or 0 for v in values)


class Total:
    """Adds up numbers and lengths of texts, from the amount of the constants on."""

    def __init__(self, *constants: Any) -> None:
        self.constants = constants

    def initialize(self) -> Any:
        return _amount(*self.constants)

    def aggregate(self, state: Any, *values: Any) -> Any:
        return state + _amount(*values)

    def merge(self, state: Any, other: Any) -> Any:
        return state + other - self.initialize()


class UndoableTotal(Total):
    """Adds up numbers, also those of a table."""

    def undo(self, state: Any, *values: Any) -> Any:
        return state - _amount(*values)


class DoubleTotal(Total):
    """Adds up DOUBLE numbers."""

    def initialize(self) -> float:
        return 0.0


class LateConstants(Total):
    """Adds the constants to the result, not to the state."""

    def initialize(self) -> int:
        return 0

    def map(self, state: int) -> int:
        return state + _amount(*self.constants)


class Pairs:
    """Adds up both fields of a struct."""

    def initialize(self) -> dict[str, int]:
        return {"A": 0, "B": 0}

    def aggregate(self, state: dict[str, int], value: dict[str, int] | None) -> dict[str, int]:
        return state if value is None else {name: state[name] + (value[name] or 0) for name in state}

    def merge(self, state: dict[str, int], other: dict[str, int]) -> dict[str, int]:
        return {name: state[name] + other[name] for name in state}


class Firsts:
    """Lists the first arguments of the records whose arguments are all there."""

    def initialize(self) -> list[Any]:
        return []

    def aggregate(self, state: list[Any], *values: Any) -> list[Any]:
        return state if None in values else [*state, values[0]]

    def merge(self, state: list[Any], other: list[Any]) -> list[Any]:
        return state + other


def register_aggregates() -> None:
    """Register the functions."""
    udaf("TEST_UDAF(BIGINT) -> BIGINT", "TEST_UDAF(INT) -> BIGINT")(UndoableTotal)
    udaf("TEST_UDAF(DOUBLE) -> DOUBLE")(DoubleTotal)
    udaf("TEST_UDAF(STRING, const init STRING) -> BIGINT")(Total)
    udaf("TEST_UDAF(STRUCT<A INTEGER, B INTEGER>) -> STRUCT<A INTEGER, B INTEGER>")(Pairs)
    udaf("VAR_ARG(BIGINT, STRING...) -> BIGINT")(Total)
    udaf("MID_VAR_ARG(BIGINT, STRING..., const INT, const INT) -> BIGINT")(LateConstants)
    udaf(
        "MULTI_ARG(BIGINT, STRING, const INT, const STRING...) -> BIGINT",
        "FOUR_ARG(BIGINT, STRING, STRING, STRING, const INT, const STRING...) -> BIGINT",
        "FIVE_ARG(BIGINT, STRING, STRING, STRING, INT, const INT, const STRING...) -> BIGINT",
    )(Total)
    udaf("GENERIC_VAR_ARG(A, B, C...) -> ARRAY<A>", "OBJ_COL_ARG(INT, ANY...) -> ARRAY<INT>")(Firsts)
