from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamnb.errors import KsqlError, ParseFailedError
from streamnb.sql import ast
from streamnb.sql.bindings import literal_of, value_of
from streamnb.sql.parser import parse_expression, parse_statement, placeholders
from streamnb.sql.printer import format_expression, format_statement


@dataclasses.dataclass
class Point:
    x: int
    label: str


class Tier(enum.Enum):
    GOLD = "G"


class Holder:
    """What a parameter or a widget looks like from here."""

    def __init__(self, value: object) -> None:
        self.value = value


VALUES: list[tuple[object, str]] = [
    (3, "3"),
    (-3, "-3"),
    (2**40, "1099511627776"),
    (True, "true"),
    (None, "null"),
    (1.5, "1.5E0"),
    (-1e300, "-1E300"),
    (math.inf, "CAST('Infinity' AS DOUBLE)"),
    (decimal.Decimal("-1.50"), "-1.50"),
    (decimal.Decimal("1E+3"), "1000."),
    ("it's; DROP STREAM R --", "'it''s; DROP STREAM R --'"),
    (b"\x00\xff", "TO_BYTES('00ff', 'hex')"),
    (dt.date(2024, 2, 29), "CAST('2024-02-29' AS DATE)"),
    (dt.time(1, 2, 3, 4000), "CAST('01:02:03.004' AS TIME)"),
    (dt.datetime(2024, 1, 1, 12, 30), "CAST('2024-01-01T12:30:00.000' AS TIMESTAMP)"),
    (
        dt.datetime(2024, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1))),
        "CAST('2023-12-31T23:00:00.000' AS TIMESTAMP)",
    ),
    (pd.Timestamp("2024-01-01 01:02:03.456789"), "CAST('2024-01-01T01:02:03.456' AS TIMESTAMP)"),
    (pd.NaT, "null"),
    ([1, 2], "ARRAY[1, 2]"),
    (("a", None), "ARRAY['a', null]"),
    ({"a": 1, "b": 2**40}, "MAP('a':=1, 'b':=1099511627776)"),
    ({"city": "Ulm", "zip": 89073}, "STRUCT(CITY:='Ulm', ZIP:=89073)"),
    ({"a b": [1], "c": None}, "STRUCT(`a b`:=ARRAY[1], C:=null)"),
    (Point(1, "a"), "STRUCT(X:=1, LABEL:='a')"),
    (np.int64(7), "7"),
    (np.array([1.5, 2.5]), "ARRAY[1.5E0, 2.5E0]"),
    (pd.Series(["a", "b"]), "ARRAY['a', 'b']"),
    (Tier.GOLD, "'G'"),
    (Holder(Holder(5)), "5"),
]


@pytest.mark.parametrize(("value", "literal"), VALUES, ids=[literal for _, literal in VALUES])
def test_value_becomes_a_literal_that_reads_back_as_itself(value: object, literal: str) -> None:
    expression = literal_of(value)
    assert format_expression(expression) == literal
    assert parse_expression(literal) == expression


