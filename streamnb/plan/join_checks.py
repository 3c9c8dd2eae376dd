"""Which joins there are: the kinds of sources, windows, types and partitions that can meet, in ksqlDB's words."""

from __future__ import annotations

from streamnb.catalog import DataSource
from streamnb.errors import KsqlStatementError
from streamnb.plan.join_conditions import JoinStep
from streamnb.plan.logical import JoinWindow
from streamnb.schema import SqlType
from streamnb.sql import ast

__all__ = ["check_foreign_key", "check_kinds", "check_partitions", "check_types", "check_windowed", "join_window"]


def check_kinds(step: JoinStep, *, left_is_table: bool, right_on_key: bool) -> None:
    """Refuse joins of kinds that do not go together, and tables joined on anything but their key.

    Raises: KsqlStatementError.
    """
    span, right_is_table = step.join.span, step.source.is_table
    if left_is_table and not right_is_table:
        raise KsqlStatementError(
            "Invalid join order: table-stream joins are not supported; only stream-table joins. " + step.described(),
            hint=f"start with the stream: FROM {step.join.right.alias} JOIN {step.left_alias}.",
            span=span,
        )
    if right_is_table and not left_is_table and step.join.kind in ("RIGHT", "FULL"):
        kind = "full-outer" if step.join.kind == "FULL" else "right-outer"
        raise KsqlStatementError(
            f"Invalid join type: {kind} join not supported for stream-table join. {step.described()}",
            hint="a stream joins a table by JOIN or LEFT JOIN.",
            span=span,
        )
    if right_is_table and not right_on_key:
        rule = (
            "table-table joins require to join on the primary key of the right input table."
            if left_is_table
            else "stream-table joins require to join on the table's primary key."
        )
        keys = ", ".join(c.name for c in step.source.schema.key)
        raise KsqlStatementError(
            f"Invalid join condition: {rule} {step.got()}",
            hint=f"the key of {step.source.name} is {keys}.",
            span=step.join.condition.span,
        )


def check_foreign_key(step: JoinStep, *, is_first: bool) -> None:
    """Refuse foreign-key joins that there are not. Raises: KsqlStatementError."""
    if not is_first:
        raise KsqlStatementError(
            "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins. "
            + step.got(),
            hint="put the foreign-key join first, or make a table of its result.",
            span=step.join.condition.span,
        )
    if step.join.kind == "RIGHT":
        raise KsqlStatementError("RIGHT OUTER JOIN on a foreign key is not supported", span=step.join.span)
    if step.join.kind == "FULL":
        raise KsqlStatementError(
            "Invalid join type: full-outer join not supported for foreign-key table-table join. " + step.described(),
            span=step.join.span,
        )


def join_window(step: JoinStep, *, left_is_table: bool) -> JoinWindow | None:
    """Read WITHIN, which joins of two streams must have and no others can. Raises: KsqlStatementError."""
    within = step.join.within
    if left_is_table or step.source.is_table:
        if within is None:
            return None
        kind = "Table-Table" if left_is_table else "Stream-Table"
        again = "your Table-Table join" if left_is_table else "your query"
        raise KsqlStatementError(
            f"A window definition was provided for a {kind} join. These joins are not windowed. Please drop the window "
            f"definition (i.e. the WITHIN clause) and try to execute {again} again.",
            hint="drop WITHIN: a table has one row per key, whenever it came.",
            span=within.span,
        )
    if within is None:
        raise KsqlStatementError(
            "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn about how to specify "
            "a WITHIN clause with a stream-stream join, please visit: "
            "https://docs.confluent.io/current/ksql/docs/syntax-reference.html#create-stream-as-select",
            summary="two streams are joined within a time, and no WITHIN is written",
            hint=f"say how far apart the records may be: JOIN {step.join.right.name} WITHIN 1 HOUR ON ...",
            span=step.join.span,
        )
    grace = within.grace
    return JoinWindow(within.before.ms, within.after.ms, None if grace is None else grace.ms)


def check_types(step: JoinStep, left: SqlType | None, right: SqlType | None) -> None:
    """Refuse keys of different types. Raises: KsqlStatementError."""
    if left != right:
        raise KsqlStatementError(
            f"Invalid join condition: types don't match. {step.got(left, right)}",
            hint=f"CAST one side to {right} or the other to {left}.",
            span=step.join.condition.span,
        )


def check_windowed(step: JoinStep, left: DataSource, *, left_on_key: bool, right_on_key: bool) -> None:
    """Refuse sides whose keys have different windows, or a window that a new key would lose.

    Raises: KsqlStatementError.
    """
    right = step.source
    if (left.window is None) != (right.window is None):
        described = [
            f"`{alias}` is {source.window.kind} windowed" if source.window else f"`{alias}` is not windowed"
            for alias, source in ((step.left_alias, left), (step.join.right.alias, right))
        ]
        raise KsqlStatementError(
            "Can not join windowed source to non-windowed source.\n" + "\n".join(described), span=step.join.span
        )
    if left.window is None or right.window is None:
        return
    if (left.window.kind == "SESSION") != (right.window.kind == "SESSION"):
        raise KsqlStatementError(
            f"Incompatible windowed sources.\nLeft source: {left.window.kind}\nRight source: {right.window.kind}",
            span=step.join.span,
        )
    registered = left.key_format.name in ("AVRO", "JSON_SR", "PROTOBUF")
    if not (left_on_key and right_on_key) or (left.window != right.window and not registered):
        raise KsqlStatementError(
            "Implicit repartitioning of windowed sources is not supported. "
            "See https://github.com/confluentinc/ksql/issues/4385.",
            hint="join windowed sources on their keys, with windows of one size.",
            span=step.join.span,
        )


def check_partitions(left: ast.SourceRef | ast.SubQuery, left_partitions: int, step: JoinStep) -> None:
    """Refuse topics that are not partitioned alike. Raises: KsqlStatementError."""
    right, partitions = step.join.right.alias, step.source.partitions
    if left_partitions != partitions:
        raise KsqlStatementError(
            f"Can't join `{left.alias}` with `{right}` since the number of partitions don't match. `{left.alias}` "
            f"partitions = {left_partitions}; `{right}` partitions = {partitions}. Please repartition either one so "
            "that the number of partitions match.",
            hint=f"CREATE ... WITH (PARTITIONS={left_partitions}) AS SELECT makes a copy with other partitions.",
            span=step.join.span,
        )
