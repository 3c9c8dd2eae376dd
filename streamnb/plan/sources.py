"""CREATE STREAM and CREATE TABLE with declared columns: the source they describe."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.catalog import DataSource, KeyWindow, TimestampColumn, closest
from streamnb.errors import KsqlError, KsqlStatementError, ParseFailedError
from streamnb.plan.expressions import Env, resolve_type
from streamnb.plan.formats import key_format, value_format
from streamnb.plan.properties import Properties
from streamnb.schema import BIGINT, BYTES, HEADERS_TYPE, STRING, TIMESTAMP, Column, HeaderColumn, Schema, SqlType
from streamnb.sql import ast

__all__ = ["RESERVED_COLUMNS", "declared_schema", "plan_source", "timestamp_column", "timestamp_name"]

RESERVED_COLUMNS = ("ROWTIME", "ROWPARTITION", "ROWOFFSET", "WINDOWSTART", "WINDOWEND")


def plan_source(statement: ast.CreateSource, env: Env, text: str) -> DataSource:
    """Build the source that a CREATE statement declares.

    The partition count is the declared one, or 1; the workspace replaces it by that of an existing topic.
    Raises: KsqlStatementError or ParseFailedError with ksqlDB's wording.
    """
    schema = declared_schema(statement.kind, statement.columns, env)
    properties = Properties(statement.properties, "source")
    if statement.kind == "TABLE" and not schema.key:
        raise KsqlStatementError(
            "Tables require a PRIMARY KEY. Please define the PRIMARY KEY.",
            summary=f"table {statement.name} has no PRIMARY KEY",
            hint="declare one column as PRIMARY KEY, as in (ID INT PRIMARY KEY, ...).",
            span=statement.at,
        )
    topic = properties.text("KAFKA_TOPIC")
    if topic is None:
        raise KsqlStatementError(
            'Missing required property "KAFKA_TOPIC" which has no default value.',
            summary="the WITH clause has no KAFKA_TOPIC",
            hint="add KAFKA_TOPIC='...' to the WITH clause.",
            span=statement.at,
        )
    keys = key_format(schema.key, properties, env.config)
    values = value_format(schema.value, properties, env.config)
    if not schema.value and not schema.key:
        raise KsqlStatementError(
            "The statement does not define any columns.",
            hint="name the columns; reading them from a schema registry is not available yet.",
        )
    return DataSource(
        name=statement.name,
        kind=statement.kind,
        schema=schema,
        topic=topic,
        key_format=keys,
        value_format=values,
        partitions=properties.count("PARTITIONS") or 1,
        replicas=properties.count("REPLICAS") or 1,
        timestamp=timestamp_column(properties, schema),
        window=_key_window(properties, schema),
        read_only=statement.is_source,
        statement=text,
    )


def declared_schema(kind: str, columns: tuple[ast.ColumnDef, ...], env: Env) -> Schema:
    """Turn declared columns into a schema. Raises: KsqlStatementError, ParseFailedError."""
    key: list[Column] = []
    value: list[Column] = []
    headers: list[HeaderColumn] = []
    for column in columns:
        if column.name in RESERVED_COLUMNS:
            raise KsqlStatementError(
                f"'{column.name}' is a reserved column name. You cannot use it as a name for a column.",
                summary=f"{column.name} is a column that every source has",
                hint="give the column another name; TIMESTAMP='column' in WITH makes one the ROWTIME.",
                span=column.span,
            )
        type_ = _declared_type(column, env)
        if column.constraint == "HEADERS":
            _check_header_type(column, type_)
            _check_header_once(column, headers)
            headers.append(HeaderColumn(column.name, type_, column.header_key))
        elif column.constraint is None:
            value.append(Column(column.name, type_))
        else:
            _check_key_word(kind, column)
            key.append(Column(column.name, type_))
    schema = Schema(tuple(key), tuple(value), tuple(headers))
    _check_duplicates(columns)
    return schema


def _declared_type(column: ast.ColumnDef, env: Env) -> SqlType:
    try:
        return resolve_type(column.type, env)
    except KsqlStatementError as error:
        error.span = column.span
        raise


def _check_key_word(kind: str, column: ast.ColumnDef) -> None:
    wanted = "PRIMARY KEY" if kind == "TABLE" else "KEY"
    if column.constraint != wanted:
        raise ParseFailedError(
            f"Column `{column.name}` is a '{column.constraint}' column: please use '{wanted}' for {kind.lower()}s.",
            summary=f"column {column.name} of a {kind.lower()} cannot be {column.constraint}",
            hint=f"write {wanted} instead.",
            span=column.span,
        )


def _check_header_type(column: ast.ColumnDef, type_: object) -> None:
    wanted = HEADERS_TYPE if column.header_key is None else BYTES
    shown = "HEADERS" if column.header_key is None else f"HEADER('{column.header_key}')"
    if type_ != wanted:
        raise KsqlStatementError(
            f"Invalid type for {shown} column: expected {wanted}, got {type_}",
            summary=f"a column of headers is {wanted}, not {type_}",
            hint=f"write {column.name} {str(wanted).replace('`', '')} {shown}",
            span=column.span,
        )


def _check_header_once(column: ast.ColumnDef, before: Sequence[HeaderColumn]) -> None:
    """Let a source have all headers in one column, or single ones in one column each."""
    if any(h.header_key is None for h in before):
        raise KsqlStatementError("Schema already contains a HEADERS column.", span=column.span)
    if before and column.header_key is None:
        raise KsqlStatementError("Schema already contains a HEADER('key') column.", span=column.span)
    if any(h.header_key == column.header_key for h in before):
        raise KsqlStatementError(f"Schema already contains a HEADER('{column.header_key}') column.", span=column.span)


def _check_duplicates(columns: Sequence[ast.ColumnDef]) -> None:
    seen: set[str] = set()
    for column in columns:
        if column.name in seen:
            raise KsqlStatementError(
                f"Duplicate column names: {column.name}",
                summary=f"column {column.name} is declared twice",
                hint="give one of them another name.",
                span=column.span,
            )
        seen.add(column.name)


def timestamp_name(properties: Properties, columns: Sequence[str]) -> str | None:
    """Read which column gives the time. Raises: KsqlError when it is none of those there are."""
    name = properties.text("TIMESTAMP")
    if name is None:
        return None
    name = name.removeprefix("`").removesuffix("`") if name.startswith("`") else name.upper()
    if name not in columns:
        near = closest(name, columns)
        raise KsqlError(
            f"The TIMESTAMP column set in the WITH clause does not exist in the schema: '{name}'",
            summary=f"TIMESTAMP names no column: {name}",
            hint=(f"did you mean {near}? " if near else "") + f"columns: {', '.join(columns)}.",
            span=properties.span("TIMESTAMP"),
        )
    return name


def timestamp_column(properties: Properties, schema: Schema) -> TimestampColumn | None:
    """Read the TIMESTAMP property and check its column. Raises: KsqlError."""
    name = timestamp_name(properties, [c.name for c in schema.columns()])
    pattern = properties.text("TIMESTAMP_FORMAT")
    column = schema.find(name) if name is not None else None
    if name is None or column is None:
        return None
    fits = column.type in (BIGINT, TIMESTAMP) if pattern is None else column.type == STRING
    if not fits:
        raise KsqlError(
            f"Timestamp column, `{name}`, should be LONG(INT64), TIMESTAMP, or a String with a timestamp_format "
            "specified",
            hint="use a BIGINT of milliseconds or a TIMESTAMP column, or give TIMESTAMP_FORMAT for text.",
            span=properties.span("TIMESTAMP"),
        )
    return TimestampColumn(name, pattern)


def _key_window(properties: Properties, schema: Schema) -> KeyWindow | None:
    kind = (properties.text("WINDOW_TYPE") or "").upper()
    size_ms = properties.duration_ms("WINDOW_SIZE")
    if not kind:
        return None
    if kind not in ("TUMBLING", "HOPPING", "SESSION"):
        raise ParseFailedError(
            f"Invalid config WINDOW_TYPE: {kind}",
            summary=f"there is no window type {kind}",
            hint="write 'TUMBLING', 'HOPPING' or 'SESSION'.",
            span=properties.span("WINDOW_TYPE"),
        )
    if kind == "SESSION" and size_ms is not None:
        raise ParseFailedError(
            "'WINDOW_SIZE' should not be set for SESSION windows.", span=properties.span("WINDOW_SIZE")
        )
    if kind != "SESSION" and size_ms is None:
        raise ParseFailedError(
            f"'WINDOW_SIZE' property is required for windowed key schema with {kind} window type.",
            summary=f"a {kind} window has a size, and WINDOW_SIZE is not given",
            hint="add WINDOW_SIZE='30 SECONDS', say.",
            span=properties.span("WINDOW_TYPE"),
        )
    if not schema.key:
        raise KsqlStatementError("Windowed sources require a key column.", span=properties.span("WINDOW_TYPE"))
    return KeyWindow(kind, size_ms)
