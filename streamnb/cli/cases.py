"""``streamnb test``: cases in the JSON form of ksqlDB's tests, and single cases in three files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Console

from streamnb.errors import StreamnbError
from streamnb.testing import Case, CaseResult, run_case, run_paths

__all__ = ["run_cases", "run_single", "single_case"]

PROBLEM_LENGTH_MAX = 400


def run_cases(console: Console, paths: Sequence[Path], known_failures: Path | None) -> int:
    """Run files and folders of cases; print those that fail, the counts of each file, and the closing line.

    Returns 0 unless a case fails that is not in the list of known failures, or one passes that is, or none was found.
    """
    known = _read_list(known_failures)
    unexpected: list[CaseResult] = []
    fixed: list[str] = []

    def on_result(result: CaseResult) -> None:
        if result.problem is None and result.case.id in known:
            fixed.append(result.case.id)
        elif result.problem is not None and result.case.id not in known:
            unexpected.append(result)
            _print_problem(console, result)

    try:
        summary = run_paths(paths, on_result)
    except (OSError, ValueError) as error:
        raise StreamnbError(f"test cases cannot be read: {error}") from error
    for name, passed, total in summary.per_file():
        _print(console, f"{passed:>5} of {total:<5} {name}")
    if fixed:
        _print(console, "these pass and must leave the list of known failures:")
        for id_ in fixed:
            _print(console, f"  {id_}")
    _print(console, summary.closing_line())
    return 1 if unexpected or fixed or not summary.results else 0


def run_single(console: Console, statements: Path, inputs: Path, outputs: Path) -> int:
    """Run one case of three files, in the forms of ksqlDB's test runner."""
    result = run_case(single_case(statements, inputs, outputs))
    if result.problem is not None:
        _print_problem(console, result)
    passed = int(result.problem is None)
    _print(console, f"{passed} passed, {1 - passed} failed")
    return 1 - passed


def single_case(statements: Path, inputs: Path, outputs: Path) -> Case:
    """Make a case of a file of statements, one of ``{"inputs": […]}`` and one of ``{"outputs": […]}``."""
    body = {"name": statements.stem, "inputs": _records(inputs, "inputs"), "outputs": _records(outputs, "outputs")}
    return Case(statements.stem, statements.name, "query", (_read(statements),), {}, body)


def _records(path: Path, name: str) -> list[Any]:
    try:
        document = json.loads(_read(path), parse_float=Decimal)
    except ValueError as error:
        raise StreamnbError(f"file {path} is no JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get(name), list):
        raise StreamnbError(f"file {path} has no list named {name}", hint=f'write {{"{name}": [{{"topic": …}}]}}')
    records: list[Any] = document[name]
    return records


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise StreamnbError(f"file {path} cannot be read: {error.strerror}") from error


def _read_list(path: Path | None) -> frozenset[str]:
    """Read a list of case ids, one a line; empty lines and those that begin with ``#`` are left out."""
    lines: Iterable[str] = _read(path).splitlines() if path is not None else ()
    return frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))


def _print_problem(console: Console, result: CaseResult) -> None:
    _print(console, f"failed: {result.case.file}: {result.case.id}")
    for line in (result.problem or "")[:PROBLEM_LENGTH_MAX].splitlines():
        _print(console, f"    {line}")


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
