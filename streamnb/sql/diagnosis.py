"""What is wrong with text that is no statement: ksqlDB's message, and a hint that leads to what was meant."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

from lark import UnexpectedToken
from lark.lexer import Token

from streamnb.errors import ParseFailedError, Span
from streamnb.sql.advice import Refusal, advise, known_elsewhere
from streamnb.sql.lalr import END, Grammar, grammar
from streamnb.sql.tokens import RESERVED

__all__ = ["describe_syntax_error", "line_column"]

_NAMES = {
    "NAME": "a name",
    "QUOTED_NAME": "a name",
    "TEXT": "a text in single quotes",
    "INTEGER_VALUE": "a number",
    "DECIMAL_VALUE": "a number",
    "FLOATING_VALUE": "a number",
    END: "the end of the statement",
}
_HINT_TOKENS_MAX = 8
_MESSAGE_TOKENS_MAX = 3
_CLOSE = 0.7


def line_column(text: str, offset: int) -> tuple[int, int]:
    """Return line and column, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def describe_syntax_error(
    error: UnexpectedToken, tokens: Sequence[Token], rule: str, text: str, start: int, end: int
) -> ParseFailedError:
    """Build the error for a token that the grammar refuses.

    ``text[start:end]`` is the statement, ``tokens`` its tokens, ``rule`` the grammar's start rule.
    """
    rules = grammar()
    index = _index(error.token, tokens)
    span = _span(tokens, index, end)
    accepted = rules.accepted_by(error.state)
    message = _message(rules, tokens, index, accepted, text, span) + f"\nStatement: {text[start:end]};"
    refusal = Refusal(tokens, index, accepted, text)
    known = known_elsewhere(refusal)
    misspelt = None if known else _misspelt(rules, tokens, index, accepted, rule)
    if misspelt is None:
        hint = known or advise(refusal) or _alternatives(rules, accepted)
    else:
        index, keyword = misspelt
        span, hint = _span(tokens, index, end), f"did you mean {keyword}?"
    return ParseFailedError(message, summary=_summary(tokens, index, text, span), hint=hint, text=text, span=span)


def _index(token: Token, tokens: Sequence[Token]) -> int:
    """Find the refused token; the end mark stands behind the last one."""
    if token.type == END:
        return len(tokens)
    return next(i for i, candidate in enumerate(tokens) if candidate is token)


def _span(tokens: Sequence[Token], index: int, end: int) -> Span:
    if index < len(tokens):
        token = tokens[index]
        return Span(token.start_pos or 0, token.end_pos or 0)
    return Span(end, end + 1)


def _written(text: str, span: Span) -> str:
    return text[span.start : span.end] if span.start < len(text) else "<EOF>"


def _message(rules: Grammar, tokens: Sequence[Token], index: int, accepted: set[str], text: str, span: Span) -> str:
    """Write the error as ksqlDB does, which depends on how far its parser looks ahead."""
    line, column = line_column(text, span.start)
    word = _written(text, span)
    if index == 0:
        close = _close_keyword(rules, word, accepted)
        also = f"\nDid you mean '{close}'?" if close else ""
        return f"line {line}:{column}: Syntax Error\nUnknown statement '{word}'{also}"
    if _in_select_list(tokens, index):
        return f"line {line}:{column}: Syntax error at or near '{word}' at line {line}:{column}"
    if _is_reserved_name(tokens, index, accepted):
        return (
            f'line {line}:{column}: Syntax Error\n"{word}" is a reserved keyword and it can\'t be used as an '
            f"identifier. You can use it as an identifier by escaping it as `{word}`"
        )
    return f"line {line}:{column}: Syntax Error\n{_expecting(rules, accepted)}"


def _expecting(rules: Grammar, accepted: set[str]) -> str:
    shown = sorted(_quoted(rules, kind) for kind in accepted)
    if {"','", "')'"} <= set(shown):
        shown = ["','", "')'"]
    return f"Expecting {{{', '.join(shown)}}}" if len(shown) <= _MESSAGE_TOKENS_MAX else ""


def _quoted(rules: Grammar, kind: str) -> str:
    return kind if kind in _NAMES else f"'{rules.shown(kind)}'"


def _in_select_list(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a token stands between a SELECT and its FROM."""
    for token in reversed(tokens[:index]):
        if token.type in ("SELECT", "FROM"):
            return token.type == "SELECT"
    return False


def _is_reserved_name(tokens: Sequence[Token], index: int, accepted: set[str]) -> bool:
    return index < len(tokens) and tokens[index].type in RESERVED and "NAME" in accepted


def _summary(tokens: Sequence[Token], index: int, text: str, span: Span) -> str:
    if index == len(tokens):
        return "the statement ends too early"
    word = _written(text, span)
    if index == 0:
        return f"no statement starts with {word}"
    return f"{word} is not expected here"


def _alternatives(rules: Grammar, accepted: set[str]) -> str:
    """Write what is expected: keywords and kinds of values first, operators only when there is nothing else."""
    words = sorted({_NAMES.get(kind, kind) for kind in accepted if kind in _NAMES or kind in rules.keywords})
    signs = sorted(rules.shown(kind) for kind in accepted if kind not in _NAMES and kind not in rules.keywords)
    named = [w for w in words if w.islower()]
    shown = (named + [w for w in words if w not in named] + signs)[:_HINT_TOKENS_MAX]
    if len(words) + len(signs) > _HINT_TOKENS_MAX:
        return f"expected {', '.join(shown)}, ..."
    if len(shown) == 1:
        return f"expected {shown[0]}"
    return f"expected {', '.join(shown[:-1])} or {shown[-1]}"


def _misspelt(
    rules: Grammar, tokens: Sequence[Token], index: int, accepted: set[str], rule: str
) -> tuple[int, str] | None:
    """Find a misspelt keyword: the refused word itself, or the word before, taken for a name (``FROM t WERE x``)."""
    if index < len(tokens) and (tokens[index].type == "NAME" or tokens[index].type in RESERVED):
        close = _close_keyword(rules, tokens[index], accepted)
        if close:
            return index, close
    if index > 0 and tokens[index - 1].type == "NAME":
        before = rules.accepted(tokens[: index - 1], rule)
        close = _close_keyword(rules, tokens[index - 1], before)
        if close:
            return index - 1, close
    return None


def _close_keyword(rules: Grammar, word: str, accepted: set[str]) -> str | None:
    close = get_close_matches(word.upper(), sorted(accepted & rules.keywords), 1, _CLOSE)
    return close[0] if close and close[0] != word.upper() else None
