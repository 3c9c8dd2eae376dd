"""The Lark parser of grammar.lark, and the lexer that tells keywords from names by the parser's state."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib.util import cache_from_source
from pathlib import Path
from typing import Any, cast

from lark import Lark, Tree
from lark.lexer import Lexer, Token
from lark.parsers.lalr_analysis import Shift
from lark.parsers.lalr_parser_state import ParseConf, ParserState

from streamnb.sql.bindings import BOUND_VALUE
from streamnb.sql.tokens import RESERVED, next_kinds

__all__ = ["END", "Grammar", "grammar", "tables_file"]

_GRAMMAR = Path(__file__).with_name("grammar.lark")
END = "$END"
_START = ["statement", "session_statement", "test_statement", "expression", "type", "schema"]


def tables_file() -> Path | None:
    """Name the file that keeps the tables of the grammar: a fifth of a second less at each start but the first.

    It lies where Python keeps its compiled modules, or nowhere if Python keeps none. Lark makes it anew when the
    grammar or Lark has changed, and goes without it where it cannot be written.
    """
    return None if sys.dont_write_bytecode else Path(cache_from_source(str(_GRAMMAR))).with_suffix(".tables")


class KeywordLexer(Lexer):
    """Take each WORD of a list of tokens as a keyword if the parser can go on with that, else as a name."""

    __future_interface__ = 2  # Lark passes the parser's state

    def __init__(self, lexer_conf: Any) -> None:
        self._keywords = frozenset(t.name for t in lexer_conf.terminals if t.pattern.value.isalpha())

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Token]:
        tokens: Sequence[Token] = lexer_state.text
        for index, token in enumerate(tokens):
            if token.type == "WORD":
                token.type = self._kind(tokens, index, parser_state)
            yield token

    def _kind(self, tokens: Sequence[Token], index: int, parser_state: ParserState[Any]) -> str:
        word = tokens[index].upper()
        if word in RESERVED:
            return word
        conf, stack = parser_state.parse_conf, parser_state.state_stack
        if word not in self._keywords or word not in conf.states[stack[-1]]:
            return "NAME"
        behind = shift(conf, stack, word)
        if behind is None:
            return "NAME"
        if shift(conf, stack, "NAME") is None:
            return word
        following = next_kinds(tokens, index + 1, self._keywords)
        return word if any(shift(conf, behind, kind) is not None for kind in following) else "NAME"


def shift(conf: ParseConf[Any], stack: Sequence[Any], kind: str) -> list[Any] | None:
    """Return the parser's stack behind one more token of a kind, or None where the kind is refused."""
    states, stack = conf.states, list(stack)
    while True:
        action = states[stack[-1]].get(kind)
        if action is None:
            return None
        step, target = action
        if step is Shift:
            stack.append(target)
            return stack
        size = len(target.expansion)
        if size:
            del stack[-size:]
        stack.append(states[stack[-1]][target.origin.name][1])
        if kind == END and stack[-1] == conf.end_state:
            return stack


class Grammar:
    """The loaded grammar: trees from tokens, and the terminals that may follow."""

    def __init__(self) -> None:
        text, tables = _GRAMMAR.read_text(encoding="utf-8"), tables_file()
        self._lark = Lark(
            text,
            parser="lalr",
            lexer=KeywordLexer,
            start=_START,
            propagate_positions=True,
            cache=str(tables) if tables else False,
        )
        patterns = {t.name: str(t.pattern.value) for t in self._lark.terminals}
        self.keywords = frozenset(name for name, pattern in patterns.items() if pattern.isalpha())
        self.operators: Mapping[str, str] = {p: name for name, p in patterns.items() if not p.isalpha()}
        self._shown = {name: pattern for pattern, name in self.operators.items()}

    def parse(self, tokens: Sequence[Token], start: str) -> Tree[Any]:
        """Parse tokens; raises lark's UnexpectedToken."""
        return self._lark.parse(cast(Any, tokens), start=start)

    def accepted(self, tokens: Sequence[Token], start: str) -> set[str]:
        """List the terminals that may follow after tokens; raises UnexpectedToken where one of these is refused."""
        interactive = self._lark.parse_interactive(cast(Any, tokens), start=start)
        interactive.exhaust_lexer()
        return self.accepted_by(interactive.parser_state)

    def accepted_by(self, state: Any) -> set[str]:
        """List the terminals that a parser state accepts, through all reductions; END among them.

        BOUND_VALUE is none of them: it stands for a literal, whose terminals are listed.
        """
        conf, stack = state.parse_conf, state.state_stack
        kinds = (kind for kind in conf.states[stack[-1]] if _is_terminal(kind) and kind != BOUND_VALUE)
        return {kind for kind in kinds if shift(conf, stack, kind) is not None}

    def shown(self, kind: str) -> str:
        """Return what a terminal looks like in a statement: a keyword, an operator, or the terminal's name."""
        return self._shown.get(kind, kind)


def _is_terminal(kind: str) -> bool:
    return kind == END or kind.isupper()


@cache
def grammar() -> Grammar:
    """Load the grammar, once; importing this module does not."""
    return Grammar()
