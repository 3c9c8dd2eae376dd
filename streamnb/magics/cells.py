"""Where the cursor stands in a %ksql line or %%ksql cell, and which statement it stands in."""

from __future__ import annotations

import re
from dataclasses import dataclass

from streamnb.errors import StreamnbError
from streamnb.sql.parser import split_statements

__all__ = ["Place", "find_place"]

_LINE = re.compile(r"(?:\A|=)\s*%ksql(?:\s|\Z)")
_CELL = re.compile(r"\s*%%ksql\b")


@dataclass(frozen=True)
class Place:
    """The text around a cursor: of the magic's own line, or of the statements.

    ``head`` tells that the cursor is where options and commands stand; what follows the line is then in ``after``.
    """

    before: str
    after: str
    head: bool

    @property
    def statement(self) -> str:
        """The beginning of the statement that the cursor stands in, up to the cursor."""
        return _unfinished(self.before)

    @property
    def rest(self) -> str:
        """What follows of the statement that the cursor stands in."""
        try:
            found = split_statements(f"x{self.after}")
        except StreamnbError:
            return ""
        return found[0].text[1:] if found else ""


def find_place(text: str, offset: int) -> Place | None:
    """Find the cursor in a cell; None where it is no streaming SQL."""
    before, after = text[:offset], text[offset:]
    cell = _CELL.match(text)
    if cell is not None:
        if cell.end() > offset:
            return None
        head, newline, below = before[cell.end() :].partition("\n")
        return Place(below, after, False) if newline else Place(head, after.partition("\n")[2], True)
    line_start = before.rfind("\n") + 1
    found = _LINE.match(before, line_start) or _LINE.search(before, line_start)
    if found is None or found.end() > offset or not found[0][-1:].isspace():
        return None
    return Place(before[found.end() :], after.partition("\n")[0], True)


def _unfinished(text: str) -> str:
    """Cut what comes behind the last semicolon that ends a statement."""
    try:
        statements = split_statements(text)
    except StreamnbError:
        return text
    if not statements:
        return ""
    last = statements[-1]
    return "" if ";" in text[last.start + len(last.text) :] else text[last.start :]
