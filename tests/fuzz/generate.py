"""Statements drawn from grammar.lark itself: a walk over the rules as Lark has compiled them."""

from __future__ import annotations

import random
from collections import defaultdict
from functools import cache
from importlib import resources
from itertools import accumulate

from lark import Lark
from lark.grammar import NonTerminal, Rule, Symbol

from streamnb.sql.lalr import KeywordLexer
from tests.fuzz.vocabulary import bound, number, quoted, source, text, word

__all__ = ["Generator", "generator"]

STARTS = ("query", "create_as", "create_source", "insert_into", "insert_values", "statement", "test_statement")
_WEIGHTS = (8, 5, 2, 2, 1, 4, 0.4)
_PASS_ON = 0.92
"""How often a rule with a form that is one other rule takes it: an expression has eleven levels of operators."""
_LIKELY = {"column_ref": 12.0, "call": 2.0, "text": 2.0, "paren": 0.4, "select_item": 8.0, "nothing": 6.0}
_BETWEEN = (" ", " ", " ", " ", " ", "\n", "  ", "\t", "/* c */", " -- c\n")


def _likeliness(rule: Rule) -> float:
    return _LIKELY.get(rule.alias or rule.expansion[0].name, 1.0) if rule.expansion else 6.0


class Generator:
    """Draws statements; the same seed draws the same one."""

    def __init__(self) -> None:
        grammar = resources.files("streamnb.sql").joinpath("grammar.lark").read_text(encoding="utf-8")
        lark = Lark(grammar, parser="lalr", lexer=KeywordLexer, start=list(STARTS))
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        for rule in lark.rules:
            self._rules[rule.origin.name].append(rule)
        self._written = {t.name: str(t.pattern.value) for t in lark.terminals}
        self._heights = self._measure()
        self._onward = {name: self._passing(rules) for name, rules in self._rules.items()}
        self._short = {name: self._shortest(rules) for name, rules in self._rules.items()}
        self._weights, self._short_weights = (
            {name: list(accumulate(map(_likeliness, rules))) for name, rules in forms.items()}
            for forms in (self._rules, self._short)
        )

    def _measure(self) -> dict[str, int]:
        """Find how deep the lowest tree of each rule is."""
        self._heights = dict.fromkeys(self._rules, 10_000)
        changed = True
        while changed:
            changed = False
            for name, rules in self._rules.items():
                height = min(map(self._height, rules))
                if height < self._heights[name]:
                    self._heights[name], changed = height, True
        return self._heights

    def _height(self, rule: Rule) -> int:
        return 1 + max((self._heights[s.name] for s in rule.expansion if isinstance(s, NonTerminal)), default=0)

    def _shortest(self, rules: list[Rule]) -> list[Rule]:
        """List the forms that end soon: none, one of a single symbol, or the lowest."""
        lowest = min(map(self._height, rules))
        empty = [r for r in rules if not r.expansion]
        return empty or [r for r in rules if len(r.expansion) == 1 or self._height(r) == lowest]

    def _passing(self, rules: list[Rule]) -> Rule | None:
        """Find the form that is one other rule, as most forms of expressions have."""
        if rules[0].origin.name == "primary" or not all(r.expansion for r in rules):
            return None
        onward = [r for r in rules if len(r.expansion) == 1 and isinstance(r.expansion[0], NonTerminal)]
        return max(onward, key=self._height) if 0 < len(onward) < 3 else None

    def statement(self, rng: random.Random, depth_max: int = 9) -> str:
        """Draw a statement; below ``depth_max`` rules that branch, the shortest forms are taken."""
        (start,) = rng.choices(STARTS, _WEIGHTS)
        about = source(rng)
        pieces: list[str] = []
        waiting: list[tuple[Symbol, str, int]] = [(NonTerminal(start), start, rng.randrange(3, depth_max))]
        while waiting:
            symbol, place, depth = waiting.pop()
            if not isinstance(symbol, NonTerminal):
                pieces.append(self._terminal(symbol.name, place, about, rng))
                pieces.append(" " if rng.random() < 0.9 else rng.choice(_BETWEEN))
                continue
            rule = self._choose(symbol.name, depth, rng)
            inner = place if symbol.name in ("name", "raw_name", "nothing") else rule.alias or rule.origin.name
            below = depth - (len(rule.expansion) > 1)
            waiting += [(s, inner, below) for s in reversed(rule.expansion)]
            if inner == "qualified_ref":
                waiting[-1] = (rule.expansion[0], "source", below)
        return "".join(pieces).strip()

    def _choose(self, name: str, depth: int, rng: random.Random) -> Rule:
        rules = self._rules[name]
        if len(rules) == 1:
            return rules[0]
        onward = self._onward[name]
        if onward is not None and (depth <= 0 or rng.random() < _PASS_ON):
            return onward
        if depth <= 0:
            return rng.choices(self._short[name], cum_weights=self._short_weights[name])[0]
        return rng.choices(rules, cum_weights=self._weights[name])[0]

    def _terminal(self, kind: str, place: str, about: str, rng: random.Random) -> str:
        if kind == "NAME":
            return word(place, rng, about)
        if kind == "QUOTED_NAME":
            if rng.random() < 0.05:
                return rng.choice(("{{name}}", "{{evil}}", "{{quoted}}"))
            return quoted(place, rng) if rng.random() < 0.3 else word(place, rng, about)
        if kind == "TEXT":
            return text(place, rng)
        if kind == "BOUND_VALUE":
            return bound(rng)
        if kind.endswith("_VALUE"):
            return number(kind, rng)
        written = self._written[kind]
        return written.lower() if rng.random() < 0.1 else written


@cache
def generator() -> Generator:
    """Load the grammar once."""
    return Generator()
