"""Operands of one function, of which one raises: it does so whatever the others are.

DuckDB leaves the operands behind one that is NULL for all rows of a vector unevaluated, and which vectors are that kind
depends on the rows beside a record, and on their number. What an operand is must not decide either whether ksqlDB
evaluates the next one: it does. So the operands are evaluated into a list of one struct, which takes all of them, and
a lambda hands its fields to the function.

An operand that raises and is the same for all records goes the same way. DuckDB computes such constants when it plans,
as the condition of a CASE or a side of an OR, and when it binds, as a pattern or a format; no TRY() holds the error
there. What a lambda hands over is no constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from streamnb.duck import Sql, ident, join, sql
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed

__all__ = ["Part", "evaluated_all", "fails_early", "is_constant"]

_NAME = ident("operands")


@dataclass(frozen=True)
class Part:
    """The SQL of a node, whether it can raise, and whether it is volatile."""

    sql: Sql
    can_raise: bool = False
    volatile: bool = False


def is_constant(typed: Typed) -> bool:
    """Tell whether a node reads no column, and no parameter but those of lambdas within it."""
    parts = list(t.walk(typed))
    bound = {param.name for part in parts if isinstance(part, t.TypedLambda) for param in part.params}
    return not any(
        isinstance(part, t.TypedColumn) or (isinstance(part, t.TypedParam) and part.name not in bound) for part in parts
    )


def fails_early(operand: Typed, part: Part) -> bool:
    """Tell whether DuckDB may compute an operand that raises before it sees a record."""
    return part.can_raise and not part.volatile and is_constant(operand)


def evaluated_all(
    operands: Sequence[Typed], parts: Sequence[Part], write: Callable[[Sequence[Sql]], Sql], raises: bool = False
) -> Sql:
    """Write a function of operands so that all of them are evaluated where one, or the function itself, can raise."""
    at = [i for i, part in enumerate(parts) if part.can_raise or not _is_plain(operands[i])]
    raising = any(part.can_raise for part in parts) and len(at) > 1
    early = any(map(fails_early, operands, parts))
    if not raising and not early and not (raises and at and len(parts) > 1):
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
