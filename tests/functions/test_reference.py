"""The reference page of functions says what the declarations say."""

from __future__ import annotations

from pathlib import Path

from streamnb.functions.reference import render_reference
from streamnb.functions.registry import builtin_functions

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "functions.md"


def test_reference_page_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render_reference()


def test_every_function_has_a_line_of_documentation() -> None:
    for function in builtin_functions().values():
        assert function.doc.endswith("."), function.name
        assert function.category, function.name
