"""The program's values in a SELECT over history: ``:name`` and ``{{name}}``, put into sqlglot's tree as in our own.

sqlglot knows neither form, so each is first replaced by something of the same length that it reads as one leaf:
``$name`` and ``"{name}"``. In the tree the leaves give way to literals and identifiers.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import singledispatch

from sqlglot import exp

from streamnb.errors import ParseFailedError
from streamnb.sql import ast
from streamnb.sql.bindings import BoundToken
from streamnb.sql.print_expressions import format_type
from streamnb.sql.tokens import bound_tokens

__all__ = ["Bound", "bind"]


@dataclass(frozen=True)
class Bound:
    """A text that sqlglot reads, and what its leaves stand for."""

    text: str
    values: Mapping[str, ast.Expression] = field(default_factory=dict)
    names: Mapping[str, BoundToken] = field(default_factory=dict)

    def put_into(self, tree: exp.Expr) -> None:
        """Replace the leaves of a parsed tree; the root is none. Raises: ParseFailedError where only a name stands."""
        for leaf in list(tree.find_all(exp.Placeholder)):
            value = self.values.get(leaf.name)
            if value is not None:
                _check_place(leaf, value)
                leaf.replace(_tree_of(value))
        for identifier in list(tree.find_all(exp.Identifier)):
            token = self.names.get(identifier.name) if identifier.quoted else None
            if token is not None:
                identifier.set("this", str(token))
                identifier.set("quoted", token.type == "QUOTED_NAME")


def bind(text: str, params: Mapping[str, object] | None) -> Bound:
    """Find the values and names that a SELECT asks for. Raises: ParseFailedError for one that there is not."""
    pieces: list[str] = []
    values: dict[str, ast.Expression] = {}
    names: dict[str, BoundToken] = {}
    position = 0
    for token in bound_tokens(text, params):
        start, end = token.start_pos or 0, token.end_pos or 0
        written = text[start:end]
        if token.expression is not None:
            values[written[1:]] = token.expression
            leaf = f"${written[1:]}"
        else:
            names[written[1:-1]] = token
            leaf = f'"{written[1:-1]}"'
        pieces += [text[position:start], leaf]
        position = end
    return Bound("".join([*pieces, text[position:]]), values, names)


def _check_place(leaf: exp.Placeholder, value: ast.Expression) -> None:
    problem = None
    if isinstance(leaf.parent, exp.Table):
        problem = f":{leaf.name} stands for a value; for a name write {{{{{leaf.name}}}}}"
    elif isinstance(leaf.parent, exp.In) and leaf.arg_key == "field" and not isinstance(value, ast.ArrayConstructor):
        problem = f"IN takes a list, and :{leaf.name} is none"
    if problem is not None:
        raise ParseFailedError(problem, summary=problem, span=value.span)


@singledispatch
def _tree_of(node: ast.Expression) -> exp.Expr:
    """Write a bound literal in sqlglot's words."""
    raise TypeError(f"{type(node).__name__} is no literal")


@_tree_of.register
def _(node: ast.NullLiteral) -> exp.Expr:
    return exp.null()


@_tree_of.register
def _(node: ast.BooleanLiteral) -> exp.Expr:
    return exp.true() if node.value else exp.false()


@_tree_of.register(ast.IntegerLiteral)
@_tree_of.register(ast.LongLiteral)
def _(node: ast.IntegerLiteral | ast.LongLiteral) -> exp.Expr:
    number = exp.Literal.number(str(abs(node.value)))
    return exp.Paren(this=exp.Neg(this=number)) if node.value < 0 else number


@_tree_of.register
def _(node: ast.DecimalLiteral) -> exp.Expr:
    return exp.cast(exp.Literal.string(f"{node.value:f}"), f"DECIMAL({_decimal_size(node)})")


@_tree_of.register
def _(node: ast.DoubleLiteral) -> exp.Expr:
    return exp.cast(exp.Literal.string(repr(node.value)), "DOUBLE")


@_tree_of.register
def _(node: ast.StringLiteral) -> exp.Expr:
    return exp.Literal.string(node.value)


@_tree_of.register
def _(node: ast.Cast) -> exp.Expr:
    return exp.cast(_tree_of(node.operand), format_type(node.type))


@_tree_of.register
def _(node: ast.Call) -> exp.Expr:  # TO_BYTES(digits, 'hex') is the only one
    return exp.Unhex(this=_tree_of(node.args[0]))


@_tree_of.register
def _(node: ast.ArrayConstructor) -> exp.Expr:
    return exp.Array(expressions=[_tree_of(item) for item in node.items])


@_tree_of.register
def _(node: ast.MapConstructor) -> exp.Expr:
    entries = [exp.PropertyEQ(this=_tree_of(key), expression=_tree_of(value)) for key, value in node.entries]
    return exp.ToMap(this=exp.Struct(expressions=entries))


@_tree_of.register
def _(node: ast.StructConstructor) -> exp.Expr:
    entries = [exp.PropertyEQ(this=exp.to_identifier(n, quoted=True), expression=_tree_of(v)) for n, v in node.fields]
    return exp.Struct(expressions=entries)


def _decimal_size(node: ast.DecimalLiteral) -> str:
    digits = node.value.as_tuple()
    scale = max(-int(digits.exponent), 0)
    return f"{max(len(digits.digits) + max(int(digits.exponent), 0), scale)},{scale}"
