"""What a function is written as is one operand, whatever stands around it."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from streamnb import schema as s
from streamnb.duck import Sql, ident, lit, sql
from streamnb.functions.declare import LambdaSql, Overload, Piece
from streamnb.functions.registry import builtin_functions, default_registry
from streamnb.functions.signatures import AnyDecimal, AnyType, ArgType, LambdaArg, LambdaType, UnitArg, UnitType, Var
from streamnb.schema import Array, Map, SqlType
from streamnb.store import Store


def _tree(store: Store, text: str) -> str:
    """Parse an expression as DuckDB does, without its places in the text."""
    tree = store.rows(sql("SELECT json_serialize_sql({})", lit(f"SELECT {text}")))[0][0]
    assert '"error":false' in tree
    return re.sub(r'"query_location(_length)?":\d+', "", tree)


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
def test_a_call_is_one_operand(store: Store, name: str, overload: Overload) -> None:
    types = [p.type for p in overload.signature.params]
    drawn = [_argument(type_, i) for i, type_ in enumerate(types)]

    text = default_registry().resolve(name, [a for a, _ in drawn]).render([p for _, p in drawn])

    around = ("{}::BLOB", "zz * {}", "{} * zz", "zz = {}", "NOT {}", "zz || {}", "{} IS NULL")
    bare, safe = ([_tree(store, c.format(form)) for c in around] for form in (text, f"({text})"))
    assert bare == safe
