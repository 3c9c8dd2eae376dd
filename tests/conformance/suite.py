"""Where the public cases are, which of them count, and which are known to fail.

The cases are not part of the repository: they lie beside it, or where STREAMNB_CONFORMANCE says. The id of a case is
that of its file's folder and its own, as in ``query/having - calculate average in having``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from streamnb.testing import Case, load_cases, run_case

__all__ = ["KNOWN_FAILURES", "ROOT", "FileScore", "case_files", "case_id", "known_failures", "run_file", "write_known"]

ROOT = Path(os.environ.get("STREAMNB_CONFORMANCE", Path(__file__).parents[3] / "shared" / "conformance"))
KNOWN_FAILURES = Path(__file__).with_name("known_failures.txt")
FOLDERS = ("query", "rest", "sql")
REGISTRY_FORMATS = ("AVRO", "PROTOBUF", "JSON_SR")


@dataclass(frozen=True)
class FileScore:
    """How the cases of a file ended: ids of those that passed, problems of the others by id.

    ``excluded`` counts the cases that need a format of the schema registry, which is not available yet.
    """

    name: str
    passed: tuple[str, ...]
    problems: dict[str, str]
    excluded: int

    def __str__(self) -> str:
        counted = len(self.passed) + len(self.problems)
        note = f", {self.excluded} need registry formats" if self.excluded else ""
        return f"{len(self.passed):>4} of {counted:<4} {self.name}{note}"


def case_files() -> list[Path]:
    """List the files of the public cases."""
    return [f for folder in FOLDERS for f in sorted((ROOT / folder).rglob("*")) if f.suffix in (".json", ".sql")]


def case_id(file: Path, case: Case) -> str:
    """Name a case uniquely over all folders."""
    return f"{file.relative_to(ROOT).parts[0]}/{case.id}"


def needs_registry(case: Case) -> bool:
    """Tell whether a case names a format of the schema registry in its statements, topics or properties."""
    text = json.dumps([case.statements, case.body.get("topics"), case.body.get("properties")], default=str).upper()
    return any(name in text for name in REGISTRY_FORMATS)


def run_file(file: Path) -> FileScore:
    """Run the cases of a file that count."""
    passed: list[str] = []
    problems: dict[str, str] = {}
    excluded = 0
    for case in load_cases(file):
        if needs_registry(case):
            excluded += 1
            continue
        problem = run_case(case).problem
        if problem is None:
            passed.append(case_id(file, case))
        else:
            problems[case_id(file, case)] = problem
    return FileScore(str(file.relative_to(ROOT)), tuple(passed), problems, excluded)


def known_failures() -> frozenset[str]:
    """Read the ids of the cases that fail so far."""
    return frozenset(KNOWN_FAILURES.read_text(encoding="utf-8").splitlines())


def write_known(ids: Iterable[str]) -> None:
    """Write the list of known failures anew."""
    KNOWN_FAILURES.write_text("".join(f"{i}\n" for i in sorted(set(ids))), encoding="utf-8")


def all_ids() -> Iterator[str]:
    """Go through the ids of all cases that count."""
    for file in case_files():
        for case in load_cases(file):
            if not needs_registry(case):
                yield case_id(file, case)
