"""INSERT INTO ... VALUES: one record, checked against the source's columns and appended at once."""

from __future__ import annotations

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.catalog import DataSource, closest
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.engine.sink import encoded
from streamnb.errors import KsqlError, KsqlStatementError
from streamnb.plan.expressions import EmptyScope, coerce, type_expression
from streamnb.plan.typed import Typed
from streamnb.schema import BIGINT, BYTES, STRING, Column, SqlType
from streamnb.sql import ast
from streamnb.statements.pipeline import Pipeline
from streamnb.store import DatabaseError, reason_of

__all__ = ["constant_sql", "insert_values"]

_FAILED = "Failed to insert values into '{}'. {}"


def insert_values(pipeline: Pipeline, statement: ast.InsertValues) -> str:
    """Append one record. Its time is now unless ROWTIME is given.

    Raises: KsqlStatementError when the columns or values do not fit, or a value cannot be computed.
    """
    source = _target(pipeline, statement)
    given = _named_values(source, statement)
    if source.is_table and any(_is_null(given.get(c.name)) for c in source.schema.key):
        raise KsqlStatementError(
            _FAILED.format(
                source.name,
                "Value for primary key column(s) "
                + ", ".join(c.name for c in source.schema.key)
                + " is required for tables",
            ),
            hint="name the key column and give it a value.",
            span=statement.at,
        )
    expressions = {name: _compile(pipeline, source, name, value) for name, value in given.items()}
    pipeline.registry.install(pipeline.store)
    pieces = [sql("0::BIGINT AS seq"), sql("0::BIGINT AS sub")]
    ts = expressions.pop("ROWTIME", None) or lit(pipeline.clock.now_ms())
    if (pipeline.store.rows(sql("SELECT ({})::BIGINT", ts))[0][0] or 0) < 0:
        raise KsqlStatementError(
            _FAILED.format(source.name, "ROWTIME must not be negative"),
            summary="ROWTIME is negative",
            hint="it counts milliseconds since 1970-01-01.",
            span=statement.at,
        )
    pieces += [sql("{}::BIGINT AS ts", ts), sql("NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr"), sql("false AS vnull")]
    pieces += _columns("k", source.schema.key, expressions) + _columns("v", source.schema.value, expressions)
    row = sql("(SELECT {})", join(", ", pieces))
    try:
        with pipeline.store.transaction():
            pipeline.topics_of(source.topic).append(pipeline.store, source.topic, encoded(source, row))
    except DatabaseError as error:
        raise KsqlStatementError(
            _FAILED.format(source.name, reason_of(error)),
            summary=f"a value for {source.name} cannot be computed",
            hint=reason_of(error),
            span=statement.at,
        ) from error
    return "1 record inserted"


def _target(pipeline: Pipeline, statement: ast.InsertValues) -> DataSource:
    source = pipeline.catalog.get(statement.target)
    if source is None:
        near = next((s.name for s in pipeline.catalog if s.name.upper() == statement.target.upper()), None)
        raise KsqlError(
            f"Cannot insert values into an unknown stream/table: `{statement.target}`"
            + (
                f'\nDid you mean "{near}"? Hint: wrap the source name in double quotes to make it case-sensitive.'
                if near
                else ""
            ),
            summary=f"stream or table {statement.target} does not exist",
            hint=_known(pipeline, statement.target),
            span=statement.at,
        )
    if source.read_only:
        raise KsqlError(
            f"Cannot insert values into read-only {source.kind.lower()}: {source.name}",
            summary=f"{source.name} can only be read",
            hint="it was declared with SOURCE, or belongs to streamnb; insert into another source over its topic.",
            span=statement.at,
        )
    if source.window is not None:
        raise KsqlError(
            "Cannot insert values into windowed stream/table!",
            summary=f"{source.name} has windowed keys, which INSERT cannot write",
            hint="insert into the source that the windows are made of.",
            span=statement.at,
        )
    return source


def _known(pipeline: Pipeline, name: str) -> str:
    """Suggest the source that was meant, and list those that can be written to."""
    names = [s.name for s in pipeline.catalog if not s.read_only]
    near = closest(name, names)
    listed = f"streams and tables here: {', '.join(sorted(names)) or 'none yet'}."
    return f"did you mean {near}? {listed}" if near else listed


