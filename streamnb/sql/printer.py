"""Syntax tree to text: statements and queries in canonical form, which parses to the same tree again.

Keywords are upper case, a query has a line for each item and clause, and operators stand in parentheses.
"""

from __future__ import annotations

from functools import singledispatch

from streamnb.sql import ast
from streamnb.sql.print_expressions import format_expression, format_name, format_text, format_type
from streamnb.sql.tokens import is_plain_name

__all__ = [
    "format_columns",
    "format_expression",
    "format_name",
    "format_query",
    "format_statement",
    "format_text",
    "format_type",
]

_DESCRIBE_WORDS = frozenset(("STREAMS", "TABLES", "EXTENDED", "FUNCTION", "CONNECTOR"))


@singledispatch
def format_statement(statement: ast.Statement) -> str:
    """Write a statement, without the ``;``."""
    raise TypeError(f"{type(statement).__name__} is no statement")


def format_columns(columns: tuple[ast.ColumnDef, ...]) -> str:
    """Write declared columns: ``ID BIGINT KEY, `foo` STRING``."""
    return ", ".join(map(_column, columns))


def format_query(query: ast.Query, *, every_alias: bool = False) -> str:
    """Write a query, one clause a line.

    ``every_alias`` writes ksqlDB's form of its messages: an alias for each source, even its own name, and no AS.
    """
    lines = [_branch(query, every_alias)]
    for union in query.unions:
        lines += [f"UNION{_if(union.keep_all, 'ALL')}", _branch(union.query, every_alias)]
    if query.order_by:
        lines.append(f"ORDER BY {', '.join(map(_order_item, query.order_by))}")
    if query.emit is not None:
        lines.append(f"EMIT {query.emit}")
    if query.limit is not None:
        lines.append(f"LIMIT {query.limit}")
    return "\n".join(lines)


# Clauses of a query


def _branch(query: ast.Query, every_alias: bool) -> str:
    """Write one SELECT of a query, without what stands behind its unions."""
    items = ",\n".join("  " + _item(i, " " if every_alias else " AS ") for i in query.items)
    lines = [f"SELECT{_if(query.distinct, 'DISTINCT')}\n{items}", f"FROM {_source(query.source, every_alias)}"]
    lines += [_join(j, every_alias) for j in query.joins]
    if query.window is not None:
        lines.append(_window(query.window))
    if query.where is not None:
        lines.append(f"WHERE {format_expression(query.where)}")
    if query.group_by:
        lines.append(f"GROUP BY {_grouping(query.group_by)}")
    if query.partition_by:
        lines.append(f"PARTITION BY {_grouping(query.partition_by)}")
    if query.having is not None:
        lines.append(f"HAVING {format_expression(query.having)}")
    return "\n".join(lines)


def _order_item(item: ast.OrderItem) -> str:
    return f"{format_expression(item.expression)}{_if(item.descending, 'DESC')}{_if(item.nulls_first, 'NULLS FIRST')}"


def _item(item: ast.SelectItem | ast.Star | ast.StructStar, between: str) -> str:
    if not isinstance(item, ast.SelectItem):
        return format_expression(item)
    text = format_expression(item.expression)
    return text if item.alias is None else text + between + format_name(item.alias)


def _source(source: ast.SourceRef | ast.SubQuery, every_alias: bool = False) -> str:
    if isinstance(source, ast.SubQuery):
        return f"(\n{format_query(source.query, every_alias=every_alias)}\n) AS {format_name(source.alias)}"
    name = format_name(source.name)
    if every_alias:
        return f"{name} {format_name(source.alias)}"
    return name if source.alias == source.name else f"{name} AS {format_name(source.alias)}"


def _join(join: ast.Join, every_alias: bool) -> str:
    outer = "" if join.kind == "INNER" else " OUTER"
    within = "" if join.within is None else f" {_within(join.within)}"
    condition = format_expression(join.condition)
    return f"{join.kind}{outer} JOIN {_source(join.right, every_alias)}{within} ON {condition}"


def _within(within: ast.Within) -> str:
    size = _duration(within.before)
    if within.before != within.after:
        size = f"({size}, {_duration(within.after)})"
    return f"WITHIN {size}{_grace(within.grace, ' ')}"


