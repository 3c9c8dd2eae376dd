"""Calls a function on a store as a query does, for the tables of cases."""

from __future__ import annotations

import datetime
import decimal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.functions.declare import LambdaSql, Piece
from streamnb.functions.registry import Registry
from streamnb.functions.signature_text import parse_type
from streamnb.functions.signatures import ArgType, LambdaArg, UnitArg
from streamnb.store import Store

__all__ = ["RAISES", "Arg", "Case", "arg_type", "case", "run"]

Arg = tuple[str, Any]
"""The type of an argument as signatures write it, and its value; type NULL is an untyped null, UNIT a time unit.

A lambda is ``("LAMBDA", (template, type of its body))``, the parameters being ``{0}``, ``{1}``, ...
"""

RAISES = object()
"""What a case expects of a call that makes an error of its row."""


@dataclass(frozen=True)
class Case:
    """A call and what it gives; ``constants`` are the arguments written into the SQL instead of a column."""

    name: str
    args: tuple[Arg, ...]
    gives: Any
    constants: Mapping[int, Sql] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{v!r}' for _, v in self.args)})"


def case(name: str, *args: Arg, gives: Any) -> list[Case]:
    """Make the case with all arguments in columns, and the one with its texts and numbers as constants."""
    constants = {
        i: value_sql(value)
        for i, (type_, value) in enumerate(args)
        if type_ in ("STRING", "INT", "BIGINT") and value is not None and i > 0
    }
    plain = Case(name, args, gives)
    return [plain, Case(name, args, gives, constants)] if constants else [plain]


def value_sql(value: Any) -> Sql:
    """Write a Python value as a DuckDB literal, nested ones too."""
    if isinstance(value, list):
        return sql("[{}]", join(", ", [value_sql(v) for v in value]))
    if isinstance(value, dict):
        keys, values = [value_sql(k) for k in value], [value_sql(v) for v in value.values()]
        return sql("MAP([{}], [{}])", join(", ", keys), join(", ", values))
    if isinstance(value, datetime.date | datetime.time):
        return lit(str(value))
    if value is None or isinstance(value, str | bytes | bool | int | float | decimal.Decimal):
        return lit(value)
    raise TypeError(f"no literal for {value!r}")


def arg_type(type_: str, value: Any = None) -> ArgType:
    """Read the type of an argument."""
    if type_ == "NULL":
        return None
    if type_ == "UNIT":
        return UnitArg(value)
    if type_ == "LAMBDA":
        template, result = value
        return LambdaArg(_parameters(template), parse_type(result))
    return parse_type(type_)


def run(store: Store, registry: Registry, given: Case) -> Any:
    """Resolve a call, run it on a row, and return its value, or RAISES."""
    resolved = registry.resolve(given.name, [arg_type(t, v) for t, v in given.args])
    columns: list[Sql] = [Sql("1 AS none")]
    pieces: list[Piece] = []
    for i, ((type_, value), target) in enumerate(zip(given.args, resolved.param_types, strict=True)):
        if type_ == "LAMBDA":
            pieces.append(_lambda(i, value[0]))
            continue
        literal = lit(None) if type_ == "UNIT" else value_sql(value)
        typed = literal if target is None else sql("CAST({} AS {})", literal, duck_type(target))
        columns.append(sql("{} AS {}", typed, ident(f"c{i}")))
        pieces.append(given.constants.get(i, ident(f"c{i}")))
    rendered = resolved.render(pieces)
    registry.install(store)
    tried = sql("struct_pack(v := {})" if resolved.volatile else "TRY(struct_pack(v := {}))", rendered)
    found = store.rows(sql("SELECT {} FROM (SELECT {})", tried, join(", ", columns)))[0][0]
    return RAISES if found is None else found["v"]


def _lambda(index: int, template: str) -> LambdaSql:
    names = tuple(ident(f"p{index}_{n}") for n in range(_parameters(template)))
    return LambdaSql(names, lambda parts: sql(template, *parts))


def _parameters(template: str) -> int:
    return max(i + 1 for i in range(3) if f"{{{i}}}" in template)
