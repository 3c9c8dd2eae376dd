"""Aggregate calls: functions resolved, column arguments typed, constants taken out."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.clauses import RelationScope
from streamnb.plan.expressions import Env, coerce, type_expression
from streamnb.plan.logical import AggregateCall
from streamnb.plan.relations import Relation
from streamnb.plan.typed import Typed, TypedLiteral
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["plan_calls"]


def plan_calls(
    calls: Sequence[ast.Call], relation: Relation, env: Env, window: ast.Window | None = None
) -> list[AggregateCall]:
    """Resolve the aggregate calls of a query over its input.

    Raises: KsqlStatementError for arguments the function does not take, or a table or a session it cannot aggregate.
    """
    planned = [_plan_call(call, relation, env) for call in calls]
    if window is not None and window.kind == "SESSION":
        _check_mergeable(calls, planned)
    if relation.is_table():
        pairs = zip(calls, planned, strict=True)
        names = list(dict.fromkeys(c.name for c, p in pairs if p.aggregate.over_table is None))
        if names:
            listed = names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
            raise KsqlStatementError(
                f"The aggregation function{'s' if len(names) > 1 else ''} {listed} cannot be applied to a table "
                "source, only to a stream source.",
                hint="these functions cannot undo an old row; aggregate a stream instead.",
                span=calls[0].span,
            )
    return planned


def _check_mergeable(calls: Sequence[ast.Call], planned: Sequence[AggregateCall]) -> None:
    for call, plan in zip(calls, planned, strict=True):
        if not plan.aggregate.mergeable:
            raise KsqlStatementError(
                f"The aggregation function {call.name} cannot be used in session windows: it cannot merge two of them.",
                summary=f"function {call.name} cannot be used in session windows",
                hint="give its class the method merge(state, other).",
                span=call.span,
            )


def _plan_call(call: ast.Call, relation: Relation, env: Env) -> AggregateCall:
    args = [a for a in call.args if not isinstance(a, ast.Star)]
    scope = RelationScope(relation, "SELECT")
    typed = [type_expression(a, scope, env) for a in args]
    constants = {i: t.value for i, t in enumerate(typed) if isinstance(t, TypedLiteral)}
    limit = env.config.get(f"ksql.functions.{call.name.lower()}.limit")
    try:
        aggregate = env.registry.resolve_aggregate(
            call.name,
            [t.type for t in typed],
            constants,
            limit=int(limit) if limit is not None else None,
            texts=[_shown(a) for a in args],
        )
    except KsqlError as error:
        raise KsqlStatementError(
            error.message, summary=error.summary, hint=error.hint, span=error.span or call.span
        ) from error
    columns: list[Typed] = [coerce(t, p) for t, p in zip(typed, aggregate.param_types, strict=False)]
    return AggregateCall(aggregate, tuple(columns), call.span)


def _shown(expression: ast.Expression) -> str:
    """Write an argument without the source its columns were qualified with."""
    if isinstance(expression, ast.ColumnRef):
        return expression.name
    return format_expression(expression)
