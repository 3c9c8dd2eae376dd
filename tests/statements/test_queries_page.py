"""The page on queries beyond ksqlDB shows what its examples answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from streamnb.results import Live, Rows
from tests.pipelines import shown_by, workspace

PAGE = (Path(__file__).parents[2] / "docs" / "queries.md").read_text(encoding="utf-8")
SETUP = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)[0]
EXAMPLES = re.findall(r"```sql\n([^`]*?)```\n\n```text\n(.*?)```", PAGE, re.DOTALL)


def written(rows: Sequence[tuple[object, ...]]) -> list[str]:
    return [" ".join(map(str, row)) for row in rows]


@pytest.mark.parametrize(("statement", "shown"), EXAMPLES)
def test_example_shows_its_rows(statement: str, shown: str) -> None:
    with workspace(start=True) as nb:
        nb(SETUP)
        result = nb(statement)
        if isinstance(result, Live):
            found = shown_by(result, lambda rows: written(rows) == shown.splitlines())
            assert written(found) == shown.splitlines()
        else:
            assert isinstance(result, Rows)
            assert written(result.rows) == shown.splitlines()


def test_page_has_an_example_of_each_clause() -> None:
    text = " ".join(statement for statement, _ in EXAMPLES)
    assert [c for c in ("DISTINCT", "UNION ALL", "ORDER BY", "(SELECT", "OVER") if c not in text] == []
