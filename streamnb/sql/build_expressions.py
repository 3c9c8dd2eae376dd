"""Parse trees of expressions to the syntax tree: one method per rule of the grammar."""

from __future__ import annotations

from typing import Any

from lark import v_args
from lark.lexer import Token
from lark.tree import Meta

from streamnb.schema import SqlType
from streamnb.sql import ast
from streamnb.sql.bindings import BoundToken
from streamnb.sql.build_literals import LiteralBuilder, text_literal
from streamnb.sql.building import BuildError, name_of, span_of, token_span

__all__ = ["ExpressionBuilder", "plural"]

# Functions whose first argument is a bare time unit; elsewhere a unit's name is a column.
_UNIT_FUNCTIONS = frozenset(("DATEADD", "DATESUB", "TIMEADD", "TIMESUB", "TIMESTAMPADD", "TIMESTAMPSUB"))
_UNITS = frozenset(("DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"))
# In 2018 the bounds were functions.
_WINDOW_BOUNDS = frozenset(("WINDOWSTART", "WINDOWEND"))


def plural(unit: str) -> str:
    """Write a time unit in upper case and plural."""
    unit = unit.upper()
    return unit if unit.endswith("S") else unit + "S"


@v_args(meta=True, inline=True)
class ExpressionBuilder(LiteralBuilder):
    """Build expressions."""

    # Operators

    def or_(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("OR", left, right, span=span_of(meta))

    def and_(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("AND", left, right, span=span_of(meta))

    def not_(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("NOT", operand, span=span_of(meta))

    def compare_op(self, meta: Meta, op: Token) -> str:
        return "<>" if op == "!=" else str(op)

    def compare(self, meta: Meta, left: ast.Expression, op: str, right: ast.Expression) -> ast.Binary:
        return ast.Binary(op, left, right, span=span_of(meta))

    def is_null(self, meta: Meta, operand: ast.Expression, negated: Token | None) -> ast.IsNull:
        return ast.IsNull(operand, negated is not None, span=span_of(meta))

    def is_distinct(self, meta: Meta, left: ast.Expression, negated: Token | None, right: ast.Expression) -> ast.Binary:
        op = "IS DISTINCT FROM" if negated is None else "IS NOT DISTINCT FROM"
        return ast.Binary(op, left, right, span=span_of(meta))

    def between(
        self, meta: Meta, operand: ast.Expression, negated: Token | None, low: ast.Expression, high: ast.Expression
    ) -> ast.Between:
        return ast.Between(operand, low, high, negated is not None, span=span_of(meta))

    def in_list(self, meta: Meta, operand: ast.Expression, negated: Token | None, *items: ast.Expression) -> ast.InList:
        return ast.InList(operand, items, negated is not None, span=span_of(meta))

    def in_bound(self, meta: Meta, operand: ast.Expression, negated: Token | None, token: BoundToken) -> ast.InList:
        if not isinstance(token.expression, ast.ArrayConstructor):
            raise BuildError(
                f"IN takes a list, and {token} is none",
                summary=f"IN takes a list, and {token} is none",
                hint=f"write IN ({token}), or bind a list",
                span=token_span(token),
            )
        return ast.InList(operand, token.expression.items, negated is not None, span=span_of(meta))

    def like(
        self, meta: Meta, operand: ast.Expression, negated: Token | None, pattern: ast.Expression, escape: Token | None
    ) -> ast.Like:
        if escape is not None and len(escape) != 1:
            raise BuildError(
                f"Expected exactly one character in ESCAPE but got: {escape}",
                summary="ESCAPE takes exactly one character",
                span=span_of(meta),
            )
        character = None if escape is None else str(escape)
        return ast.Like(operand, pattern, character, negated is not None, span=span_of(meta))

    def concat(self, meta: Meta, left: ast.Expression, right: ast.Expression) -> ast.Binary:
        return ast.Binary("||", left, right, span=span_of(meta))

    def arithmetic(self, meta: Meta, left: ast.Expression, op: Token, right: ast.Expression) -> ast.Binary:
        return ast.Binary(str(op), left, right, span=span_of(meta))

    def negate(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("-", operand, span=span_of(meta))

    def plus(self, meta: Meta, operand: ast.Expression) -> ast.Unary:
        return ast.Unary("+", operand, span=span_of(meta))

    def at_time_zone(self, meta: Meta, operand: ast.Expression, zone: Token) -> ast.AtTimeZone:
        return ast.AtTimeZone(operand, text_literal(zone), span=span_of(meta))

    def field_ref(self, meta: Meta, base: ast.Expression, name: Token) -> ast.FieldRef:
        return ast.FieldRef(base, name_of(name), span=span_of(meta))

    def subscript(self, meta: Meta, base: ast.Expression, index: ast.Expression) -> ast.Subscript:
        return ast.Subscript(base, index, span=span_of(meta))

    def paren(self, meta: Meta, inner: ast.Expression) -> ast.Expression:
        return inner

    # Primary expressions

    def column_ref(self, meta: Meta, name: Token) -> ast.ColumnRef:
        return ast.ColumnRef(name_of(name), span=span_of(meta))

    def qualified_ref(self, meta: Meta, source: Token, name: Token) -> ast.ColumnRef:
        return ast.ColumnRef(name_of(name), name_of(source), span=span_of(meta))

    def call(self, meta: Meta, name: Token, *args: ast.Expression | None) -> ast.Expression:
        function = name.upper()
        given = tuple(a for a in args if a is not None)
        if not given and function in _WINDOW_BOUNDS:
            return ast.ColumnRef(function, span=span_of(meta))
        if given and function in _UNIT_FUNCTIONS:
            given = (_as_unit(given[0]), *given[1:])
        return ast.Call(function, given, span=span_of(meta))

    def call_star(self, meta: Meta, name: Token, star: Token) -> ast.Call:
        return ast.Call(name.upper(), (ast.Star(span=token_span(star)),), span=span_of(meta))

    def lambda_one(self, meta: Meta, param: Token | ast.Expression, body: ast.Expression) -> ast.Lambda:
        name = name_of(param) if isinstance(param, Token) else _param(param)
        return ast.Lambda((name,), body, span=span_of(meta))

    def lambda_many(self, meta: Meta, *children: ast.Expression) -> ast.Lambda:
        *params, body = children
        return ast.Lambda(tuple(map(_param, params)), body, span=span_of(meta))

    def cast(self, meta: Meta, operand: ast.Expression, target: SqlType) -> ast.Cast:
        return ast.Cast(operand, target, span=span_of(meta))

    def case(self, meta: Meta, operand: ast.Expression | None, *rest: Any) -> ast.Case:
        *whens, default = rest
        return ast.Case(operand, tuple(whens), default, span=span_of(meta))

    def when(self, meta: Meta, condition: ast.Expression, result: ast.Expression) -> ast.WhenClause:
        return ast.WhenClause(condition, result, span=span_of(meta))

    def array(self, meta: Meta, *items: ast.Expression | None) -> ast.ArrayConstructor:
        return ast.ArrayConstructor(tuple(i for i in items if i is not None), span=span_of(meta))

    def map(self, meta: Meta, *entries: tuple[ast.Expression, ast.Expression] | None) -> ast.MapConstructor:
        return ast.MapConstructor(tuple(e for e in entries if e is not None), span=span_of(meta))

    def entry(self, meta: Meta, key: ast.Expression, value: ast.Expression) -> tuple[ast.Expression, ast.Expression]:
        return key, value

    def struct(self, meta: Meta, *fields: tuple[str, ast.Expression] | None) -> ast.StructConstructor:
        return ast.StructConstructor(tuple(f for f in fields if f is not None), span=span_of(meta))

    def field(self, meta: Meta, name: Token, value: ast.Expression) -> tuple[str, ast.Expression]:
        return name_of(name), value


def _as_unit(argument: ast.Expression) -> ast.Expression:
    if isinstance(argument, ast.ColumnRef) and argument.source is None and plural(argument.name) in _UNITS:
        return ast.TimeUnit(plural(argument.name), span=argument.span)
    return argument


def _param(expression: ast.Expression) -> str:
    if isinstance(expression, ast.ColumnRef) and expression.source is None:
        return expression.name
    raise BuildError(
        "Lambda function arguments must be identifiers.",
        summary="a lambda's arguments are names",
        hint="write x => ..., or (k, v) => ...",
        span=expression.span,
    )
