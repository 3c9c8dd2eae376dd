"""Writes the reference page of functions with the public cases that call each of them: what ``make docs`` runs.

A case passes unless ``known_failures.txt`` lists it, which ``test_public_cases.py`` makes sure of. Where the cases are
not at hand, the page keeps the counts it has.
"""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from streamnb.functions.aggregate import aggregate_functions
from streamnb.functions.reference import render_reference
from streamnb.functions.registry import builtin_functions
from streamnb.functions.table import TABLE_FUNCTIONS
from streamnb.testing import load_cases
from tests.conformance.suite import ROOT, case_files, case_id, known_failures, needs_registry

__all__ = ["PAGE", "count_cases", "counts_of", "main"]

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "functions.md"
_QUOTED = re.compile(r"'(?:[^']|'')*'|`[^`]*`|\"[^\"]*\"|--[^\n]*")
_CALL = re.compile(r"(\w+)\s*\(")
_ROW = re.compile(r"\| `(\w+)` \|.*\| (\d+)(?: of (\d+))? \|$", re.MULTILINE)


def called(statements: tuple[str, ...]) -> set[str]:
    """Name the functions that statements call; they need not be correct."""
    words = {name.upper() for text in statements for name in _CALL.findall(_QUOTED.sub("''", text))}
    return words & {*builtin_functions(), *TABLE_FUNCTIONS, *aggregate_functions()}


def count_cases() -> dict[str, tuple[int, int]]:
    """Count the public cases that call each function: those that pass, and all."""
    failing = known_failures()
    passed, all_ = Counter[str](), Counter[str]()
    for file in case_files():
        for case in load_cases(file):
            if needs_registry(case):
                continue
            names = called(case.statements)
            all_.update(names)
            if case_id(file, case) not in failing:
                passed.update(names)
    return {name: (passed[name], count) for name, count in all_.items()}


def counts_of(page: str) -> dict[str, tuple[int, int]]:
    """Read the counts that a page shows."""
    return {name: (int(passed), int(all_ or passed)) for name, passed, all_ in _ROW.findall(page)}


def main() -> None:
    """Write the page."""
    counts = count_cases() if ROOT.is_dir() else counts_of(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(render_reference(counts), encoding="utf-8")


if __name__ == "__main__":
    main()
