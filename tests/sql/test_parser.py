"""Text becomes the syntax tree that ksqlDB's grammar gives it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streamnb import schema
from streamnb.errors import ParseFailedError
from streamnb.sql import ast
from streamnb.sql.parser import (
    StatementText,
    accepted_tokens,
    parse_columns,
    parse_expression,
    parse_script,
    parse_statement,
    parse_type,
    split_statements,
)
from streamnb.sql.printer import format_expression, format_statement

A, B, C, ONE = ast.ColumnRef("A"), ast.ColumnRef("B"), ast.ColumnRef("C"), ast.IntegerLiteral(1)


def query(text: str) -> ast.Query:
    statement = parse_statement(text)
    assert isinstance(statement, ast.Select)
    return statement.query


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2147483647", ast.IntegerLiteral(2147483647)),
        ("2147483648", ast.LongLiteral(2147483648)),
        ("-9223372036854775808", ast.LongLiteral(-(2**63))),
        ("1.50", ast.DecimalLiteral(Decimal("1.50"))),
        (".5", ast.DecimalLiteral(Decimal("0.5"))),
        ("1e2", ast.DoubleLiteral(100.0)),
        ("'it''s'", ast.StringLiteral("it's")),
        ("- 1", ast.IntegerLiteral(-1)),
        ("-(1)", ast.Unary("-", ONE)),
        ("a - 1", ast.Binary("-", A, ONE)),
        ("a -1", ast.Binary("-", A, ONE)),
        ("`it``s`", ast.ColumnRef("it`s")),
        ('"say ""x"""', ast.ColumnRef('say "x"')),
        ("s.a", ast.ColumnRef("A", "S")),
        ("WindowStart()", ast.ColumnRef("WINDOWSTART")),
        ("1a", ast.ColumnRef("1A")),
        ("date '2020-01-01'", ast.Cast(ast.StringLiteral("2020-01-01"), schema.DATE)),
        ("decimal '1.0'", ast.DecimalLiteral(Decimal("1.0"))),
        ("dateadd(day, 1, a)", ast.Call("DATEADD", (ast.TimeUnit("DAYS"), ONE, A))),
        ("sum(day)", ast.Call("SUM", (ast.ColumnRef("DAY"),))),
        ("f(x => x)", ast.Call("F", (ast.Lambda(("X",), ast.ColumnRef("X")),))),
        ("f((x) => 1)", ast.Call("F", (ast.Lambda(("X",), ONE),))),
        ("f((x, y, z) => 1)", ast.Call("F", (ast.Lambda(("X", "Y", "Z"), ONE),))),
        ("count(*)", ast.Call("COUNT", (ast.Star(),))),
        ("map()", ast.MapConstructor(())),
        ("array", ast.ColumnRef("ARRAY")),
        ("a is not distinct from 1", ast.Binary("IS NOT DISTINCT FROM", A, ONE)),
    ],
)
def test_expression_becomes_the_tree_it_means(text: str, expected: ast.Expression) -> None:
    assert parse_expression(text) == expected


@pytest.mark.parametrize(
    ("text", "grouped"),
    [
        ("a or b and c", "(A OR (B AND C))"),
        ("not a = b and c", "((NOT (A = B)) AND C)"),
        ("a + b || c * 1", "((A + B) || (C * 1))"),
        ("a - b - c", "((A - B) - C)"),
        ("-a * b", "(-A * B)"),
        ("a->b[1]->c", "A->B[1]->C"),
        ("a between b and c and b", "((A BETWEEN B AND C) AND B)"),
        ("a at time zone 'UTC' + b", "((A AT TIME ZONE 'UTC') + B)"),
    ],
)
def test_operator_binds_as_in_ksqldb(text: str, grouped: str) -> None:
    assert format_expression(parse_expression(text)) == grouped


def test_comparison_is_not_chained() -> None:
    with pytest.raises(ParseFailedError):
        parse_expression("a = b = c")


def test_span_of_a_node_covers_its_text() -> None:
    text = "SELECT a, (b + 1) * 2 AS x FROM t"
    item = query(text).items[1]
    assert isinstance(item, ast.SelectItem)
    assert text[item.span.start : item.span.end] == "(b + 1) * 2 AS x"
    product = item.expression
    assert isinstance(product, ast.Binary)
    assert text[product.left.span.start : product.left.span.end] == "b + 1"


def test_keyword_is_a_name_where_the_keyword_makes_no_sense() -> None:
    found = query("SELECT key, topic, map, changes emit, source.final FROM emit emit EMIT CHANGES")
    assert found.source == ast.SourceRef("EMIT", "EMIT")
    assert found.emit == "CHANGES"
    assert found.items[3] == ast.SelectItem(ast.ColumnRef("CHANGES"), "EMIT")


