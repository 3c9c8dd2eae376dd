"""The reference page of statements: every statement is on it, and every example is one."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from tests.pipelines import workspace

PAGE = (Path(__file__).parent.parent / "docs" / "reference" / "statements.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
EXAMPLES = re.findall(r"\| `([^`]+;)` \|$", PAGE, re.MULTILINE)


def test_every_kind_of_statement_has_an_example() -> None:
    kinds = {type(parse_statement(example, test_tool=True)) for example in EXAMPLES}
    assert {k.__name__ for k in ast.Statement.__subclasses__()} == {k.__name__ for k in kinds}


def test_every_form_has_a_line_and_an_example() -> None:
    assert [row for row in ROWS if len(row) != 3 or not row[1] or not row[2].endswith(";`")] == []


@pytest.mark.parametrize("what", [
    "STREAMS", "TABLES", "TOPICS", "QUERIES", "FUNCTIONS", "PROPERTIES", "TYPES", "VARIABLES", "CONNECTORS",
    "SINK CONNECTORS", "CONNECTOR PLUGINS",
])  # fmt: skip
def test_every_list_is_named_and_can_be_shown(what: str) -> None:
    assert what in PAGE
    with workspace() as nb:
        assert nb(f"SHOW {what};") is not None
