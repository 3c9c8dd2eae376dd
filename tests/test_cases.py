"""Our own cases: statements with their input and output records, or with their error, in ksqlDB's JSON form."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamnb.testing import Case, load_cases, run_case

CASES = [case for path in sorted((Path(__file__).parent / "cases").glob("*.json")) for case in load_cases(path)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_case_ends_as_its_file_says(case: Case) -> None:
    assert run_case(case).problem is None
