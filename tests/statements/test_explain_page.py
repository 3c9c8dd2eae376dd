"""The page on EXPLAIN shows what EXPLAIN says."""

from __future__ import annotations

import re
from pathlib import Path

from tests.pipelines import USERS, rows, workspace

PAGE = Path(__file__).parents[2] / "docs" / "explain.md"


def test_page_shows_the_plan_and_the_names_of_its_example() -> None:
    text = PAGE.read_text(encoding="utf-8")
    [statement] = re.findall(r"```sql\n(.*?)```", text, re.DOTALL)
    plan, names = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    with workspace(ratings=2) as nb:
        nb(USERS.replace("PARTITIONS=1", "PARTITIONS=2"))
        told = rows(nb, statement)
    assert plan.splitlines() == [line for part, line in told if part == "plan"]
    assert names.splitlines() == [f"{part}  {line}" for part, line in told if part.startswith("names in")]
