"""Which values compare with which, and the conversions that comparing them needs."""

from __future__ import annotations

from streamnb import schema as s
from streamnb.errors import KsqlStatementError
from streamnb.plan.coercion import convert
from streamnb.plan.temporal import parse_timestamp, timestamp_ms
from streamnb.plan.typed import Typed, TypedLiteral
from streamnb.plan.types import as_decimal, common_type, type_name
from streamnb.schema import Array, Decimal, Map, SqlType, Struct
from streamnb.sql import ast

__all__ = ["align", "datetime_operands"]

_NAMES = {
    "=": "EQUAL",
    "<>": "NOT_EQUAL",
    "<": "LESS_THAN",
    "<=": "LESS_THAN_OR_EQUAL",
    ">": "GREATER_THAN",
    ">=": "GREATER_THAN_OR_EQUAL",
    "IS DISTINCT FROM": "IS_DISTINCT_FROM",
    "IS NOT DISTINCT FROM": "IS_NOT_DISTINCT_FROM",
}
_EQUALITIES = ("=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM")
_TEMPORAL = (s.DATE, s.TIME, s.TIMESTAMP)
_MAGIC = ("ROWTIME", "WINDOWSTART", "WINDOWEND")


def align(op: str, left: Typed, right: Typed, left_text: str, right_text: str) -> tuple[Typed, Typed]:
    """Convert two operands so that a comparison of them needs no rules.

    Raises: KsqlStatementError when ksqlDB does not compare them.
    """
    known = left.type or right.type
    if known is not None and None in (left.type, right.type) and op.startswith("IS"):
        return convert(left, known), convert(right, known)
    if left.type is None or right.type is None:
        names = ["NULL" if side.type is None else str(side.type) for side in (left, right)]
        raise KsqlStatementError(
            f"Comparison with NULL not supported: {names[0]} {op} {names[1]}",
            summary="a comparison with NULL is never true",
            hint="use IS NULL or IS NOT NULL",
        )
    target = _common(op, left.type, right.type)
    if target is None:
        raise KsqlStatementError(
            f"Cannot compare {left_text} ({type_name(left.type)}) to {right_text} ({type_name(right.type)}) "
            f"with {_NAMES[op]}.",
            summary=f"{left_text} ({type_name(left.type)}) and {right_text} ({type_name(right.type)}) "
            "cannot be compared",
            hint="convert one side with CAST",
        )
    return convert(left, target[0]), convert(right, target[1])


def _common(op: str, left: SqlType, right: SqlType) -> tuple[SqlType, SqlType] | None:
    """Find the types in which two operands are compared; None when they are not."""
    if left.is_numeric and right.is_numeric:
        return _numbers(left, right)
    if s.STRING in (left, right) and (left in _TEMPORAL or right in _TEMPORAL):
        temporal = right if left == s.STRING else left
        return temporal, temporal
    if {left, right} == {s.DATE, s.TIMESTAMP}:
        return s.TIMESTAMP, s.TIMESTAMP
    if left == right and isinstance(left, s.Primitive) and (left != s.BOOLEAN or op in _EQUALITIES):
        return left, right
    if op in _EQUALITIES and isinstance(left, Array | Map | Struct):
        both = common_type(left, right)
        return None if both is None else (both, both)
    return None


def _numbers(left: SqlType, right: SqlType) -> tuple[SqlType, SqlType]:
    """Find types for two numbers; DuckDB itself widens INTEGER to BIGINT and aligns decimals that fit 38 digits."""
    if s.DOUBLE in (left, right):
        return s.DOUBLE, s.DOUBLE
    if isinstance(left, Decimal) or isinstance(right, Decimal):
        a, b = as_decimal(left), as_decimal(right)
        digits = max(a.precision - a.scale, b.precision - b.scale) + max(a.scale, b.scale)
        if digits > 38:
            return s.DOUBLE, s.DOUBLE
    return left, right


def datetime_operands(
    left: ast.Expression, right: ast.Expression, typed_left: Typed, typed_right: Typed
) -> tuple[Typed, Typed]:
    """Read a text literal compared with ROWTIME or a window bound as a timestamp in milliseconds."""
    if _is_magic(left, typed_left):
        return typed_left, _milliseconds(typed_right)
    if _is_magic(right, typed_right):
        return _milliseconds(typed_left), typed_right
    return typed_left, typed_right


def _is_magic(expression: ast.Expression, typed: Typed) -> bool:
    return isinstance(expression, ast.ColumnRef) and expression.name in _MAGIC and typed.type == s.BIGINT


def _milliseconds(typed: Typed) -> Typed:
    if isinstance(typed, TypedLiteral) and isinstance(typed.value, str):
        return TypedLiteral(s.BIGINT, timestamp_ms(parse_timestamp(typed.value)))
    return typed
