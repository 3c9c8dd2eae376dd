"""Text to syntax tree: the front door of the SQL front end.

Spans of a statement count from the start of the script it stands in, and errors carry that script, so that lines
and columns are those the reader sees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from lark import UnexpectedToken
from lark.exceptions import VisitError
from lark.lexer import Token

from streamnb.errors import ParseFailedError, Span
from streamnb.schema import SqlType
from streamnb.sql import ast
from streamnb.sql.build_statements import StatementBuilder
from streamnb.sql.building import BuildError
from streamnb.sql.diagnosis import describe_syntax_error, line_column
from streamnb.sql.lalr import END, grammar
from streamnb.sql.tokens import (
    StatementText,
    check_characters,
    placeholders,
    split_statements,
    tokenize,
    with_stand_ins,
)

__all__ = [
    "StatementText",
    "accepted_tokens",
    "line_column",
    "parse_columns",
    "parse_expression",
    "parse_script",
    "parse_statement",
    "parse_type",
    "placeholders",
    "split_statements",
]

_BUILDER = StatementBuilder()


def parse_statement(
    text: str | StatementText,
    variables: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    *,
    strict: bool = False,
    test_tool: bool = False,
) -> ast.Statement:
    """Parse one statement; a ``;`` at its end is allowed.

    ``variables`` replace ``${name}``, one token for one token. ``parameters`` are the values that ``:name`` stands for,
    as literals, and the names that ``{{name}}`` stands for. ``strict`` leaves out what ksqlDB's server does not know:
    RUN SCRIPT, DISTINCT, UNION, ORDER BY and a SELECT in FROM. ``test_tool`` adds the statements of ksqlDB's test tool:
    ASSERT VALUES, ASSERT NULL VALUES, ASSERT STREAM and ASSERT TABLE.

    Raises: ParseFailedError.
    """
    if isinstance(text, str):
        text = _only_statement(text)
    script = text.script or text.text
    start = text.start if text.script else 0
    rule = "test_statement" if test_tool else "statement" if strict else "session_statement"
    end = start + len(text.text)
    statement: ast.Statement = _parse(script, rule, variables, parameters, start, end, strict=strict)
    return statement


def parse_script(
    text: str, variables: Mapping[str, str] | None = None, *, strict: bool = False, test_tool: bool = False
) -> list[ast.Statement]:
    """Parse all statements of a script. DEFINE takes no effect here: it is for whoever runs the statements.

    ``strict`` and ``test_tool`` are those of ``parse_statement``.

    Raises: ParseFailedError for the first statement that is none.
    """
    return [parse_statement(s, variables, strict=strict, test_tool=test_tool) for s in split_statements(text)]


def parse_expression(text: str) -> ast.Expression:
    """Parse an expression, such as ``A + 1``."""
    expression: ast.Expression = _parse(text, "expression")
    return expression


def parse_type(text: str) -> SqlType:
    """Parse a type, such as ``ARRAY<STRING>``; a name that is no built-in type gives an ``ast.TypeName``."""
    sql_type: SqlType = _parse(text, "type")
    return sql_type


def parse_columns(text: str) -> tuple[ast.ColumnDef, ...]:
    """Parse the columns of a schema, such as ``ID BIGINT KEY, `foo` STRING``; empty text has none."""
    columns: tuple[ast.ColumnDef, ...] = _parse(text, "schema")
    return columns


def accepted_tokens(text: str) -> set[str]:
    """List what may be typed at the end of a text: keywords, operators, and ``<name>``, ``<text>``, ``<number>``.

    A word that touches the end counts as unfinished and is left out; of a script, the last statement counts. Text
    that no statement begins with gives the empty set. ``;`` is listed where the statement is complete.
    """
    rules = grammar()
    text = with_stand_ins(text)
    try:
        start = _last_statement_start(text)
        tokens = list(tokenize(text, start, len(text), rules.operators, None))
        if tokens and tokens[-1].type == "WORD" and tokens[-1].end_pos == len(text):
            tokens.pop()
        accepted = rules.accepted(tokens, "session_statement")
    except (ParseFailedError, UnexpectedToken):
        return set()
    return {_PLACEHOLDERS.get(kind) or rules.shown(kind) for kind in accepted}


_PLACEHOLDERS = {
    END: ";",
    "NAME": "<name>",
    "QUOTED_NAME": "<name>",
    "TEXT": "<text>",
    "INTEGER_VALUE": "<number>",
    "DECIMAL_VALUE": "<number>",
    "FLOATING_VALUE": "<number>",
}


def _last_statement_start(text: str) -> int:
    """Return where the statement begins that the end of a text belongs to."""
    statements = split_statements(text)
    if not statements:
        return 0
    last = statements[-1]
    end = last.start + len(last.text)
    # A semicolon behind the last statement begins a new one.
    return len(text) if ";" in text[end:] else last.start


def _only_statement(text: str) -> StatementText:
    statements = split_statements(text)
    if len(statements) == 1:
        return statements[0]
    if not statements:
        raise ParseFailedError("Could not parse empty statement", summary="no statement is given", text=text)
    second = statements[1]
    raise ParseFailedError(
        f"Expected exactly one KSQL statement; found {len(statements)} instead",
        summary=f"one statement is expected, but {len(statements)} are given",
        text=text,
        span=Span(second.start, second.start + 1),
    )


def _parse(
    text: str,
    rule: str,
    variables: Mapping[str, str] | None = None,
    parameters: Mapping[str, object] | None = None,
    start: int = 0,
    end: int | None = None,
    *,
    strict: bool = False,
) -> Any:
    """Parse ``text[start:end]`` by one of the grammar's start rules; ``strict`` as in ``parse_statement``."""
    check_characters(text)
    rules = grammar()
    end = len(text) if end is None else end
    tokens: list[Token] = list(tokenize(text, start, end, rules.operators, variables, parameters))
    if strict:
        _forget_extensions(tokens)
    try:
        return _BUILDER.transform(rules.parse(tokens, rule))
    except UnexpectedToken as error:
        raise describe_syntax_error(error, tokens, rule, text, start, end) from None
    except VisitError as error:
        if isinstance(error.orig_exc, BuildError):
            raise _placed(error.orig_exc, text) from None
        raise


_UNKNOWN = "UNKNOWN"
"""A kind of token that the grammar accepts nowhere."""


def _forget_extensions(tokens: Sequence[Token]) -> None:
    """Take the words that only the dialect's extensions give a meaning for what they are to ksqlDB."""
    for token, following in pairwise(tokens):
        word, next_word = (t.upper() if t.type == "WORD" else None for t in (token, following))
        if word in ("ORDER", "UNION"):
            token.type = "NAME"
        elif (word, next_word) == ("SELECT", "DISTINCT"):
            following.type = _UNKNOWN
        elif token == "(" and next_word == "SELECT":
            token.type = _UNKNOWN


def _placed(error: BuildError, text: str) -> ParseFailedError:
    """Give an error its text, and its message the line and column."""
    line, column = line_column(text, error.span.start if error.span is not None else 0)
    place = error.place.format(line=line, column=column, after=column + 1)
    return ParseFailedError(place + error.message, summary=error.summary, hint=error.hint, text=text, span=error.span)
