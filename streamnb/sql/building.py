"""What all builders of syntax trees need: their error, and the names and places of the parser's tokens."""

from __future__ import annotations

from lark.lexer import Token
from lark.tree import Meta

from streamnb.errors import ParseFailedError, Span
from streamnb.sql import ast

__all__ = ["AT_LINE", "BuildError", "name_of", "span_of", "token_span"]

AT_LINE = "Failed to prepare statement: line {line}:{after}: "


class BuildError(ParseFailedError):
    """Text that fits the grammar and is no statement all the same.

    ``place`` is what the parser, which knows the script, puts before the message: a format with ``line``, ``column``
    (from 1) and ``after`` (one more: ksqlDB counts so in some messages).
    """

    def __init__(
        self,
        message: str,
        *,
        span: Span,
        summary: str,
        hint: str | None = None,
        place: str = "Failed to prepare statement: ",
    ) -> None:
        super().__init__(message, summary=summary, hint=hint, span=span)
        self.place = place


def span_of(meta: Meta) -> Span:
    """Return where a rule's text stands; the empty span at 0 for an empty rule."""
    return ast.NO_SPAN if meta.empty else Span(meta.start_pos, meta.end_pos)


def name_of(token: Token) -> str:
    """Resolve a name: as written if it was quoted, else upper case."""
    return str(token) if token.type == "QUOTED_NAME" else token.upper()


def token_span(token: Token) -> Span:
    """Tell where a token stands."""
    return Span(token.start_pos or 0, token.end_pos or 0)
