"""The text of expressions inside messages."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from streamnb.errors import KsqlError
from streamnb.plan.scope import Scope
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["expression_text"]


def expression_text(expression: ast.Expression, scope: Scope) -> str:
    """Write an expression as ksqlDB's messages do, with each column under the name that the scope shows for it."""
    labels: dict[str, str] = {}
    text = format_expression(_relabel(expression, scope, labels))
    for name, label in labels.items():
        text = text.replace(name, label)
    return text


def _relabel(part: Any, scope: Scope, labels: dict[str, str]) -> Any:
    """Put a plain name in the place of each column whose label is no name, and note what it stands for."""
    if isinstance(part, ast.ColumnRef):
        try:
            label = scope.resolve(part).label
        except KsqlError:
            return part
        if label == part.name:
            return replace(part, source=None)
        name = f"STREAMNB_LABEL_{len(labels)}_"
        labels[name] = label
        return replace(part, name=name, source=None)
    if isinstance(part, tuple):
        return tuple(_relabel(item, scope, labels) for item in part)
    if isinstance(part, ast.Node):
        found = {f.name: _relabel(getattr(part, f.name), scope, labels) for f in fields(part) if f.name != "span"}
        return replace(part, **found)
    return part
