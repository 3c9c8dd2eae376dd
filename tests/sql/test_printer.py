"""Statements print back unchanged, and every printed tree parses to itself."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb import schema
from streamnb.sql import ast
from streamnb.sql.parser import parse_expression, parse_statement, split_statements
from streamnb.sql.printer import format_columns, format_expression, format_query, format_statement

FOLDER = Path(__file__).parent
WRITTEN = sorted((FOLDER / "written").glob("*.sql"))


def statements(file: Path) -> list[str]:
    return [s.text for s in split_statements(file.read_text(encoding="utf-8"))]


CORPUS = [text for file in sorted((FOLDER / "corpus").glob("*.sql")) for text in statements(file)]


@pytest.mark.parametrize("text", CORPUS)
def test_canonical_statement_prints_back_unchanged(text: str) -> None:
    assert format_statement(parse_statement(text, test_tool=True)) == text


@pytest.mark.parametrize("file", WRITTEN, ids=lambda file: file.stem)
def test_statements_as_people_write_them_print_in_canonical_form(file: Path) -> None:
    parsed = [parse_statement(text, test_tool=True) for text in statements(file)]
    printed = [format_statement(statement) for statement in parsed]
    assert printed == statements(FOLDER / "corpus" / file.name)
    assert [parse_statement(text, test_tool=True) for text in printed] == parsed


def test_corpus_holds_every_kind_of_statement() -> None:
    kinds = {type(parse_statement(text, test_tool=True)) for text in CORPUS}
    assert set(ast.Statement.__subclasses__()) <= kinds
    assert len(CORPUS) >= 300


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("a+b", "(A + B)"),
        ("a or b and not c = 1", "(A OR (B AND (NOT (C = 1))))"),
        ("a + b * c || d", "((A + (B * C)) || D)"),
        ("-a->b[1]", "-A->B[1]"),
        ("'text'", "'text'"),
        ("cast(a as varchar)", "CAST(A AS STRING)"),
        ("null", "null"),
        ("TRUE", "true"),
        ("1.50", "1.50"),
        ("15e-1", "1.5E0"),
        ("a != 1", "(A <> 1)"),
        ("map('a' := v)", "MAP('a':=V)"),
        ("struct(f := v)", "STRUCT(F:=V)"),
        ("sum(count())", "SUM(COUNT())"),
    ],
)
def test_expression_prints_as_in_messages_of_ksqldb(written: str, printed: str) -> None:
    assert format_expression(parse_expression(written)) == printed


def test_query_prints_every_alias_when_asked_to() -> None:
    statement = parse_statement("SELECT t.f2 f2, COUNT(*) n FROM t GROUP BY t.f2 EMIT CHANGES")
    assert isinstance(statement, ast.Select)
    assert format_query(statement.query, every_alias=True) == (
        "SELECT\n  T.F2 F2,\n  COUNT(*) N\nFROM T T\nGROUP BY T.F2\nEMIT CHANGES"
    )


def test_columns_print_with_constraints() -> None:
    columns = (ast.ColumnDef("ID", schema.BIGINT, "KEY"), ast.ColumnDef("foo", schema.STRING))
    assert format_columns(columns) == "ID BIGINT KEY, `foo` STRING"


NAMES = st.one_of(
    st.sampled_from(["A", "KEY", "FROM", "MAP", "ARRAY", "STRUCT", "CASE", "DATE", "mixed", "a b", "`", "X@1", "EMIT"]),
    st.text(min_size=1, max_size=4).filter(lambda t: not t.isspace() and "\0" not in t),
)
TYPES = st.recursive(
    st.sampled_from([schema.INTEGER, schema.STRING, schema.Decimal(4, 2), ast.TypeName("CUSTOM"), schema.TIMESTAMP]),
    lambda inner: st.one_of(
        st.builds(schema.Array, inner),
        st.builds(schema.Map, inner, inner),
        st.builds(
            schema.Struct,
            st.lists(st.builds(schema.Field, NAMES, inner), max_size=2).map(tuple),
        ),
    ),
    max_leaves=3,
)
LEAVES: st.SearchStrategy[ast.Expression] = st.one_of(
    st.builds(ast.ColumnRef, NAMES, st.none() | NAMES),
    st.builds(ast.StringLiteral, st.text(max_size=4)),
    st.builds(ast.IntegerLiteral, st.integers(-(2**31), 2**31 - 1)),
    st.builds(ast.LongLiteral, st.integers(2**31, 2**63 - 1)),
    st.builds(ast.DecimalLiteral, st.decimals(-1000, 1000, places=2)),
    st.builds(ast.DoubleLiteral, st.floats(allow_nan=False, allow_infinity=False)),
    st.builds(ast.BooleanLiteral, st.booleans()),
    st.just(ast.NullLiteral()),
    st.just(ast.Call("COUNT", (ast.Star(),))),
)
BINARY = ["OR", "AND", "=", "<>", "<", ">=", "||", "+", "-", "*", "/", "%", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]


def _larger(inner: st.SearchStrategy[ast.Expression]) -> st.SearchStrategy[ast.Expression]:
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    lambdas = st.builds(ast.Lambda, st.lists(NAMES, min_size=1, max_size=3).map(tuple), inner)
    whens = st.lists(st.builds(ast.WhenClause, inner, inner), min_size=1, max_size=2).map(tuple)
    escape = st.none() | st.characters()
    return st.one_of(
        st.builds(ast.Binary, st.sampled_from(BINARY), inner, inner),
        st.builds(ast.Unary, st.sampled_from(["-", "+", "NOT"]), inner),
        st.builds(ast.FieldRef, inner, NAMES),
        st.builds(ast.Subscript, inner, inner),
        st.builds(ast.Call, NAMES.map(str.upper), some),
        st.builds(ast.Call, st.just("TRANSFORM"), st.tuples(inner, lambdas)),
        st.builds(ast.Call, st.just("DATEADD"), st.tuples(st.just(ast.TimeUnit("DAYS")), inner)),
        st.builds(ast.Cast, inner, TYPES),
        st.builds(ast.Case, st.none() | inner, whens, st.none() | inner),
        st.builds(ast.IsNull, inner, st.booleans()),
        st.builds(ast.Between, inner, inner, inner, st.booleans()),
        st.builds(ast.InList, inner, some, st.booleans()),
        st.builds(ast.Like, inner, inner, escape, st.booleans()),
        st.builds(ast.ArrayConstructor, some),
        st.builds(ast.MapConstructor, st.lists(st.tuples(inner, inner), max_size=2).map(tuple)),
        st.builds(ast.StructConstructor, st.lists(st.tuples(NAMES, inner), max_size=2).map(tuple)),
        st.builds(ast.AtTimeZone, inner, st.just(ast.StringLiteral("UTC"))),
    )


EXPRESSIONS = st.recursive(LEAVES, _larger, max_leaves=6)


@settings(max_examples=300, deadline=None)
@given(EXPRESSIONS)
def test_printed_expression_parses_to_the_same_tree(expression: ast.Expression) -> None:
    again = parse_expression(format_expression(expression))
    assert again == expression
    assert format_expression(again) == format_expression(expression)


DURATIONS = st.builds(ast.Duration, st.integers(0, 100), st.sampled_from(sorted(ast.UNIT_MS)))
SOURCES = st.builds(ast.SourceRef, NAMES, NAMES)
ITEMS = st.one_of(
    st.builds(ast.SelectItem, EXPRESSIONS, st.none() | NAMES),
    st.builds(ast.Star, st.none() | NAMES),
    st.builds(ast.StructStar, LEAVES),
)
MAYBE = st.none() | DURATIONS
WINDOWS = st.one_of(
    st.builds(ast.Window, st.sampled_from(["TUMBLING", "SESSION"]), DURATIONS, st.none(), MAYBE, MAYBE),
    st.builds(ast.Window, st.just("HOPPING"), DURATIONS, DURATIONS, MAYBE, MAYBE),
)
JOINS = st.builds(
    ast.Join,
    st.sampled_from(["INNER", "LEFT", "RIGHT", "FULL"]),
    SOURCES,
    LEAVES,
    st.none() | st.builds(ast.Within, DURATIONS, DURATIONS, MAYBE),
)
QUERIES = st.builds(
    ast.Query,
    st.lists(ITEMS, min_size=1, max_size=3).map(tuple),
    SOURCES,
    joins=st.lists(JOINS, max_size=2).map(tuple),
    window=st.none() | WINDOWS,
    where=st.none() | LEAVES,
    group_by=st.lists(LEAVES, max_size=2).map(tuple),
    partition_by=st.lists(LEAVES, max_size=2).map(tuple),
    having=st.none() | LEAVES,
    emit=st.sampled_from([None, "CHANGES", "FINAL"]),
    limit=st.none() | st.integers(-5, 2**40),
)
PROPERTIES = st.lists(
    st.builds(ast.Property, NAMES, st.sampled_from([ast.IntegerLiteral(-1), ast.StringLiteral("x")])), max_size=2
).map(tuple)
STATEMENTS = st.one_of(
    st.builds(ast.Select, QUERIES),
    st.builds(ast.CreateAs, st.sampled_from(["STREAM", "TABLE"]), NAMES, QUERIES, PROPERTIES, st.booleans()),
    st.builds(ast.InsertInto, NAMES, QUERIES, PROPERTIES),
    st.builds(ast.CreateType, NAMES, TYPES, st.booleans()),
    st.builds(ast.DropSource, st.sampled_from(["STREAM", "TABLE"]), NAMES, st.booleans(), st.booleans()),
    st.builds(ast.PrintTopic, NAMES, st.booleans(), st.none() | st.integers(0, 9), st.none() | st.integers(0, 9)),
    st.builds(ast.QueryControl, st.sampled_from(["TERMINATE", "PAUSE", "RESUME"]), st.none() | NAMES),
    st.builds(ast.Describe, st.just("SOURCE"), NAMES, st.booleans()),
    st.builds(ast.Define, NAMES, st.text(max_size=5)),
    st.builds(ast.SetProperty, st.text(max_size=5), st.text(max_size=5)),
)


@settings(max_examples=150, deadline=None)
@given(STATEMENTS)
def test_printed_statement_parses_to_the_same_tree(statement: ast.Statement) -> None:
    assert parse_statement(format_statement(statement)) == statement


def test_decimal_literal_keeps_its_scale() -> None:
    literal = parse_expression("10.10")
    assert isinstance(literal, ast.DecimalLiteral)
    assert literal.value.as_tuple() == Decimal("10.10").as_tuple()
