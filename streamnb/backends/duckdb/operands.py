"""Operands of one function, of which one raises: it does so whatever the others are.

DuckDB leaves the operands behind one that is NULL for all rows of a vector unevaluated, and which vectors are that kind
depends on the rows beside a record, and on their number. What an operand is must not decide either whether ksqlDB
evaluates the next one: it does. So the operands are evaluated into a list of one struct, which takes all of them, and
a lambda hands its fields to the function.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamnb.duck import Sql, ident, join, sql
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed

__all__ = ["Part", "evaluated_all", "is_constant"]

_NAME = ident("operands")


@dataclass(frozen=True)
class Part:
    """The SQL of a node, whether it can raise, and whether it is volatile."""

    sql: Sql
    can_raise: bool = False
    volatile: bool = False


def is_constant(typed: Typed) -> bool:
    """Tell whether a node reads no column and no parameter."""
    return not any(isinstance(part, t.TypedColumn | t.TypedParam) for part in t.walk(typed))


def evaluated_all(
    operands: Sequence[Typed], parts: Sequence[Part], write: Callable[[Sequence[Sql]], Sql], raises: bool = False
) -> Sql:
    """Write a function of operands so that all of them are evaluated where one, or the function itself, can raise."""
    at = [i for i, part in enumerate(parts) if part.can_raise or not _is_plain(operands[i])]
    raising = any(part.can_raise for part in parts) and len(at) > 1
    if not raising and not (raises and at and len(parts) > 1):
        return write([part.sql for part in parts])
    taken = [part.sql for part in parts]
    fields = []
    for i in at:
        fields.append(sql("{} := {}", ident(f"o{i}"), taken[i]))
        taken[i] = ident("operands", f"o{i}")
    return sql("list_transform([struct_pack({})], lambda {}: {})[1]", join(", ", fields), _NAME, write(taken))


def _is_plain(operand: Typed) -> bool:
    """Tell whether an operand is a column, or the same for all records."""
    if isinstance(operand, t.TypedField):
        return _is_plain(operand.base)
    return isinstance(operand, t.TypedColumn | t.TypedParam) or is_constant(operand)