def test_window_options_stand_in_any_order() -> None:
    window = query("SELECT a FROM t WINDOW w SESSION (5 MINUTES, GRACE PERIOD 1 SECOND, RETENTION 2 DAYS)").window
    minutes, second, days = ast.Duration(5, "MINUTES"), ast.Duration(1, "SECONDS"), ast.Duration(2, "DAYS")
    assert window == ast.Window("SESSION", minutes, retention=days, grace=second)


@pytest.mark.parametrize("clause", ["GROUP BY (a, b)", "GROUP BY a, b", "GROUP BY (a), b"])
def test_group_by_takes_parentheses(clause: str) -> None:
    assert query(f"SELECT a FROM t {clause}").group_by == (A, B)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t PARTITION BY b EMIT CHANGES",
        "SELECT a FROM t EMIT CHANGES PARTITION BY b",
    ],
)
def test_partition_by_may_stand_where_it_stood_in_2018(text: str) -> None:
    assert query(text).partition_by == (B,)


def test_statements_of_2018_mean_those_of_today() -> None:
    assert parse_statement("DESCRIBE EXTENDED x") == parse_statement("DESCRIBE x EXTENDED")
    assert parse_statement("TERMINATE QUERY csas_x_0") == ast.QueryControl("TERMINATE", "CSAS_X_0")
    assert parse_statement("SELECT a \\\n FROM t \\\n;") == parse_statement("SELECT a FROM t")


def test_limit_may_be_negative_for_the_planner_to_refuse() -> None:
    assert query("SELECT a FROM t LIMIT -1").limit == -1


def test_topic_keeps_its_case() -> None:
    assert parse_statement("PRINT Ratings") == ast.PrintTopic("Ratings")


def test_property_name_keeps_its_case_only_when_quoted() -> None:
    statement = parse_statement("CREATE SOURCE CONNECTOR c WITH (\"a.b\"='1', 'C.d'='2', e='3')")
    assert isinstance(statement, ast.CreateConnector)
    assert [p.name for p in statement.properties] == ["a.b", "C.d", "E"]


def test_columns_of_a_schema_parse_alone() -> None:
    assert parse_columns("ID BIGINT KEY, `foo` STRING") == (
        ast.ColumnDef("ID", schema.BIGINT, "KEY"),
        ast.ColumnDef("foo", schema.STRING),
    )
    assert parse_columns("") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int", schema.INTEGER),
        ("varchar(10)", schema.STRING),
        ("VARCHAR(STRING)", schema.STRING),
        ("decimal(4, 2)", schema.Decimal(4, 2)),
        ("string array", schema.Array(schema.STRING)),
        ("map<string, array<int>>", schema.Map(schema.STRING, schema.Array(schema.INTEGER))),
        ("struct<>", schema.Struct(())),
        ("address", ast.TypeName("ADDRESS")),
    ],
)
def test_type_parses_alone(text: str, expected: schema.SqlType) -> None:
    assert parse_type(text) == expected


# Scripts


def test_script_is_cut_outside_quotes_and_comments() -> None:
    script = "-- first; one\nSHOW STREAMS; /* ; */ SELECT ';', `;`, \";\" FROM t -- ;\n;\n;-- end"
    assert split_statements(script) == [
        StatementText("SHOW STREAMS", 14),
        StatementText("SELECT ';', `;`, \";\" FROM t", 36),
    ]


def test_last_statement_may_lack_its_semicolon() -> None:
    assert [s.text for s in split_statements("a; b")] == ["a", "b"]


def test_open_quote_stays_in_its_statement() -> None:
    assert [s.text for s in split_statements("a; SELECT 'x; b;")] == ["a", "SELECT 'x; b;"]


def test_spans_and_positions_count_from_the_start_of_the_script() -> None:
    script = "SHOW STREAMS;\n SELECT a FROM t;\nSELECT b FORM t;"
    with pytest.raises(ParseFailedError, match="line 3:15") as refused:
        parse_script(script)
    assert refused.value.span is not None
    assert script[refused.value.span.start : refused.value.span.end] == "FORM"
    statements = parse_script(script.replace("FORM", "FROM"))
    assert script[statements[1].span.start : statements[1].span.end] == "SELECT a FROM t"


@pytest.mark.parametrize("text", ["", " -- nothing\n", "SHOW STREAMS; SHOW TABLES"])
def test_exactly_one_statement_is_wanted(text: str) -> None:
    with pytest.raises(ParseFailedError):
        parse_statement(text)


def test_statements_of_the_test_tool_need_their_switch() -> None:
    assert parse_statement("ASSERT TABLE A", test_tool=True) == ast.AssertSource("TABLE", "A")
    with pytest.raises(ParseFailedError, match="line 1:8: Syntax Error"):
        parse_statement("ASSERT TABLE A")


def test_long_chain_of_conditions_parses() -> None:
    text = " OR ".join(f"a = {i}" for i in range(2000))
    assert isinstance(parse_expression(text), ast.Binary)


