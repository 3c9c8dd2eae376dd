"""Runs cases and counts how they end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from streamnb.errors import StreamnbError
from streamnb.store import DatabaseError
from streamnb.testing.cases import Case, load_cases
from streamnb.testing.querycases import CaseFailure, run_query_case
from streamnb.testing.restcases import run_rest_case
from streamnb.testing.sqlcases import run_sql_case

__all__ = ["CaseResult", "Summary", "run_case", "run_paths"]

_CRASHES = (LookupError, TypeError, ValueError, AssertionError, AttributeError, ArithmeticError)


@dataclass(frozen=True)
class CaseResult:
    """How a case ended: ``problem`` is None when it passed; ``lenient`` tells that any error was right."""

    case: Case
    problem: str | None
    lenient: bool = False


@dataclass(frozen=True)
class Summary:
    """How many cases passed, per file and in all."""

    results: tuple[CaseResult, ...]

    @property
    def passed(self) -> int:
        """Count the cases that passed."""
        return sum(r.problem is None for r in self.results)

    @property
    def failed(self) -> int:
        """Count the cases that failed."""
        return len(self.results) - self.passed

    def per_file(self) -> list[tuple[str, int, int]]:
        """List each file with its passed cases and all of its cases."""
        passed = Counter(r.case.file for r in self.results if r.problem is None)
        totals = Counter(r.case.file for r in self.results)
        return [(name, passed[name], total) for name, total in sorted(totals.items())]

    def closing_line(self) -> str:
        """Write the last line of a run."""
        return f"{self.passed} passed, {self.failed} failed"


def run_case(case: Case) -> CaseResult:
    """Run one case in an engine of its own."""
    runners: dict[str, Callable[[Case], None]] = {
        "query": run_query_case,
        "rest": run_rest_case,
        "sql": run_sql_case,
    }
    try:
        runners[case.kind](case)
    except CaseFailure as failure:
        return CaseResult(case, str(failure), failure.lenient)
    except StreamnbError as error:
        return CaseResult(case, f"{type(error).__name__}: {error.message}")
    except (DatabaseError, *_CRASHES) as error:
        return CaseResult(case, f"crashed: {type(error).__name__}: {error}")
    return CaseResult(case, None)


def run_paths(paths: Iterable[Path], on_result: Callable[[CaseResult], None] | None = None) -> Summary:
    """Run all cases of files and folders, in the order of their names."""
    results = []
    for path in paths:
        files = sorted(p for p in path.rglob("*") if p.suffix in (".json", ".sql")) if path.is_dir() else [path]
        for file in files:
            for case in load_cases(file):
                result = run_case(case)
                if on_result is not None:
                    on_result(result)
                results.append(result)
    return Summary(tuple(results))
