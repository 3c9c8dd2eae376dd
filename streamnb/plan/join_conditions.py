"""The ON clauses of a chain of joins: which source each side is over, checked before any join is planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from streamnb.catalog import DataSource
from streamnb.errors import KsqlStatementError
from streamnb.plan.relations import Relation, column_refs
from streamnb.sql import ast
from streamnb.sql.printer import format_expression

__all__ = ["JoinStep", "analyze_joins"]

OPERATORS = {
    "INNER": "[INNER] JOIN",
    "LEFT": "LEFT [OUTER] JOIN",
    "RIGHT": "RIGHT [OUTER] JOIN",
    "FULL": "[FULL] OUTER JOIN",
}


@dataclass(frozen=True)
class JoinStep:
    """One join: its sides' expressions, canonical, with ``right`` over the joined source.

    ``first`` and ``second`` are the sides in the order in which they were written, for messages.
    """

    join: ast.Join
    source: DataSource
    left: ast.Expression
    right: ast.Expression
    left_alias: str
    first: ast.Expression
    second: ast.Expression

    def got(self, left_type: object = None, right_type: object = None) -> str:
        """Write the condition as it was written; with the types of its sides, where these are given."""
        if left_type is None:
            return f"Got {format_expression(self.first)} = {format_expression(self.second)}."
        types = (left_type, right_type) if self.first == self.left else (right_type, left_type)
        return f"Got {format_expression(self.first)}{{{types[0]}}} = {format_expression(self.second)}{{{types[1]}}}."

    def described(self) -> str:
        """Write the join as ksqlDB's messages do."""
        return f"Got {self.left_alias} {OPERATORS[self.join.kind]} {self.join.right.alias}."


def analyze_joins(query: ast.Query, sources: Sequence[DataSource], everything: Relation) -> list[JoinStep]:
    """Find the sides of every join of a query; ``everything`` resolves the columns of all its sources.

    Raises: KsqlStatementError with ksqlDB's wording.
    """
    _check_sources(query, sources)
    joined = [query.source.alias]
    steps = []
    for join, source in zip(query.joins, sources[1:], strict=True):
        steps.append(_analyze(join, source, joined, everything))
        joined.append(join.right.alias)
    return steps


def _check_sources(query: ast.Query, sources: Sequence[DataSource]) -> None:
    refs = query.refs
    for i, (ref, source) in enumerate(zip(refs, sources, strict=True)):
        if any(source.name == earlier.name for earlier in sources[:i]):
            raise KsqlStatementError(
                f"Can not join '{source.name}' to '{source.name}': self joins are not yet supported.",
                hint=f"CREATE STREAM AS SELECT makes a copy of {source.name} that can be joined with it.",
                span=ref.span,
            )
        if any(ref.alias == earlier.alias for earlier in refs[:i]):
            raise KsqlStatementError(
                f"Two sources of the join have the name '{ref.alias}'.", hint="give one another alias.", span=ref.span
            )


def _analyze(join: ast.Join, source: DataSource, joined: Sequence[str], everything: Relation) -> JoinStep:
    condition = join.condition
    if not isinstance(condition, ast.Binary) or condition.op in ("AND", "OR"):
        if isinstance(condition, ast.Binary):
            shown = format_expression(everything.canonical(condition, "JOIN ON"))
            raise KsqlStatementError(
                f"Invalid join condition: joins on multiple conditions are not yet supported. Got {shown}.",
                hint="join on one equality, and move the other conditions to WHERE.",
                span=condition.span,
            )
        raise KsqlStatementError(
            f"Unsupported join expression: {format_expression(condition)}.",
            hint=f"a join needs one equality, as in ON {joined[0]}.ID = {join.right.alias}.ID.",
            span=condition.span,
        )
    if condition.op != "=":
        raise KsqlStatementError(
            "Only equality join criteria is supported.", hint="move other comparisons to WHERE.", span=condition.span
        )
    canonical = everything.canonical(condition, "JOIN ON")
    assert isinstance(canonical, ast.Binary)
    first, second = canonical.left, canonical.right
    first_alias = _only_source(first, canonical, condition.left)
    second_alias = _only_source(second, canonical, condition.right)
    _check_aliases(join, first_alias, second_alias, joined)
    if second_alias == join.right.alias:
        return JoinStep(join, source, first, second, first_alias, first, second)
    return JoinStep(join, source, second, first, second_alias, first, second)


def _only_source(side: ast.Expression, condition: ast.Expression, written: ast.Expression) -> str:
    aliases = {ref.source for ref in column_refs(side)}
    if len(aliases) != 1:
        raise KsqlStatementError(
            f"Invalid comparison expression '{format_expression(side)}' in join '{format_expression(condition)}'. "
            "Each side of the join comparision must contain references from exactly one source.",
            hint="each side of the = must name columns of one source.",
            span=written.span,
        )
    return str(aliases.pop())


def _check_aliases(join: ast.Join, first: str, second: str, joined: Sequence[str]) -> None:
    span = join.condition.span
    if first == second:
        raise KsqlStatementError(
            "Each side of the join must reference exactly one source and not the same source. Left side references "
            f"`{first}` and right references `{second}`",
            hint=f"one side must name {join.right.alias}.",
            span=span,
        )
    if join.right.alias not in (first, second):
        raise KsqlStatementError(
            f"A join criteria is expected to reference the source (`{join.right.alias}`) in the FROM clause, instead "
            f"the right source references `{second}` and the left source references `{first}`",
            hint=f"one side must name {join.right.alias}.",
            span=span,
        )
    other = second if first == join.right.alias else first
    if other not in joined:
        raise KsqlStatementError(
            f"The join criteria of `{join.right.alias}` references `{other}`, which is not joined yet.",
            hint=f"join {other} first.",
            span=span,
        )
