"""Both layouts of keyed state for tests of small tables, with hashes that clash."""

from __future__ import annotations

import pytest

from streamnb.duck import lit
from streamnb.state import keyed, tables

__all__ = ["LAYOUTS", "choose_layout"]

LAYOUTS = ("scanned", "indexed")


def choose_layout(patch: pytest.MonkeyPatch, layout: str) -> None:
    """Give keys one hash of two, and have tables indexed from the first row on, and folded every few rows.

    The short hashes in a table's column stay in it: a statement is compiled with them.
    """
    patch.setattr(tables, "_HASH_MASK", lit(1))
    patch.setattr(keyed, "_HASH", "(hash({}) & 1)::UBIGINT")
    if layout == "indexed":
        patch.setattr(keyed, "INDEX_ROWS", 0)
        patch.setattr(keyed, "_NEWER_MIN", 7)
