"""Parse trees of queries to the syntax tree: one method per rule of the grammar."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lark import v_args
from lark.lexer import Token
from lark.tree import Meta

from streamnb.sql import ast
from streamnb.sql.build_expressions import ExpressionBuilder, plural
from streamnb.sql.building import BuildError, name_of, span_of

__all__ = ["QueryBuilder"]

_Item = ast.SelectItem | ast.Star | ast.StructStar
_Grouping = tuple[ast.Expression, ...]


@v_args(meta=True, inline=True)
class QueryBuilder(ExpressionBuilder):
    """Build queries and their clauses. An empty clause is None."""

    def nothing(self, meta: Meta) -> None:
        return None

    def query(self, meta: Meta, first: ast.Query, *parts: Any) -> ast.Query:
        unions, ordered, emit, limit, late_partition_by = parts
        order_by, early_limit = ordered or ((), None)
        if first.partition_by and late_partition_by:
            raise BuildError("duplicate PARTITION BY", summary="PARTITION BY is written twice", span=span_of(meta))
        if early_limit is not None and limit is not None:
            raise BuildError("duplicate LIMIT", summary="LIMIT is written twice", span=span_of(meta))
        return replace(
            first,
            partition_by=first.partition_by or late_partition_by or (),
            unions=unions,
            order_by=order_by,
            emit=emit,
            limit=limit if early_limit is None else early_limit,
            span=span_of(meta),
        )

    def branch(self, meta: Meta, distinct: Token | None, *parts: Any) -> ast.Query:
        items, source, joins, window, where, group_by, partition_by, having = parts
        return ast.Query(
            items,
            source,
            joins=joins,
            window=window,
            where=where,
            group_by=group_by or (),
            partition_by=partition_by or (),
            having=having,
            distinct=distinct is not None,
            span=span_of(meta),
        )

    def unions(self, meta: Meta, *unions: ast.Union) -> tuple[ast.Union, ...]:
        return unions

    def union(self, meta: Meta, keep_all: Token | None, query: ast.Query) -> ast.Union:
        return ast.Union(query, keep_all is not None, span=span_of(meta))

    def order_by(
        self, meta: Meta, items: tuple[ast.OrderItem, ...], limit: int | None
    ) -> tuple[tuple[ast.OrderItem, ...], int | None]:
        return items, limit

    def order_items(self, meta: Meta, *items: ast.OrderItem) -> tuple[ast.OrderItem, ...]:
        return items

    def order_item(self, meta: Meta, expression: ast.Expression, descending: bool, first: bool) -> ast.OrderItem:
        return ast.OrderItem(expression, descending, first, span=span_of(meta))

    def ascending(self, meta: Meta) -> bool:
        return False

    def descending(self, meta: Meta) -> bool:
        return True

    def nulls_first(self, meta: Meta) -> bool:
        return True

    def nulls_last(self, meta: Meta) -> bool:
        return False

    def select_list(self, meta: Meta, *items: _Item) -> tuple[_Item, ...]:
        return items

    def select_item(self, meta: Meta, expression: ast.Expression, alias: Token | None) -> ast.SelectItem:
        return ast.SelectItem(expression, None if alias is None else name_of(alias), span=span_of(meta))

    def star(self, meta: Meta) -> ast.Star:
        return ast.Star(span=span_of(meta))

    def source_star(self, meta: Meta, source: Token) -> ast.Star:
        return ast.Star(name_of(source), span=span_of(meta))

    def struct_star(self, meta: Meta, base: ast.Expression) -> ast.StructStar:
        return ast.StructStar(base, span=span_of(meta))

    def source(self, meta: Meta, name: Token, alias: Token | None) -> ast.SourceRef:
        return ast.SourceRef(name_of(name), name_of(name if alias is None else alias), span=span_of(meta))

    def sub_query(self, meta: Meta, query: ast.Query, alias: Token | None) -> ast.SubQuery:
        return ast.SubQuery(query, ast.SUBQUERY_ALIAS if alias is None else name_of(alias), span=span_of(meta))

    # Joins

    def joins(self, meta: Meta, *joins: ast.Join) -> tuple[ast.Join, ...]:
        return joins

    def join(
        self,
        meta: Meta,
        kind: str,
        right: ast.SourceRef | ast.SubQuery,
        within: ast.Within | None,
        condition: ast.Expression,
    ) -> ast.Join:
        return ast.Join(kind, right, condition, within, span=span_of(meta))

    def inner(self, meta: Meta) -> str:
        return "INNER"

    def left(self, meta: Meta) -> str:
        return "LEFT"

    def right(self, meta: Meta) -> str:
        return "RIGHT"

    def full(self, meta: Meta) -> str:
        return "FULL"

    def within(self, meta: Meta, size: ast.Duration, grace: tuple[str, ast.Duration] | None) -> ast.Within:
        return ast.Within(size, size, grace and grace[1], span=span_of(meta))

    def within_both(
        self, meta: Meta, before: ast.Duration, after: ast.Duration, grace: tuple[str, ast.Duration] | None
    ) -> ast.Within:
        return ast.Within(before, after, grace and grace[1], span=span_of(meta))

    # Windows

    def named_window(self, meta: Meta, _name: Token, window: ast.Window) -> ast.Window:
        return window

    def tumbling(self, meta: Meta, size: ast.Duration, *options: tuple[str, ast.Duration]) -> ast.Window:
        return ast.Window("TUMBLING", size, span=span_of(meta), **_options(meta, options))

    def hopping(
        self, meta: Meta, size: ast.Duration, advance: ast.Duration, *options: tuple[str, ast.Duration]
    ) -> ast.Window:
        return ast.Window("HOPPING", size, advance, span=span_of(meta), **_options(meta, options))

    def session(self, meta: Meta, gap: ast.Duration, *options: tuple[str, ast.Duration]) -> ast.Window:
        return ast.Window("SESSION", gap, span=span_of(meta), **_options(meta, options))

    def retention(self, meta: Meta, duration: ast.Duration) -> tuple[str, ast.Duration]:
        return "retention", duration

    def grace(self, meta: Meta, duration: ast.Duration) -> tuple[str, ast.Duration]:
        return "grace", duration

    def duration(self, meta: Meta, amount: int, unit: str) -> ast.Duration:
        return ast.Duration(amount, unit, span=span_of(meta))

    def unit(self, meta: Meta, word: Token) -> str:
        return plural(word)

    # Grouping and limits

    def grouping(self, meta: Meta, *expressions: ast.Expression) -> _Grouping:
        return expressions

    def changes(self, meta: Meta) -> str:
        return "CHANGES"

    def final(self, meta: Meta) -> str:
        return "FINAL"

    def limit(self, meta: Meta, number: ast.Expression) -> int:
        if not isinstance(number, ast.IntegerLiteral | ast.LongLiteral):
            raise BuildError(
                "Value must be integer for command: LIMIT",
                summary="LIMIT takes a whole number",
                span=number.span,
            )
        return number.value


def _options(meta: Meta, options: tuple[tuple[str, ast.Duration], ...]) -> dict[str, ast.Duration]:
    """Collect RETENTION and GRACE PERIOD, which stand in any order, once each."""
    found = dict(options)
    if len(found) < len(options):
        raise BuildError(
            "RETENTION or GRACE PERIOD is given twice",
            summary="a window has RETENTION and GRACE PERIOD once each",
            span=span_of(meta),
        )
    return found
