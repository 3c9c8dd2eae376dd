"""What the texts of SQL statements were parsed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from streamnb.duck import Sql

__all__ = ["ParsedStatements"]

_PARSED_CHARS_MAX = 2_000_000
"""How long the statements are together that a connection keeps parsed; that takes some 25 bytes a character."""
_SEEN_MAX = 4096

T = TypeVar("T")


class ParsedStatements(Generic[T]):
    """What the texts of statements were parsed to: for small batches, parsing takes as long as planning.

    Only texts that come again are kept: many have numbers in them that are never the same.
    """

    def __init__(self) -> None:
        self._seen: dict[int, None] = {}  # hashes of texts that came once
        self._kept: dict[Sql, T] = {}  # the one that was used last stands last
        self._chars = 0

    def look_up(self, statement: Sql, parse: Callable[[Sql], Sequence[T]]) -> T | Sql:
        """Return what to run for a text: the parsed statement, or the text as it is."""
        parsed = self._kept.pop(statement, None) or self._parse_again(statement, parse)
        if parsed is None:
            return statement
        self._kept[statement] = parsed
        return parsed

    def _parse_again(self, statement: Sql, parse: Callable[[Sql], Sequence[T]]) -> T | None:
        """Parse a text for keeping if it came before."""
        known = hash(statement)
        if known not in self._seen:
            self._seen[known] = None
            if len(self._seen) > _SEEN_MAX:
                del self._seen[next(iter(self._seen))]
            return None
        parsed = parse(statement)
        if len(parsed) != 1:
            return None
        self._chars += len(statement)
        while self._chars > _PARSED_CHARS_MAX and self._kept:
            oldest = next(iter(self._kept))
            self._chars -= len(oldest)
            del self._kept[oldest]
        return parsed[0]

    def clear(self) -> None:
        """Keep nothing."""
        self._seen.clear()
        self._kept.clear()
        self._chars = 0