def _named_values(source: DataSource, statement: ast.InsertValues) -> dict[str, ast.Expression]:
    """Pair the values with the columns they are for. Raises: KsqlStatementError when they do not fit."""
    headers = [c.name for c in source.schema.headers]
    columns = [c.name for c in (*source.schema.key, *source.schema.value)]
    names = list(statement.columns)
    if not names:
        if headers and len(statement.values) == len(columns) + len(headers):
            raise KsqlStatementError(f"Cannot insert into HEADER columns: {', '.join(headers)}", span=statement.at)
        names = columns
        if len(statement.values) != len(names):
            raise KsqlStatementError(
                _FAILED.format(
                    source.name,
                    f"Expected a value for each column. Expected Columns: [{', '.join(names)}]. "
                    f"Got {len(statement.values)} values",
                ),
                summary=f"{source.name} has {len(names)} columns, not {len(statement.values)}",
                hint=f"give values for {', '.join(names)}, or name the columns.",
                span=statement.at,
            )
    places = dict(zip(names, statement.places, strict=False))
    into_headers = [n for n in names if n in headers]
    if into_headers:
        raise KsqlStatementError(
            f"Cannot insert into HEADER columns: {', '.join(into_headers)}",
            summary=f"column {into_headers[0]} holds headers, which INSERT cannot write",
            hint="leave it out.",
            span=places.get(into_headers[0]),
        )
    pseudo = [n for n in names if n in ("ROWPARTITION", "ROWOFFSET")]
    if pseudo:
        raise KsqlStatementError(
            f"Inserting into column `{pseudo[0]}` is not allowed.",
            summary=f"{pseudo[0]} is given by the topic",
            hint="leave it out; ROWTIME is the one of these columns that may be given.",
            span=places.get(pseudo[0]),
        )
    unknown = [n for n in names if n not in columns and n != "ROWTIME"]
    if unknown:
        near = closest(unknown[0], columns)
        raise KsqlStatementError(
            _FAILED.format(source.name, f"Column name(s) {', '.join(unknown)} does not exist"),
            summary=f"column {unknown[0]} is not in {source.kind.lower()} {source.name}",
            hint=(f"did you mean {near}? " if near else "") + f"{source.name} has {', '.join(columns)}.",
            span=places.get(unknown[0]),
        )
    repeated = [n for i, n in enumerate(names) if n in names[:i]]
    if repeated:
        raise KsqlStatementError(
            _FAILED.format(source.name, f"Duplicate column names: {repeated[0]}"),
            summary=f"column {repeated[0]} is named twice",
            hint="name each column once.",
            span=places.get(repeated[0]),
        )
    return dict(zip(names, statement.values, strict=True))


def _is_null(value: ast.Expression | None) -> bool:
    return value is None or isinstance(value, ast.NullLiteral)


def _compile(pipeline: Pipeline, source: DataSource, name: str, value: ast.Expression) -> Sql:
    column = source.schema.find(name)
    wanted: SqlType = column.type if column is not None else BIGINT
    typed = type_expression(value, EmptyScope(), pipeline.env())
    try:
        return constant_sql(typed, wanted)
    except KsqlError as error:
        raise KsqlStatementError(
            _FAILED.format(source.name, f"Expected type {wanted} for field `{name}` but got {typed.type}"),
            summary=f"column {name} is {wanted}, the value is {typed.type}",
            hint=error.hint or f"write CAST(... AS {wanted}).",
            span=value.span,
        ) from error


def constant_sql(typed: Typed, wanted: SqlType) -> Sql:
    """Write a constant as DuckDB SQL of a column's type; text given for BYTES is base64.

    Raises: KsqlError when it does not convert.
    """
    if wanted == BYTES and typed.type == STRING:
        return sql("from_base64({})", compile_expression(typed).sql)
    return compile_expression(coerce(typed, wanted)).sql


def _columns(prefix: str, columns: tuple[Column, ...], expressions: dict[str, Sql]) -> list[Sql]:
    return [
        sql("({})::{} AS {}", expressions.get(c.name, lit(None)), duck_type(c.type), ident(f"{prefix}{i}"))
        for i, c in enumerate(columns)
    ]
