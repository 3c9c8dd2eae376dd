"""A selection from a sub-query that only selects, too: one statement does both.

What the inner one computes takes the place of its columns in the outer one. That is left alone where it could show:
an expression that raises leaves NULL and an entry in the processing log, a volatile one has one value for each record,
and one that is named several times would be computed as often.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.plan.logical import Filter, PlanNode, Project
from streamnb.plan.typed import Typed, TypedColumn, TypedLiteral, TypedLogical, walk
from streamnb.schema import BOOLEAN

__all__ = ["merged"]


def merged(node: Project) -> Project:
    """Put a selection from a stream and those right below it, with their conditions, into one."""
    condition, below = _condition(node.input)
    if node.is_table or not isinstance(below, Project) or not (node.names and below.names):
        return node
    below = merged(below)
    inner_condition, base = _condition(below.input)
    outer = [*node.key_exprs, *node.value_exprs, *([condition] if condition is not None else [])]
    computed = {f"k{i}": e for i, e in enumerate(below.key_exprs)} | {
        f"v{i}": e for i, e in enumerate(below.value_exprs)
    }
    if not _may_move(outer, computed):
        return node
    conditions = [_replaced(condition, computed)] if condition is not None else []
    conditions += [inner_condition] if inner_condition is not None else []
    if any(compile_expression(c).can_raise for c in conditions):
        return node
    return replace(
        node,
        input=_filtered(base, conditions),
        key_exprs=tuple(_replaced(e, computed) for e in node.key_exprs),
        value_exprs=tuple(_replaced(e, computed) for e in node.value_exprs),
    )


def _condition(node: PlanNode) -> tuple[Typed | None, PlanNode]:
    """Split a filter of a stream into its condition and what it reads."""
    return (node.predicate, node.input) if isinstance(node, Filter) and not node.is_table else (None, node)


def _may_move(outer: Iterable[Typed], computed: Mapping[str, Typed]) -> bool:
    """Tell whether nobody sees that expressions stand where their columns are named."""
    named = Counter(part.column for e in outer for part in walk(e) if isinstance(part, TypedColumn))
    for name, expression in computed.items():
        if isinstance(expression, TypedColumn | TypedLiteral):
            continue
        compiled = compile_expression(expression)
        if compiled.can_raise or compiled.volatile or named[name] > 1:
            return False
    return True


def _filtered(base: PlanNode, conditions: list[Typed]) -> PlanNode:
    if not conditions:
        return base
    condition = conditions[0]
    for further in conditions[1:]:
        condition = TypedLogical(BOOLEAN, "AND", further, condition)
    return Filter(base.keys, base.values, base.windowed, base.is_table, base, condition)


def _replaced(typed: Typed, computed: Mapping[str, Typed]) -> Typed:
    """Put expressions in the place of the columns that they compute."""
    if isinstance(typed, TypedColumn):
        return computed.get(typed.column, typed)
    changed = {f.name: _replaced_part(getattr(typed, f.name), computed) for f in fields(typed)}
    return replace(typed, **changed)


def _replaced_part(part: Any, computed: Mapping[str, Typed]) -> Any:
    if isinstance(part, Typed):
        return _replaced(part, computed)
    return tuple(_replaced_part(p, computed) for p in part) if type(part) is tuple else part