def _window(window: ast.Window) -> str:
    size = _duration(window.size)
    parts = size if window.kind == "SESSION" else f"SIZE {size}"
    if window.advance is not None:
        parts += f", ADVANCE BY {_duration(window.advance)}"
    if window.retention is not None:
        parts += f", RETENTION {_duration(window.retention)}"
    return f"WINDOW {window.kind} ({parts}{_grace(window.grace, ', ')})"


def _grace(grace: ast.Duration | None, before: str) -> str:
    return "" if grace is None else f"{before}GRACE PERIOD {_duration(grace)}"


def _duration(duration: ast.Duration) -> str:
    return f"{duration.amount} {duration.unit}"


def _grouping(expressions: tuple[ast.Expression, ...]) -> str:
    return ", ".join(map(format_expression, expressions))


# Parts of statements


def _raw(name: str) -> str:
    """Write a name whose case counts: bare, or as text."""
    return name if is_plain_name(name) else format_text(name)


def _variable(name: str) -> str:
    return name if is_plain_name(name) else "`" + name.replace("`", "``") + "`"


def _column(column: ast.ColumnDef) -> str:
    text = f"{format_name(column.name)} {format_type(column.type)}"
    if column.header_key is not None:
        return f"{text} HEADER({format_text(column.header_key)})"
    return text if column.constraint is None else f"{text} {column.constraint}"


def _columns(columns: tuple[ast.ColumnDef, ...]) -> str:
    return f" ({format_columns(columns)})" if columns else ""


def _with(properties: tuple[ast.Property, ...]) -> str:
    if not properties:
        return ""
    shown = ", ".join(f"{_property_name(p.name)}={format_expression(p.value)}" for p in properties)
    return f" WITH ({shown})"


def _property_name(name: str) -> str:
    text = format_name(name)
    return format_text(name) if text.startswith("`") else text


def _row(values: tuple[ast.Expression, ...]) -> str:
    return f"({', '.join(map(format_expression, values))})"


def _names(names: tuple[str, ...]) -> str:
    return f" ({', '.join(map(format_name, names))})" if names else ""


def _if(written: bool, words: str) -> str:
    return f" {words}" if written else ""


def _create(or_replace: bool, kind: str, name: str, if_not_exists: bool) -> str:
    return f"CREATE{_if(or_replace, 'OR REPLACE')} {kind}{_if(if_not_exists, 'IF NOT EXISTS')} {format_name(name)}"


# Statements


@format_statement.register
def _(node: ast.Select) -> str:
    return format_query(node.query)


@format_statement.register
def _(node: ast.CreateSource) -> str:
    kind = f"SOURCE {node.kind}" if node.is_source else node.kind
    head = _create(node.or_replace, kind, node.name, node.if_not_exists)
    return head + _columns(node.columns) + _with(node.properties)


@format_statement.register
def _(node: ast.CreateAs) -> str:
    head = _create(node.or_replace, node.kind, node.name, node.if_not_exists)
    return f"{head}{_with(node.properties)} AS {format_query(node.query)}"


@format_statement.register
def _(node: ast.InsertInto) -> str:
    return f"INSERT INTO {format_name(node.target)}{_with(node.properties)} {format_query(node.query)}"


@format_statement.register
def _(node: ast.InsertValues) -> str:
    return f"INSERT INTO {format_name(node.target)}{_names(node.columns)} VALUES {_row(node.values)}"


@format_statement.register
def _(node: ast.DropSource) -> str:
    exists = _if(node.if_exists, "IF EXISTS")
    return f"DROP {node.kind}{exists} {format_name(node.name)}{_if(node.delete_topic, 'DELETE TOPIC')}"


@format_statement.register
def _(node: ast.AlterSource) -> str:
    added = ", ".join(f"ADD COLUMN {_column(c)}" for c in node.columns)
    return f"ALTER {node.kind} {format_name(node.name)} {added}"


@format_statement.register
def _(node: ast.CreateType) -> str:
    exists = _if(node.if_not_exists, "IF NOT EXISTS")
    return f"CREATE TYPE{exists} {format_name(node.name)} AS {format_type(node.type)}"


