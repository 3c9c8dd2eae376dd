"""Typed expressions to DuckDB SQL.

Columns appear under their bare internal names. An expression that ``can_raise`` stops the whole statement when a row
fails: ``Compiled.attempt`` makes that row's error a NULL struct. DuckDB refuses TRY() around a ``volatile`` one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from streamnb.backends.duckdb.compiler import Compiler, Part
from streamnb.backends.duckdb.hoisting import hoisted_attempt
from streamnb.duck import Sql, field_names, join, sql
from streamnb.errors import KsqlStatementError
from streamnb.functions.registry import Registry
from streamnb.plan import typed as t
from streamnb.plan.typed import Typed
from streamnb.schema import Array, Decimal, Map, SqlType, Struct
from streamnb.store import DatabaseError, Store, reason_of

__all__ = ["Compiled", "compile_expression", "compile_predicate", "evaluate_constant"]


@dataclass(frozen=True)
class Compiled:
    """DuckDB SQL of an expression, and what an operator has to know about it.

    ``attempt`` evaluates the expression to a struct that holds the value as ``v``, and is NULL where it raises; it is
    ``TRY(struct_pack(v := ...))`` only where nothing cheaper can tell an error from NULL: one failing row makes
    DuckDB evaluate its whole vector again, row by row.
    """

    sql: Sql
    can_raise: bool
    volatile: bool
    attempt: Sql


def compile_expression(typed: Typed) -> Compiled:
    """Write a typed expression as DuckDB SQL; its DuckDB type is that of ``duck_type(typed.type)``."""
    return _whole(typed, Compiler().compile(typed))


def compile_predicate(typed: Typed) -> Compiled:
    """Write a condition for WHERE, where NULL counts as false: comparisons stand bare, so that DuckDB can use them."""
    return _whole(typed, Compiler().predicate(typed))


def _whole(typed: Typed, part: Part) -> Compiled:
    if not part.can_raise or part.volatile:
        attempt = sql("struct_pack(v := {})", part.sql)
    else:
        attempt = _cheap_attempt(typed) or sql("TRY(struct_pack(v := {}))", part.sql)
    return Compiled(part.sql, part.can_raise, part.volatile, attempt)


def _cheap_attempt(typed: Typed) -> Sql | None:
    """Tell errors from NULL without TRY(): by a function that does so itself, or where the value is NULL only if an
    input is or if something failed.
    """
    attempt = Compiler().attempt(typed) if isinstance(typed, t.TypedCall) else None
    attempt = attempt or hoisted_attempt(typed)
    if attempt is not None:
        return attempt
    inputs = _inputs(typed, is_root=True)
    if inputs is None:
        return None
    safe = Compiler(safe=True)
    bare = safe.bare(typed) if isinstance(typed, t.TypedComparison) else safe.compile(typed)
    value = safe.compile(typed)
    known = [sql("{} IS NOT NULL", safe.compile(i).sql) for i in inputs if not isinstance(i, t.TypedLiteral)]
    failed = join(" AND ", [sql("{} IS NULL", bare.sql), *known])
    return sql("CASE WHEN {} THEN NULL ELSE struct_pack(v := {}) END", failed, value.sql)


def _inputs(typed: Typed, is_root: bool = False) -> list[Typed] | None:
    """List the largest parts that cannot raise, below nodes that are NULL only when an operand is or when they fail.

    None when another kind of node stands in between.
    """
    part = Compiler().compile(typed)
    if part.volatile:
        return None
    if not part.can_raise:
        return [typed]
    if isinstance(typed, t.TypedCast):
        nested = isinstance(typed.type, Array | Map | Struct) or isinstance(typed.operand.type, Array | Map | Struct)
        return None if nested else _inputs(typed.operand)
    if isinstance(typed, t.TypedArithmetic) and isinstance(typed.type, Decimal) and typed.type.precision >= 38:
        return None
    if isinstance(typed, t.TypedComparison) and (not is_root or "DISTINCT" in typed.op):
        return None
    if isinstance(typed, t.TypedArithmetic | t.TypedNegative | t.TypedConcat | t.TypedComparison):
        below = [_inputs(operand) for operand in t.children(typed)]
        return None if None in below else [i for inputs in below if inputs is not None for i in inputs]
    return None


def evaluate_constant(typed: Typed, store: Store, registry: Registry | None = None) -> Any:
    """Compute an expression without columns.

    DECIMAL gives ``Decimal``, TIMESTAMP a naive ``datetime`` in UTC, ARRAY a list, MAP and STRUCT a dict.
    Raises: KsqlStatementError when it fails.
    """
    if isinstance(typed, t.TypedLiteral):
        return typed.value
    if registry is not None:
        registry.install(store)
    compiled = compile_expression(typed)
    try:
        value = store.rows(sql("SELECT {}", compiled.sql))[0][0]
    except DatabaseError as error:
        reason = reason_of(error)
        raise KsqlStatementError(
            f"Failed to evaluate the expression: {reason}", summary="the constant cannot be computed", hint=reason
        ) from error
    return _named(value, typed.type)


def _named(value: Any, type_: SqlType | None) -> Any:
    """Give the fields of structs the names that SQL knows them by."""
    if value is None:
        return None
    if isinstance(type_, Struct):
        names = zip(type_.fields, field_names(type_), strict=True)
        return {f.name: _named(value[name], f.type) for f, name in names}
    if isinstance(type_, Array):
        return [_named(item, type_.element) for item in value]
    if isinstance(type_, Map):
        return {key: _named(item, type_.value) for key, item in value.items()}
    return value
