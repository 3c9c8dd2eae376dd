"""Writes the golden plans anew: ``python -m tests.plan.golden_update``. Read the diff before it is committed."""

from __future__ import annotations

import sys

from tests.plan.golden_files import GOLDEN_FILES, rewritten


def main() -> None:
    """Rewrite the files whose plans have changed, and name them."""
    for path in GOLDEN_FILES:
        before = path.read_text(encoding="utf-8")
        after = rewritten(before)
        if after != before:
            path.write_text(after, encoding="utf-8")
            sys.stdout.write(f"changed: {path.name}\n")


if __name__ == "__main__":
    main()