@format_statement.register
def _(node: ast.DropType) -> str:
    return f"DROP TYPE{_if(node.if_exists, 'IF EXISTS')} {format_name(node.name)}"


@format_statement.register
def _(node: ast.CreateConnector) -> str:
    exists = _if(node.if_not_exists, "IF NOT EXISTS")
    return f"CREATE {node.kind} CONNECTOR{exists} {format_name(node.name)}{_with(node.properties) or ' WITH ()'}"


@format_statement.register
def _(node: ast.DropConnector) -> str:
    return f"DROP CONNECTOR{_if(node.if_exists, 'IF EXISTS')} {format_name(node.name)}"


@format_statement.register
def _(node: ast.PrintTopic) -> str:
    text = f"PRINT {_raw(node.topic)}{_if(node.from_beginning, 'FROM BEGINNING')}"
    if node.interval is not None:
        text += f" INTERVAL {node.interval}"
    return text if node.limit is None else f"{text} LIMIT {node.limit}"


@format_statement.register
def _(node: ast.QueryControl) -> str:
    if node.query_id is None:
        return f"{node.action} ALL"
    return f"{node.action} {'`ALL`' if node.query_id == 'ALL' else format_name(node.query_id)}"


@format_statement.register
def _(node: ast.Explain) -> str:
    if node.statement is not None:
        return f"EXPLAIN {format_statement(node.statement)}"
    return f"EXPLAIN {format_name(node.query_id or '')}"


@format_statement.register
def _(node: ast.Show) -> str:
    return f"SHOW {node.what}{_if(node.extended, 'EXTENDED')}"


@format_statement.register
def _(node: ast.Describe) -> str:
    extended = _if(node.extended, "EXTENDED")
    if node.name is None:
        return f"DESCRIBE {node.what}{extended}"
    name = f"`{node.name}`" if node.name in _DESCRIBE_WORDS else format_name(node.name)
    return f"DESCRIBE {name}{extended}" if node.what == "SOURCE" else f"DESCRIBE {node.what} {name}{extended}"


@format_statement.register
def _(node: ast.SetProperty) -> str:
    return f"SET {format_text(node.name)} = {format_text(node.value)}"


@format_statement.register
def _(node: ast.UnsetProperty) -> str:
    return f"UNSET {format_text(node.name)}"


@format_statement.register
def _(node: ast.AlterSystem) -> str:
    return f"ALTER SYSTEM {format_text(node.name)} = {format_text(node.value)}"


@format_statement.register
def _(node: ast.Define) -> str:
    return f"DEFINE {_variable(node.name)} = {format_text(node.value)}"


@format_statement.register
def _(node: ast.Undefine) -> str:
    return f"UNDEFINE {_variable(node.name)}"


@format_statement.register
def _(node: ast.RunScript) -> str:
    return f"RUN SCRIPT {format_text(node.path)}"


@format_statement.register
def _(node: ast.AssertTopic) -> str:
    return f"ASSERT{_absent(node.exists)} TOPIC {_raw(node.name)}{_with(node.properties)}{_timeout(node.timeout)}"


@format_statement.register
def _(node: ast.AssertSchema) -> str:
    subject = "" if node.subject is None else f" SUBJECT {_raw(node.subject)}"
    schema_id = "" if node.schema_id is None else f" ID {node.schema_id}"
    return f"ASSERT{_absent(node.exists)} SCHEMA{subject}{schema_id}{_timeout(node.timeout)}"


@format_statement.register
def _(node: ast.AssertValues) -> str:
    return f"ASSERT VALUES {format_name(node.source)}{_names(node.columns)} VALUES {_row(node.values)}"


@format_statement.register
def _(node: ast.AssertTombstone) -> str:
    return f"ASSERT NULL VALUES {format_name(node.source)}{_names(node.columns)} KEY {_row(node.values)}"


@format_statement.register
def _(node: ast.AssertSource) -> str:
    return f"ASSERT {node.kind} {format_name(node.name)}{_columns(node.columns)}{_with(node.properties)}"


def _absent(exists: bool) -> str:
    return "" if exists else " NOT EXISTS"


def _timeout(timeout: ast.Duration | None) -> str:
    return "" if timeout is None else f" TIMEOUT {_duration(timeout)}"
