"""Every public case passes, but for those listed in ``known_failures.txt``, which may only get fewer."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conformance.functions import registered_functions
from tests.conformance.suite import ROOT, all_ids, case_files, known_failures, run_file

pytestmark = pytest.mark.conformance
MISSING = "conformance data is not here"


@pytest.fixture(autouse=True)
def data() -> None:
    if not ROOT.is_dir():
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)


@pytest.fixture(scope="module")
def functions() -> Iterator[None]:
    with registered_functions():
        yield


@pytest.mark.parametrize("file", case_files() or [ROOT], ids=lambda f: f"{f.parent.name}/{f.name}")
def test_cases_pass_unless_listed(file: Path, functions: None, record_property: Callable[[str, object], None]) -> None:
    score = run_file(file)
    record_property("conformance", str(score))
    known = known_failures()
    broken = [f"{id_}: {problem}" for id_, problem in score.problems.items() if id_ not in known]
    repaired = [f"{id_} passes: take it out of known_failures.txt" for id_ in score.passed if id_ in known]
    assert not broken + repaired, "\n".join(broken + repaired)


def test_known_failures_are_sorted_cases_that_exist() -> None:
    listed = sorted(known_failures())
    counts = Counter(all_ids())
    assert [i for i in listed if i not in counts] == []
    assert "".join(f"{i}\n" for i in listed) == (Path(__file__).parent / "known_failures.txt").read_text("utf-8")
