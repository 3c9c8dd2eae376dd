"""A plan as indented lines, root first."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.plan.logical import Aggregate, Filter, FlatMap, Join, PlanNode, Project, QueryPlan, Scan, children
from streamnb.plan.typed import (
    Typed,
    TypedArithmetic,
    TypedCall,
    TypedColumn,
    TypedComparison,
    TypedLiteral,
    TypedLogical,
)

__all__ = ["explain"]


def explain(plan: QueryPlan) -> list[str]:
    """Draw a plan: one line per operator, with its expressions and the types of what it yields."""
    lines = [f"result: {', '.join(map(str, (*plan.key_columns, *plan.value_columns)))}"]
    _node(plan.root, 0, lines)
    return lines


def _node(node: PlanNode, depth: int, lines: list[str]) -> None:
    kind = "table" if node.is_table else "stream"
    lines.append(f"{'  ' * depth}{_title(node)}  ({kind}; key {_types(node.keys)}; value {_types(node.values)})")
    for child in children(node):
        _node(child, depth + 1, lines)


def _types(types: tuple[object, ...]) -> str:
    return ", ".join(map(str, types)) or "none"


def _title(node: PlanNode) -> str:
    if isinstance(node, Scan):
        return f"scan {node.source.name} (topic {node.source.topic}, {node.source.value_format.name})"
    if isinstance(node, Filter):
        return f"filter {text(node.predicate)}"
    if isinstance(node, Project):
        return f"project {', '.join(map(text, (*node.key_exprs, *node.value_exprs)))}"
    if isinstance(node, FlatMap):
        return f"flat map {', '.join(f'{f.name}({_list(args)})' for f, args in node.calls)}"
    if isinstance(node, Aggregate):
        window = f" in {node.window.kind.lower()} windows of {node.window.size_ms} ms" if node.window else ""
        calls = ", ".join(f"{c.aggregate.name}({', '.join(map(text, c.args))})" for c in node.calls)
        having = f" having {text(node.having)}" if node.having is not None else ""
        return f"aggregate {calls} by {', '.join(map(text, node.group))}{window}{having}"
    assert isinstance(node, Join)
    on = f" on foreign key {text(node.foreign_key)}" if node.foreign_key is not None else ""
    within = node.window
    if within is not None:
        grace = "" if within.grace_ms is None else f", grace {within.grace_ms} ms"
        on = f" within {within.before_ms} ms before and {within.after_ms} ms after{grace}"
    return f"{node.kind.lower()} join{on}"


def _list(args: Sequence[Typed]) -> str:
    return ", ".join(map(text, args))


def text(typed: Typed) -> str:
    """Write a typed expression for people; what has no short form is shown by its kind."""
    if isinstance(typed, TypedColumn):
        return typed.label
    if isinstance(typed, TypedLiteral):
        return repr(typed.value)
    if isinstance(typed, TypedArithmetic | TypedComparison | TypedLogical):
        return f"({text(typed.left)} {typed.op} {text(typed.right)})"
    if isinstance(typed, TypedCall):
        return f"{typed.function.name}({', '.join(map(text, typed.args))})"
    return type(typed).__name__.removeprefix("Typed").lower()
