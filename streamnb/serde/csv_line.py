"""The first record of a CSV text, split as Apache Commons CSV's default format splits it."""

from __future__ import annotations

from streamnb.serde.base import Undecodable

__all__ = ["split_line"]


def split_line(text: str, delimiter: str) -> list[str]:
    """Split the first line that is not empty into cells; an empty list when there is none.

    A cell is quoted only when a quote is its very first character; two quotes inside stand for one; behind the closing
    quote only blanks may follow. Line ends (CR, LF, CRLF) inside quotes belong to the cell.
    Raises: Undecodable when a quoted cell does not end, or something follows it.
    """
    position = 0
    while position < len(text) and text[position] in "\r\n":
        position += 1
    if position == len(text):
        return []
    cells = []
    while True:
        if text.startswith('"', position):
            cell, position = _quoted_cell(text, position + 1, delimiter)
        else:
            start = position
            while position < len(text) and text[position] != delimiter and text[position] not in "\r\n":
                position += 1
            cell = text[start:position]
        cells.append(cell)
        if position == len(text) or text[position] != delimiter:
            return cells
        position += 1


def _quoted_cell(text: str, position: int, delimiter: str) -> tuple[str, int]:
    """Read a quoted cell from behind its opening quote; return it and the place of the delimiter or end behind it."""
    parts = []
    while True:
        end = text.find('"', position)
        if end < 0:
            raise Undecodable("EOF reached before encapsulated token finished")
        parts.append(text[position:end])
        if not text.startswith('""', end):
            break
        parts.append('"')
        position = end + 2
    position = end + 1
    while position < len(text) and text[position] != delimiter and text[position] not in "\r\n":
        if not text[position].isspace():
            raise Undecodable("invalid char between encapsulated token and delimiter")
        position += 1
    return "".join(parts), position
