"""An error says what ksqlDB says, points at the text, and leads to what was meant."""

from __future__ import annotations

import pytest

from streamnb.errors import ParseFailedError
from streamnb.sql.parser import parse_script, parse_statement


def refuse(text: str) -> ParseFailedError:
    with pytest.raises(ParseFailedError) as refused:
        parse_script(text)
    assert refused.value.text == text
    return refused.value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "SHO STREAMS",
            "line 1:1: Syntax Error\nUnknown statement 'SHO'\nDid you mean 'SHOW'?\nStatement: SHO STREAMS;",
        ),
        ("CREATE STREAM x (a INT (b));", "line 1:25: Syntax Error\nExpecting {'STRING', INTEGER_VALUE}\nStatement: "),
        ("CREATE STREAM x (a INT(STRING) (b));", "line 1:32: Syntax Error\nExpecting {',', ')'}\nStatement: "),
        ("SELECT a,\n CAST(b AS NULL) FROM t", "Syntax error at or near 'NULL' at line 2:12"),
        ("CREATE STREAM values (a INT)", '"values" is a reserved keyword and it can\'t be used as an identifier.'),
        ("SELECT 9223372036854775808 FROM t", "Failed to prepare statement: line 1:9: Invalid numeric literal: 92233"),
        ("SELECT -1.8E308 FROM t", "Number overflows DOUBLE: -1.8E308"),
        ("SELECT a FROM t LIMIT 2.5", "Failed to prepare statement: Value must be integer for command: LIMIT"),
        ("INSERT INTO t (a) VALUES (1, 2)", "Expected number columns and values to match: 1, 2"),
        ("CREATE STREAM t (a INT PRIMARY KEY)", "Line: 1, Col: 18: Column `A` is a 'PRIMARY KEY' column: please use"),
        ("CREATE TABLE t (a INT KEY)", "Line: 1, Col: 17: Column `A` is a 'KEY' column: please use 'PRIMARY KEY'"),
        ("CREATE STREAM t (a DECIMAL(2, 3))", "DECIMAL precision must be >= scale: DECIMAL(2,3)"),
        ("SELECT a LIKE 'x' ESCAPE '!!' FROM t", "Expected exactly one character in ESCAPE but got: !!"),
        ("SELECT FOO '1' FROM t", "Unknown type: FOO"),
    ],
)
def test_message_is_worded_as_in_ksqldb(text: str, message: str) -> None:
    assert message in refuse(text).message


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("SELCT * FROM t", "did you mean SELECT?"),
        ("SELECT a FORM t", "did you mean FROM?"),
        ("SELECT * FROM t WERE a = 1", "did you mean WHERE?"),
        ("SELECT * FROM t WINDOW TUMBLNG (SIZE 5 SECONDS)", "did you mean TUMBLING?"),
        ("CREATE STREM x (a INT)", "did you mean STREAM?"),
        ("SELECT a, FROM t", "leave the comma before FROM out"),
        ("CREATE STREAM from (a INT)", "FROM is a keyword; as a name it is written `FROM`"),
        ("SHOW REGISTERED TOPICS", "topics are no longer registered: SHOW TOPICS lists those of the log"),
        ("DROP TOPIC x", "a topic is deleted with its source: DROP STREAM name DELETE TOPIC"),
        ("SELECT * FROM t WHERE a = \"Platinum'", "texts stand in single quotes: 'Platinum'"),
        ("SELECT * FROM t WHERE a = 'x", "a quote inside a text is written twice: 'it''s'"),
        ("SELECT * FROM t WHERE a = \u2018x\u2019", "replace typographic quotes by plain ones: 'text'"),
        ("SELECT \u00fc FROM t", "names with other letters than A-Z stand in back quotes"),
        ("SELECT a /* open", "end it with */"),
        ("SELECT TRANSFORM(a, (1, 2) => 3) FROM t", "write x => ..., or (k, v) => ..."),
        ("SHOW", None),
    ],
)
def test_hint_leads_to_what_was_meant(text: str, hint: str | None) -> None:
    found = refuse(text).hint
    assert found == hint if hint is not None else found is not None and found.startswith("expected ALL, CONNECTOR")


def test_rendering_points_at_the_misspelt_word() -> None:
    assert refuse("SELECT *\nFROM t\nWERE stars < 3;").render() == (
        "error: WERE is not expected here\n  3 | WERE stars < 3;\n    | ^^^^\nhint: did you mean WHERE?"
    )


def test_rendering_points_behind_a_statement_that_ends_too_early() -> None:
    assert refuse("SELECT * FROM").render() == (
        "error: the statement ends too early\n  1 | SELECT * FROM\n    |              ^\nhint: expected a name or ("
    )


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t PARTITION BY a EMIT CHANGES PARTITION BY b",
        "SELECT a FROM t WINDOW TUMBLING (SIZE 1 DAY, GRACE PERIOD 1 DAY, GRACE PERIOD 2 DAYS)",
        "SELECT a FROM t WINDOW HOPPING (SIZE 1 DAY)",
        "SELECT a FROM t GROUP BY a AND b",
        "CREATE OR REPLACE SINK CONNECTOR x WITH ()",
    ],
)
def test_misuse_of_clauses_is_refused(text: str) -> None:
    with pytest.raises(ParseFailedError):
        parse_statement(text)
