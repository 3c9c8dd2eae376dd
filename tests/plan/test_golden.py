"""Plans and errors of the statements in ``golden/``; ``python -m tests.plan.golden_update`` writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plan.golden_files import GOLDEN_FILES, rewritten


@pytest.mark.parametrize("path", GOLDEN_FILES, ids=lambda path: path.stem)
def test_plans_are_those_of_the_golden_file(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert rewritten(text).splitlines() == text.splitlines()
