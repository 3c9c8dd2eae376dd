"""The reference page of functions says what the declarations say."""

from __future__ import annotations

import re

from streamnb.functions.reference import render_reference
from streamnb.functions.registry import builtin_functions
from tests.conformance.reference import PAGE, counts_of

PUBLIC_CASES = re.compile(r"\| [^|]* \|$", re.MULTILINE)


def test_reference_page_is_up_to_date_but_for_the_public_cases() -> None:
    written = PUBLIC_CASES.sub("|", PAGE.read_text(encoding="utf-8"))
    assert written == PUBLIC_CASES.sub("|", render_reference())


def test_counts_of_public_cases_are_read_from_the_page_as_they_were_written() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render_reference(counts_of(page)) == page


def test_every_function_has_a_line_of_documentation() -> None:
    for function in builtin_functions().values():
        assert function.doc.endswith("."), function.name
        assert function.category, function.name