# Variables


VARIABLES = {"t": "my_table", "n": "5", "minus": "-3", "s": "'x'", "kw": "FROM", "q": "`a b`", "null": "NULL"}


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("SELECT * FROM ${t} LIMIT ${n}", "SELECT * FROM my_table LIMIT 5"),
        ("SELECT '${t} ${n} ${unknown}' FROM x", "SELECT 'my_table 5 ${unknown}' FROM x"),
        ("SELECT ${minus}, ${s}, ${null} FROM x", "SELECT -3, 'x', NULL FROM x"),
        ("SELECT ${kw}, ${q}, pre_${t}, `${t}` FROM x", "SELECT `FROM`, `a b`, pre_my_table, `my_table` FROM x"),
    ],
)
def test_variable_is_replaced_inside_one_token(text: str, meant: str) -> None:
    assert parse_statement(text, VARIABLES) == parse_statement(meant)


def test_value_of_a_variable_adds_no_tokens() -> None:
    values = {"v": "1; DROP STREAM x", "w": "x' OR '1'='1"}
    with pytest.raises(ParseFailedError, match="Illegal argument"):
        parse_statement("SELECT * FROM x WHERE a = ${v}", values)
    statement = parse_statement("SELECT * FROM x WHERE a = '${w}'", values)
    assert format_statement(statement).endswith("WHERE (A = 'x'' OR ''1''=''1')")


def test_unknown_variable_gets_a_suggestion() -> None:
    with pytest.raises(ParseFailedError) as refused:
        parse_statement("SELECT * FROM ${topc}", {"topic": "x"})
    assert refused.value.hint == "did you mean ${topic}?"


# Completion


@pytest.mark.parametrize(
    ("text", "some", "none"),
    [
        ("", {"SELECT", "CREATE", "SHOW"}, {"FROM", "<name>"}),
        ("CRE", {"CREATE"}, {"STREAM"}),
        ("SHOW STREAMS; CREATE ", {"STREAM", "TABLE", "TYPE"}, {"SELECT"}),
        ("SELECT * FROM t ", {"WHERE", "EMIT", "WINDOW", ";", "<name>"}, {"BY", "SELECT"}),
        ("SELECT * FROM t WINDOW TUMBLING (SIZE 5 ", {"SECONDS", "DAY"}, {"<name>"}),
        ("SELECT * FROM t LIMIT ", {"<number>"}, {"<name>", "<text>"}),
    ],
)
def test_accepted_tokens_are_those_that_may_follow(text: str, some: set[str], none: set[str]) -> None:
    accepted = accepted_tokens(text)
    assert some <= accepted
    assert not none & accepted


def test_nothing_is_accepted_behind_an_error() -> None:
    assert accepted_tokens("SELECT FROM FROM ") == set()
    assert accepted_tokens("SELECT \udc95 FROM ") == set()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("9" * 5000, "Invalid numeric literal"),
        ("- " + "9" * 5000, "Invalid numeric literal"),
        ("DECIMAL '1E999999999'", "Invalid numeric literal"),
        ("DECIMAL 'NaN'", "Invalid numeric literal"),
        ("`a\x00`", "NUL character"),
        ("``", "name is empty"),
        ('""', "name is empty"),
    ],
    ids=["digits", "digits behind a sign", "exponent", "not a number", "NUL", "empty name", "empty name in quotes"],
)
def test_expression_beyond_all_bounds_is_refused(text: str, message: str) -> None:
    with pytest.raises(ParseFailedError, match=message):
        parse_expression(text)


def test_zeros_in_front_of_a_number_do_not_count() -> None:
    assert parse_expression("-" + "0" * 5000 + "7") == ast.IntegerLiteral(-7)


def test_window_of_more_digits_than_any_number_is_refused() -> None:
    with pytest.raises(ParseFailedError, match="Invalid numeric literal"):
        parse_statement(f"SELECT a FROM s WINDOW SESSION ({'9' * 5000} DAYS) GROUP BY a")


def test_half_a_character_is_refused_in_its_place() -> None:
    with pytest.raises(ParseFailedError) as raised:
        parse_statement("SELECT 'a \udcd3' FROM S;")
    rendered = raised.value.render()
    assert rendered.startswith("error: half a character, U+DCD3, is no text\n  1 | SELECT 'a \ufffd' FROM S;\n")
    assert rendered.encode()


@pytest.mark.parametrize("name", ["SELECT", "UNION", "ORDER", "DISTINCT"])
def test_word_in_quotes_is_a_name_where_extensions_are_left_out(name: str) -> None:
    text = f"SELECT ABS(`{name}`) FROM A EMIT CHANGES;"
    assert parse_statement(text, strict=True) == parse_statement(text)
    assert name in format_statement(parse_statement(text, strict=True))
