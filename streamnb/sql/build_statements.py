"""Parse trees of statements to the syntax tree: one method per rule of the grammar."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lark import v_args
from lark.lexer import Token
from lark.tree import Meta

from streamnb.schema import SqlType
from streamnb.sql import ast
from streamnb.sql.build_queries import QueryBuilder
from streamnb.sql.building import BuildError, name_of, span_of, token_span

__all__ = ["StatementBuilder"]

_Constraint = tuple[str, str | None]


@dataclass(frozen=True)
class _Exists:
    """Whether IF [NOT] EXISTS or NOT EXISTS is written; a class, since the rules that give it may be empty."""

    written: bool


@v_args(meta=True, inline=True)
class StatementBuilder(QueryBuilder):
    """Build statements."""

    def select(self, meta: Meta, query: ast.Query) -> ast.Select:
        return ast.Select(query, span=span_of(meta))

    # Sources

    def create_source(
        self,
        meta: Meta,
        replace: Token | None,
        read_only: Token | None,
        kind: str,
        unless: _Exists,
        name: Token,
        columns: tuple[ast.ColumnDef, ...] | None,
        properties: tuple[ast.Property, ...] | None,
    ) -> ast.CreateSource:
        for column in columns or ():
            _check_key(kind, column)
        return ast.CreateSource(
            kind,
            name_of(name),
            columns or (),
            properties or (),
            or_replace=replace is not None,
            if_not_exists=unless.written,
            is_source=read_only is not None,
            span=span_of(meta),
            at=token_span(name),
        )

    def create_as(
        self,
        meta: Meta,
        replace: Token | None,
        kind: str,
        unless: _Exists,
        name: Token,
        properties: tuple[ast.Property, ...] | None,
        query: ast.Query,
    ) -> ast.CreateAs:
        return ast.CreateAs(
            kind,
            name_of(name),
            query,
            properties or (),
            or_replace=replace is not None,
            if_not_exists=unless.written,
            span=span_of(meta),
            at=token_span(name),
        )

    def alter_source(self, meta: Meta, kind: str, name: Token, *columns: ast.ColumnDef) -> ast.AlterSource:
        return ast.AlterSource(kind, name_of(name), columns, span=span_of(meta), at=token_span(name))

    def added(self, meta: Meta, name: Token, type_: SqlType) -> ast.ColumnDef:
        return ast.ColumnDef(name_of(name), type_, span=span_of(meta))

    def drop_source(self, meta: Meta, kind: str, exists: _Exists, name: Token, delete: Token | None) -> ast.DropSource:
        return ast.DropSource(
            kind, name_of(name), exists.written, delete is not None, span=span_of(meta), at=token_span(name)
        )

    def kind(self, meta: Meta, word: Token) -> str:
        return word.upper()

    def if_not_exists(self, meta: Meta, exists: Token | None) -> _Exists:
        return _Exists(exists is not None)

    if_exists = not_exists = if_not_exists

    def columns(self, meta: Meta, *columns: ast.ColumnDef) -> tuple[ast.ColumnDef, ...]:
        return columns

    def schema(self, meta: Meta, *columns: ast.ColumnDef | None) -> tuple[ast.ColumnDef, ...]:
        return tuple(c for c in columns if c is not None)

    def column(self, meta: Meta, name: Token, type_: SqlType, constraint: _Constraint | None) -> ast.ColumnDef:
        word, header = constraint or (None, None)
        return ast.ColumnDef(name_of(name), type_, word, header, span=span_of(meta))

    def key(self, meta: Meta) -> _Constraint:
        return "KEY", None

    def primary_key(self, meta: Meta) -> _Constraint:
        return "PRIMARY KEY", None

    def headers(self, meta: Meta) -> _Constraint:
        return "HEADERS", None

    def header(self, meta: Meta, key: Token) -> _Constraint:
        return "HEADERS", str(key)

    def with_clause(self, meta: Meta, *properties: ast.Property | None) -> tuple[ast.Property, ...]:
        return tuple(p for p in properties if p is not None)

    def property(self, meta: Meta, name: Token, value: ast.Expression) -> ast.Property:
        resolved = str(name) if name.type == "TEXT" else name_of(name)
        return ast.Property(resolved, value, span=span_of(meta))

    # Rows

    def insert_into(
        self, meta: Meta, target: Token, properties: tuple[ast.Property, ...] | None, query: ast.Query
    ) -> ast.InsertInto:
        return ast.InsertInto(name_of(target), query, properties or (), span=span_of(meta), at=token_span(target))

    def insert_values(
        self, meta: Meta, target: Token, columns: tuple[Token, ...] | None, values: tuple[ast.Expression, ...]
    ) -> ast.InsertValues:
        _check_row(meta, columns, values)
        places = tuple(token_span(c) for c in columns or ())
        return ast.InsertValues(
            name_of(target), _resolved(columns), values, places, span=span_of(meta), at=token_span(target)
        )

    def names(self, meta: Meta, *names: Token | None) -> tuple[Token, ...]:
        return tuple(n for n in names if n is not None)

    def values(self, meta: Meta, row: tuple[ast.Expression, ...]) -> tuple[ast.Expression, ...]:
        return row

    def value_row(self, meta: Meta, *values: ast.Expression | None) -> tuple[ast.Expression, ...]:
        return tuple(v for v in values if v is not None)

    # Types and connectors

    def create_type(self, meta: Meta, unless: _Exists, name: Token, type_: SqlType) -> ast.CreateType:
        return ast.CreateType(name_of(name), type_, unless.written, span=span_of(meta), at=token_span(name))

    def drop_type(self, meta: Meta, exists: _Exists, name: Token) -> ast.DropType:
        return ast.DropType(name_of(name), exists.written, span=span_of(meta), at=token_span(name))

    def create_connector(
        self, meta: Meta, kind: Token, unless: _Exists, name: Token, properties: tuple[ast.Property, ...]
    ) -> ast.CreateConnector:
        return ast.CreateConnector(
            kind.upper(), name_of(name), properties, unless.written, span=span_of(meta), at=token_span(name)
        )

    def drop_connector(self, meta: Meta, exists: _Exists, name: Token) -> ast.DropConnector:
        return ast.DropConnector(name_of(name), exists.written, span=span_of(meta), at=token_span(name))

    # Topics and queries

    def print_topic(
        self, meta: Meta, topic: Token, beginning: Token | None, interval: int | None, limit: int | None
    ) -> ast.PrintTopic:
        # Topics are case sensitive: the name is taken as written.
        return ast.PrintTopic(
            str(topic), beginning is not None, interval, limit, span=span_of(meta), at=token_span(topic)
        )

    def query_control(self, meta: Meta, action: Token, target: Token) -> ast.QueryControl:
        query_id = None if target.type == "ALL" else name_of(target)
        return ast.QueryControl(action.upper(), query_id, span=span_of(meta), at=token_span(target))

    def explain(self, meta: Meta, target: ast.Statement | Token) -> ast.Explain:
        if isinstance(target, Token):
            return ast.Explain(query_id=name_of(target), span=span_of(meta), at=token_span(target))
        return ast.Explain(target, span=span_of(meta))

    def listed(self, meta: Meta, *words: Token | None) -> list[str]:
        return [w.upper() for w in words if w is not None]

    def show(self, meta: Meta, words: list[str]) -> ast.Show:
        extended = words[-1] == "EXTENDED"
        return ast.Show(" ".join(words[:-1] if extended else words), extended, span=span_of(meta))

    def describe_source(self, meta: Meta, name: Token, extended: Token | None) -> ast.Describe:
        return ast.Describe("SOURCE", name_of(name), extended is not None, span=span_of(meta), at=token_span(name))

    def describe_source_2018(self, meta: Meta, _extended: Token, name: Token) -> ast.Describe:
        return ast.Describe("SOURCE", name_of(name), True, span=span_of(meta), at=token_span(name))

    def describe_all(self, meta: Meta, what: Token, extended: Token | None) -> ast.Describe:
        return ast.Describe(what.upper(), None, extended is not None, span=span_of(meta))

    def describe_other(self, meta: Meta, what: Token, name: Token) -> ast.Describe:
        return ast.Describe(what.upper(), name_of(name), span=span_of(meta), at=token_span(name))

    # Settings and variables

    def set_property(self, meta: Meta, name: Token, value: Token) -> ast.SetProperty:
        return ast.SetProperty(str(name), str(value), span=span_of(meta), at=token_span(name))

    def unset_property(self, meta: Meta, name: Token) -> ast.UnsetProperty:
        return ast.UnsetProperty(str(name), span=span_of(meta), at=token_span(name))

    def alter_system(self, meta: Meta, name: Token, value: Token) -> ast.AlterSystem:
        return ast.AlterSystem(str(name), str(value), span=span_of(meta), at=token_span(name))

    def define(self, meta: Meta, name: Token, value: Token) -> ast.Define:
        return ast.Define(str(name), str(value), span=span_of(meta), at=token_span(name))

    def undefine(self, meta: Meta, name: Token) -> ast.Undefine:
        return ast.Undefine(str(name), span=span_of(meta), at=token_span(name))

    def run_script(self, meta: Meta, path: Token) -> ast.RunScript:
        return ast.RunScript(str(path), span=span_of(meta), at=token_span(path))

    # Checks

    def assert_topic(
        self,
        meta: Meta,
        absent: _Exists,
        name: Token,
        properties: tuple[ast.Property, ...] | None,
        timeout: ast.Duration | None,
    ) -> ast.AssertTopic:
        return ast.AssertTopic(
            str(name), properties or (), timeout, not absent.written, span=span_of(meta), at=token_span(name)
        )

    def assert_schema(
        self, meta: Meta, absent: _Exists, subject: Token | None, schema_id: int | None, timeout: ast.Duration | None
    ) -> ast.AssertSchema:
        name = None if subject is None else str(subject)
        return ast.AssertSchema(name, schema_id, timeout, not absent.written, span=span_of(meta))

    def timeout(self, meta: Meta, duration: ast.Duration) -> ast.Duration:
        return duration

    def assert_values(
        self, meta: Meta, source: Token, columns: tuple[Token, ...] | None, values: tuple[ast.Expression, ...]
    ) -> ast.AssertValues:
        _check_row(meta, columns, values)
        return ast.AssertValues(name_of(source), _resolved(columns), values, span=span_of(meta), at=token_span(source))

    def assert_tombstone(
        self, meta: Meta, source: Token, columns: tuple[Token, ...] | None, values: tuple[ast.Expression, ...]
    ) -> ast.AssertTombstone:
        _check_row(meta, columns, values)
        return ast.AssertTombstone(
            name_of(source), _resolved(columns), values, span=span_of(meta), at=token_span(source)
        )

    def assert_source(
        self,
        meta: Meta,
        kind: str,
        name: Token,
        columns: tuple[ast.ColumnDef, ...] | None,
        properties: tuple[ast.Property, ...] | None,
    ) -> ast.AssertSource:
        return ast.AssertSource(
            kind, name_of(name), columns or (), properties or (), span=span_of(meta), at=token_span(name)
        )


def _resolved(columns: tuple[Token, ...] | None) -> tuple[str, ...]:
    return tuple(name_of(c) for c in columns or ())


def _check_row(meta: Meta, columns: tuple[Token, ...] | None, values: tuple[Any, ...]) -> None:
    if columns and len(columns) != len(values):
        raise BuildError(
            f"Expected number columns and values to match: {len(columns)}, {len(values)}",
            summary=f"{len(columns)} columns are named but {len(values)} values are given",
            hint="give one value for each column.",
            span=span_of(meta),
        )


def _check_key(kind: str, column: ast.ColumnDef) -> None:
    """Refuse KEY in a table and PRIMARY KEY in a stream."""
    wanted, refused = ("KEY", "PRIMARY KEY") if kind == "STREAM" else ("PRIMARY KEY", "KEY")
    if column.constraint != refused:
        return
    plural = f"{kind.lower()}s"
    raise BuildError(
        f"Column `{column.name}` is a '{refused}' column: please use '{wanted}' for {plural}.\n"
        "Tables have PRIMARY KEYs, which are unique and NON NULL.\n"
        "Streams have KEYs, which have no uniqueness or NON NULL constraints.",
        place="Line: {line}, Col: {column}: ",
        summary=f"column {column.name} is declared {refused}, but {plural} have a {wanted}",
        hint=f"write {column.name} {column.type} {wanted}",
        span=column.span,
    )
