"""Every statement of ksqlDB's public cases parses, and prints to text that means the same.

The cases are not part of the repository: they lie beside it, or where STREAMNB_CONFORMANCE says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from streamnb.errors import ParseFailedError
from streamnb.sql.parser import parse_script, parse_statement, split_statements
from streamnb.sql.printer import format_statement

ROOT = Path(os.environ.get("STREAMNB_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance"))
PARSE_FAILED = "io.confluent.ksql.parser.exception.ParseFailedException"
# ksqlDB checks the window properties of a source while it parses; here the planner does, with the other properties.
LATER = ("'WINDOW_SIZE' should not be set", "Configuration WINDOW_SIZE is invalid")
# Messages of the parser that a server passes on with another type.
PARSER_MESSAGES = ("Syntax Error", "Expected number columns", "Value must be integer for command: LIMIT")

pytestmark = [
    pytest.mark.conformance,
    pytest.mark.skipif(not ROOT.is_dir(), reason="ksqlDB's public cases are not beside the repository"),
]


def json_cases() -> Iterator[tuple[str, dict[str, Any]]]:
    for folder in ("query", "rest", "legacy"):
        for file in sorted((ROOT / folder).glob("*.json")):
            for case in json.loads(file.read_text(encoding="utf-8"))["tests"]:
                yield f"{folder}/{file.name} | {case['name']}", case


def refusal_of_the_parser(case: dict[str, Any]) -> str | None:
    expected = case.get("expectedException") or case.get("expectedError") or {}
    message = str(expected.get("message", ""))
    if message.startswith(LATER):
        return None
    if expected.get("type") == PARSE_FAILED or any(m in message for m in PARSER_MESSAGES):
        return message
    return None


def test_all_statements_of_the_cases_parse_and_print() -> None:
    wrong: list[str] = []
    texts = 0
    for name, case in json_cases():
        if refusal_of_the_parser(case) is not None:
            continue
        for text in case["statements"]:
            texts += 1
            try:
                for statement in parse_script(text):
                    assert parse_statement(format_statement(statement)) == statement
            except (ParseFailedError, AssertionError) as error:
                wrong.append(f"{name}: {text}\n    {error}")
    assert not wrong, f"{len(wrong)} of {texts} fail ({100 - 100 * len(wrong) / texts:.1f} % pass)\n" + "\n".join(wrong)


def test_refusals_of_the_cases_are_worded_as_in_ksqldb() -> None:
    wrong: list[str] = []
    for name, case in json_cases():
        message = refusal_of_the_parser(case)
        if message is None:
            continue
        # A REST server gets queries one by one, so their lines count from 1.
        scripts = ["\n".join(case["statements"]), *case["statements"]]
        if not any(message in found for found in map(refusal, scripts)):
            wrong.append(f"{name}: {message!r}")
    assert not wrong, "\n".join(wrong)


def refusal(text: str) -> str:
    try:
        parse_script(text, strict=True)
    except ParseFailedError as error:
        return error.message
    return ""


def test_all_statements_of_the_test_tool_parse_and_print() -> None:
    for file in sorted((ROOT / "sql").rglob("*.sql")):
        for text in split_statements(file.read_text(encoding="utf-8")):
            statement = parse_statement(text, test_tool=True)
            assert parse_statement(format_statement(statement), test_tool=True) == statement