def test_value_between_operators_keeps_its_sign_to_itself() -> None:
    statement = parse_statement("SELECT 2-:x AS Y FROM S;", None, {"x": -3})
    assert isinstance(statement, ast.Select)
    assert parse_statement(format_statement(statement)) == statement
    assert "(2 - -3)" in format_statement(statement)


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("SELECT * FROM S EMIT CHANGES LIMIT :n", "SELECT\n  *\nFROM S\nEMIT CHANGES\nLIMIT 10"),
        ("SELECT A FROM S WHERE A IN :ids", "SELECT\n  A\nFROM S\nWHERE (A IN (1, 2))"),
        ("SELECT A FROM S WHERE A NOT IN :ids", "SELECT\n  A\nFROM S\nWHERE (A NOT IN (1, 2))"),
        ("SELECT M[:key] AS X FROM S", "SELECT\n  M['k'] AS X\nFROM S"),
        ("SELECT {{column}} FROM {{source}}", "SELECT\n  STARS\nFROM RATINGS"),
        ("SELECT r.{{ column }} FROM {{odd}} r", "SELECT\n  R.STARS\nFROM `my \"stream\"` AS R"),
        ("SELECT `:key` FROM S -- :nosuch\n WHERE A = ':key'", "SELECT\n  `:key`\nFROM S\nWHERE (A = ':key')"),
        ("SELECT A FROM S WHERE A = '{{key}}'", "SELECT\n  A\nFROM S\nWHERE (A = '{{key}}')"),
        ("INSERT INTO S VALUES (:n, :key, :nothing)", "INSERT INTO S VALUES (10, 'k', null)"),
        ("PRINT :key LIMIT :n", "PRINT k LIMIT 10"),
        ("PRINT {{source}}", "PRINT ratings"),
        ("SET 'auto.offset.reset' = :key", "SET 'auto.offset.reset' = 'k'"),
        (
            "CREATE STREAM {{source}} (A INT) WITH (KAFKA_TOPIC=:key, PARTITIONS=:n, VALUE_FORMAT='JSON')",
            "CREATE STREAM RATINGS (A INTEGER) WITH (KAFKA_TOPIC='k', PARTITIONS=10, VALUE_FORMAT='JSON')",
        ),
        (
            "SELECT COUNT(*) AS N FROM S WINDOW TUMBLING (SIZE :n SECONDS) GROUP BY A EMIT CHANGES",
            "SELECT\n  COUNT(*) AS N\nFROM S\nWINDOW TUMBLING (SIZE 10 SECONDS)\nGROUP BY A\nEMIT CHANGES",
        ),
    ],
)  # fmt: skip
def test_value_stands_where_a_literal_may_and_a_name_where_a_name_may(text: str, printed: str) -> None:
    values = {
        "n": 10,
        "ids": [1, 2],
        "key": "k",
        "nothing": None,
        "column": "stars",
        "source": "ratings",
        "odd": '"my ""stream"""',
    }
    assert format_statement(parse_statement(text, None, values)) == printed


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (
            "SELECT :teir FROM S",
            "error: there is no value for :teir\n  1 | SELECT :teir FROM S\n    |        ^^^^^\n"
            "hint: did you mean :tier?",
        ),
        (
            "SELECT A FROM S WHERE A = :thing",
            "error: :thing cannot be bound: type object has no literal\n"
            "  1 | SELECT A FROM S WHERE A = :thing\n    |                           ^^^^^^\n"
            "hint: bind a number, text, bool, bytes, date, time, None, or a list or dict of these; or str(...) of it",
        ),
        (
            "SELECT * FROM S LIMIT :tier",
            "error: :tier is not expected here\n  1 | SELECT * FROM S LIMIT :tier\n    |                       ^^^^^\n"
            "hint: a whole number is expected, and :tier is 'P'",
        ),
        (
            "SELECT * FROM :tier",
            "error: :tier is not expected here\n  1 | SELECT * FROM :tier\n    |               ^^^^^\n"
            "hint: :tier stands for a value; for a name write {{tier}}",
        ),
        (
            "PRINT {{few}}",
            "error: {{few}} is of type list, and a name is text\n  1 | PRINT {{few}}\n    |       ^^^^^^^\n"
            "hint: a value is written :few",
        ),
        (
            "SELECT A FROM S WHERE A IN :tier",
            "error: :tier is not expected here\n  1 | SELECT A FROM S WHERE A IN :tier\n"
            "    |                            ^^^^^\nhint: IN takes a list, and :tier is none: write IN (:tier)",
        ),
        (
            "CREATE STREAM S (A INT) WITH (KAFKA_TOPIC=:few)",
            "error: a number, text, TRUE, FALSE or NULL is expected here, and :few is none of these\n"
            "  1 | CREATE STREAM S (A INT) WITH (KAFKA_TOPIC=:few)\n"
            "    |                                           ^^^^\nhint: bind str(...) of it",
        ),
    ],
)
def test_value_that_does_not_fit_is_pointed_at(text: str, rendered: str) -> None:
    with pytest.raises(ParseFailedError) as caught:
        parse_statement(text, None, {"tier": "P", "thing": object(), "few": [1], "_": 1})
    assert caught.value.render() == rendered


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (2**63, "the number is out of BIGINT's range"),
        (decimal.Decimal(10) ** 40, "fits no DECIMAL"),
        ([], "what is empty has no type"),
        ({1: "a", 2: None}, "the keys of a STRUCT are names"),
        (list(range(10_001)), "10,001 elements are too many"),
        ("\ud800", "half a character"),
        (dt.timedelta(1), "type timedelta has no literal"),
    ],
)
def test_value_without_a_literal_is_refused(value: object, problem: str) -> None:
    with pytest.raises(KsqlError, match=problem):
        literal_of(value)


@given(st.text())
def test_any_text_is_one_text_literal_or_refused(value: str) -> None:
    try:
        statement: Any = parse_statement("SELECT :x AS Y FROM S;", None, {"x": value})
    except ParseFailedError:
        assert any("\ud800" <= c <= "\udfff" for c in value)
        return
    assert statement.query.items[0].expression == ast.StringLiteral(value)
    assert parse_statement(format_statement(statement)) == statement


@given(st.text(min_size=1))
def test_any_text_is_one_name_or_refused(value: str) -> None:
    try:
        statement: Any = parse_statement("SELECT A FROM {{x}};", None, {"x": value})
    except ParseFailedError:
        return
    assert isinstance(statement, ast.Select)
    assert statement.query.source.name in (value, value.upper(), value[1:-1].replace("``", "`").replace('""', '"'))
    assert parse_statement(format_statement(statement)) == statement


def test_placeholders_are_listed_once_and_not_those_in_texts_and_comments() -> None:
    text = "SELECT :a, {{b}}, x::INT, `:c`, ':d' /* :e */ FROM {{b}} WHERE m[1:n] = :a -- :f"
    assert placeholders(text) == ("a", "b")


def test_value_is_taken_out_of_what_holds_it() -> None:
    assert value_of(Holder(np.float32(0.5))) == 0.5
    assert value_of(np.datetime64("2024-01-01")) == dt.date(2024, 1, 1)
