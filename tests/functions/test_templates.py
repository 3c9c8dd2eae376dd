"""What a function is written as is one operand, whatever stands around it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlglot
from sqlglot import exp

from streamnb import schema as s
from streamnb.duck import Sql, ident
from streamnb.functions.declare import LambdaSql, Overload, Piece
from streamnb.functions.registry import builtin_functions, default_registry
from streamnb.functions.signatures import AnyDecimal, AnyType, ArgType, LambdaArg, LambdaType, UnitArg, UnitType, Var
from streamnb.schema import Array, Map, SqlType


def _overloads() -> Iterator[tuple[str, Overload]]:
    for function in builtin_functions().values():
        for overload in function.overloads:
            yield function.name, overload


def _concrete(type_: SqlType) -> SqlType:
    """Put types in the places of variables."""
    if isinstance(type_, Var | AnyType):
        return s.STRING
    if isinstance(type_, Array):
        return Array(_concrete(type_.element))
    if isinstance(type_, Map):
        return Map(_concrete(type_.key), _concrete(type_.value))
    return s.Decimal(9, 2) if isinstance(type_, AnyDecimal) else type_


def _argument(type_: SqlType, index: int) -> tuple[ArgType, Piece]:
    if isinstance(type_, UnitType):
        return UnitArg("DAYS"), Sql("''")
    if isinstance(type_, LambdaType):
        names = tuple(ident(f"p{i}") for i in range(len(type_.params)))
        result = _concrete(type_.result)
        return LambdaArg(len(names), result), LambdaSql(names, lambda _: Sql("true" if result == s.BOOLEAN else "'x'"))
    return _concrete(type_), ident(f"c{index}")


@pytest.mark.parametrize(("name", "overload"), list(_overloads()), ids=lambda v: v if isinstance(v, str) else v.text)
def test_a_call_is_one_operand(name: str, overload: Overload) -> None:
    types = [p.type for p in overload.signature.params]
    drawn = [_argument(type_, i) for i, type_ in enumerate(types)]

    text = default_registry().resolve(name, [a for a, _ in drawn]).render([p for _, p in drawn])

    alone = sqlglot.parse_one(text, read="duckdb")
    cast = sqlglot.parse_one(f"{text}::BLOB", read="duckdb")
    assert isinstance(cast, exp.Cast)
    assert cast.this == alone
