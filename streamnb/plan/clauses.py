"""What planning a SELECT knows, and how the expressions of its clauses are typed."""

from __future__ import annotations

from dataclasses import dataclass

from streamnb.catalog import Catalog
from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.expressions import Env, type_expression
from streamnb.plan.relations import Relation
from streamnb.plan.typed import Typed, TypedColumn
from streamnb.schema import BOOLEAN
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["QueryContext", "RelationScope", "type_predicate"]


@dataclass(frozen=True)
class QueryContext:
    """What planning a SELECT needs to know.

    ``kind`` is what the query makes: STREAM, TABLE or INSERT for a persistent query, PUSH or PULL otherwise; ``sink``
    is the name of what a persistent query writes to.
    """

    catalog: Catalog
    env: Env
    kind: str
    sink: str = ""

    @property
    def persistent(self) -> bool:
        """Tell whether the query writes to a source."""
        return self.kind in ("STREAM", "TABLE", "INSERT")


@dataclass(frozen=True)
class RelationScope:
    """Resolves the columns of one clause against a relation."""

    relation: Relation
    clause: str

    def resolve(self, ref: ast.ColumnRef) -> TypedColumn:
        """Resolve a column. Raises: KsqlStatementError naming the clause."""
        entry = self.relation.entry(ref, self.clause)
        label = entry.label or (f"{ref.source}.{ref.name}" if ref.source else ref.name)
        return TypedColumn(column=entry.internal, type=entry.type, label=label)


def type_predicate(
    expression: ast.Expression, relation: Relation, clause: str, env: Env, *, of_pull: bool = False
) -> Typed:
    """Type a WHERE or HAVING expression, which must be boolean; ``of_pull`` words it as ksqlDB's pull queries do.

    Raises: KsqlStatementError.
    """
    scope = RelationScope(relation, clause)
    relation.canonical(expression, clause)  # unknown columns are reported as such, not as an error of the clause
    try:
        typed = type_expression(expression, scope, env)
    except KsqlError as error:
        # Pull queries take BETWEEN apart later, when the type of their condition has been found to be boolean.
        where = (
            "Invalid expression" if of_pull and isinstance(expression, ast.Between) else f"Error in {clause} expression"
        )
        raise KsqlStatementError(
            f"{where}: {error.message}\nStatement: {format_expression(expression)}",
            summary=error.summary or error.message.split("\n", 1)[0],
            hint=error.hint,
            text=error.text,
            span=error.span,
        ) from error
    if typed.type != BOOLEAN:
        raise KsqlStatementError(
            f"Type error in {clause} expression: Should evaluate to boolean but is {format_expression(expression)} "
            f"({typed.type}) instead.",
            summary=f"the {clause} expression is no condition but {typed.type}",
            hint="compare it with something: = 1, IS NOT NULL, ...",
            span=expression.span,
        )
    return typed
