"""The page about functions in Python shows code that runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from tests.pipelines import put, rows, run, workspace

PAGE = Path(__file__).parents[2] / "docs" / "user-functions.md"
BLOCK = re.compile(r"^```(python|sql)\n(.*?)^```", re.M | re.S)


def test_code_of_the_page_runs() -> None:
    names: dict[str, Any] = {}
    with workspace() as pipeline:
        for language, text in BLOCK.findall(PAGE.read_text(encoding="utf-8")):
            if language == "python":
                exec(text, names)
            else:
                pipeline.execute(text.removeprefix("%%ksql\n"))
        put(pipeline, "users", [(1, {"FIRST": "Ada", "LAST": "Lovelace", "POINTS": [7, 9]})])
        put(pipeline, "readings", [("lab", {"CELSIUS": c}) for c in (20, 30)] + [("attic", {"CELSIUS": 40})])
        run(pipeline)
        assert rows(pipeline, "SELECT NAME FROM NAMED;") == [("Ada Lovelace",)]
        assert rows(pipeline, "SELECT R FROM RANKS;") == [({"PLACE": 1, "VALUE": 7},), ({"PLACE": 2, "VALUE": 9},)]
        assert sorted(rows(pipeline, "SELECT ROOM, MEAN FROM CLIMATE;")) == [("attic", None), ("lab", 77.0)]
        assert rows(pipeline, "SELECT LARGEST(POINTS) + LARGEST(1, 4) AS X FROM USERS;") == [(13,)]
