"""Writes ``known_failures.txt`` anew: ``python -m tests.conformance.update``. A list that grew is not to be merged."""

from __future__ import annotations

import sys

from tests.conformance.functions import registered_functions
from tests.conformance.suite import case_files, known_failures, run_file, write_known


def main() -> None:
    """Run all public cases and list those that fail."""
    before = known_failures()
    failing: list[str] = []
    passed = 0
    with registered_functions():
        for file in case_files():
            score = run_file(file)
            sys.stdout.write(f"{score}\n")
            passed += len(score.passed)
            failing += score.problems
    write_known(failing)
    grown = sorted(set(failing) - before)
    sys.stdout.write(f"{passed} of {passed + len(failing)} pass\n")
    sys.stdout.write("".join(f"new on the list: {id_}\n" for id_ in grown))


if __name__ == "__main__":
    main()
