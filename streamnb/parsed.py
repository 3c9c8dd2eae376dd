"""What the texts of SQL statements were parsed to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from streamnb.duck import Sql

__all__ = ["ParsedStatements"]

_PARSED_CHARS_MAX = 2_000_000
"""How long the statements are together that a connection keeps parsed; that takes some 25 bytes a character."""
_IDLE_MAX = 4096
"""A statement that was not used for so many others is kept no longer, nor is it known that it came."""

T = TypeVar("T")


class ParsedStatements(Generic[T]):
    """What the texts of statements were parsed to: for small batches, parsing takes as long as planning.

    Only texts that come again are kept, while they do: many have numbers in them that are never the same, or for some
    seconds only.
    """

    def __init__(self) -> None:
        self._seen: dict[int, None] = {}  # hashes of texts that came once
        self._kept: dict[Sql, tuple[T, int]] = {}  # with the number of the last use; the one used last stands last
        self._chars = 0
        self._uses = 0

    def look_up(self, statement: Sql, parse: Callable[[Sql], Sequence[T]]) -> T | Sql:
        """Return what to run for a text: the parsed statement, or the text as it is."""
        self._uses += 1
        known = self._kept.pop(statement, None)
        parsed = self._parse_again(statement, parse) if known is None else known[0]
        if parsed is None:
            return statement
        self._kept[statement] = parsed, self._uses
        return parsed

    def _parse_again(self, statement: Sql, parse: Callable[[Sql], Sequence[T]]) -> T | None:
        """Parse a text for keeping if it came before."""
        known = hash(statement)
        if known not in self._seen:
            self._seen[known] = None
            if len(self._seen) > _IDLE_MAX:
                del self._seen[next(iter(self._seen))]
            return None
        parsed = parse(statement)
        if len(parsed) != 1:
            return None
        self._chars += len(statement)
        self._let_go()
        return parsed[0]

    def _let_go(self) -> None:
        """Keep neither what is not used any more nor more than there is room for."""
        while self._kept:
            oldest, (_, used) = next(iter(self._kept.items()))
            if self._chars <= _PARSED_CHARS_MAX and self._uses - used <= _IDLE_MAX:
                return
            self._chars -= len(oldest)
            del self._kept[oldest]

    def clear(self) -> None:
        """Keep nothing."""
        self._seen.clear()
        self._kept.clear()
        self._chars = 0
