"""What the WHERE of a pull query over a table may say while table scans are switched off.

Then a key must be looked up: every alternative of the condition compares each key column, once, with a constant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from streamnb.catalog import DataSource
from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.relations import column_refs
from streamnb.schema import Column
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["check_lookup"]

_MIRRORED = {"=": "=", "<>": "<>", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def check_lookup(query: ast.Query, source: DataSource, config: Mapping[str, str]) -> None:
    """Refuse keys of the wrong type, and conditions that need a table scan where these are switched off.

    Raises: KsqlError, KsqlStatementError with ksqlDB's wording.
    """
    if query.where is None or not source.is_table:
        return
    _check_in_lists(query.where, source)
    if config.get("ksql.query.pull.table.scan.enabled", "true").lower() != "false":
        return
    ranges = config.get("ksql.query.pull.range.scan.enabled", "true").lower() != "false"
    alternatives = list(_alternatives(query.where))
    for terms in alternatives:
        _check_alternative(terms, source, ranges=ranges and source.window is None and len(alternatives) == 1)


def _check_in_lists(expression: ast.Expression, source: DataSource) -> None:
    """Refuse NULL and texts among the keys of IN where the key is no text."""
    for term in _terms(expression):
        if not isinstance(term, ast.InList) or term.negated:
            continue
        column = _key(term.operand, source)
        if column is None:
            continue
        for item in term.items:
            if isinstance(item, ast.NullLiteral):
                raise KsqlStatementError(f"Primary key columns can not be NULL: ({column.name} = null)", span=item.span)
            if isinstance(item, ast.StringLiteral) and column.type.is_numeric:
                raise KsqlStatementError(
                    f"'{item.value}' can not be converted to the type of the key column: {column.name} {column.type} "
                    "KEY",
                    span=item.span,
                )


def _terms(expression: ast.Expression) -> Iterator[ast.Expression]:
    if isinstance(expression, ast.Binary) and expression.op in ("AND", "OR"):
        yield from _terms(expression.left)
        yield from _terms(expression.right)
    else:
        yield expression


def _alternatives(expression: ast.Expression) -> Iterator[list[ast.Expression]]:
    """Bring a condition into the form (a AND b) OR (c AND d): yield the terms of each alternative."""
    if isinstance(expression, ast.Binary) and expression.op == "OR":
        yield from _alternatives(expression.left)
        yield from _alternatives(expression.right)
    elif isinstance(expression, ast.Binary) and expression.op == "AND":
        for left in _alternatives(expression.left):
            for right in _alternatives(expression.right):
                yield left + right
    else:
        yield [expression]


def _check_alternative(terms: Sequence[ast.Expression], source: DataSource, *, ranges: bool) -> None:
    compared: dict[str, list[str]] = {}
    for term in terms:
        for name, op in _comparison(term, source):
            compared.setdefault(name, []).append(op)
    if any(len(ops) > 1 for ops in compared.values()):
        raise _needs_scan(
            "A comparison condition on the key column cannot be combined with other comparisons such as an IN predicate"
        )
    for term in terms:
        if not compared and isinstance(term, ast.Like) and not any(True for _ in column_refs(term)):
            raise _needs_scan("Like condition must be between strings", term)
    if not compared:
        shown = " AND ".join(format_expression(t) for t in terms)
        raise _needs_scan(f"WHERE clause missing key column for disjunct: {shown}")
    if len(compared) < len(source.schema.key):
        missing = ", ".join(c.name for c in source.schema.key if c.name not in compared)
        raise _needs_scan(
            f"Multi-column sources must specify every key in the WHERE clause. Specified: {', '.join(compared)} "
            f"Expected also: {missing}"
        )
    ops = [op for found in compared.values() for op in found]
    if "<>" in ops:
        shown = ", ".join(f"`{c.name}` {c.type} KEY" for c in source.schema.key)
        raise _needs_scan(f"Bound on key columns '[{shown}]' must currently be '='. ")
    if not ranges and any(op != "=" for op in ops):
        raise KsqlError(
            "Query requires table scan to be enabled", hint="SET 'ksql.query.pull.table.scan.enabled'='true';"
        )


def _comparison(term: ast.Expression, source: DataSource) -> Iterator[tuple[str, str]]:
    """Tell which key column a term compares with a constant, and how; nothing where it is about another column."""
    if isinstance(term, ast.InList) and not term.negated:
        column = _key(term.operand, source)
        if column is not None:
            for item in term.items:
                _check_constant(item)
            yield column.name, "="
        return
    if not isinstance(term, ast.Binary) or term.op not in _MIRRORED:
        return
    turned = (term.right, term.left, _MIRRORED[term.op])
    for side, other, op in ((term.left, term.right, term.op), turned):
        column = _key(side, source)
        if column is not None:
            _check_constant(other)
            yield column.name, op
            return
    sides = [r.name for part in (term.left, term.right) for r in column_refs(part)]
    if any(c.name in sides for c in source.schema.key):
        raise _needs_scan("A comparison must directly reference a key column.")


def _check_constant(expression: ast.Expression) -> None:
    if any(True for _ in column_refs(expression)):
        raise _needs_scan("A comparison must be between a key column and a resolvable expression.")


def _key(expression: ast.Expression, source: DataSource) -> Column | None:
    if not isinstance(expression, ast.ColumnRef):
        return None
    return next((c for c in source.schema.key if c.name == expression.name), None)


def _needs_scan(message: str, place: ast.Expression | None = None) -> KsqlStatementError:
    return KsqlStatementError(
        message,
        hint="SET 'ksql.query.pull.table.scan.enabled'='true'; lets a query read all rows.",
        span=place.span if place is not None else None,
    )
