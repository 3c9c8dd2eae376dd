"""Statements of the other tests, broken: tokens taken out, swapped and put in, characters changed, parts nested."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

from streamnb.sql.parser import split_statements
from tests.fuzz.vocabulary import number, quoted, text, word

__all__ = ["mutated", "texts"]

TESTS = Path(__file__).parents[1]
_TOKEN = re.compile(r"\s+|\w+|'(?:[^']|'')*'|`[^`]*`|->|=>|:=|<>|!=|<=|>=|\|\||.", re.DOTALL)
_INSERTED = (
    "", ";", "(", ")", "[", "]", "<", ">", "<>", ",", ".", "->", "=>", ":=", "-", "+", "*", "/", "%", "||", "'", '"',
    "`", "''", "/*", "*/", "--", "\\", "$", "${one}", "${name}", "${text}", "${evil}", "${minus}", "${nothing}", "${",
    "@", "?", "\x00", "\ufeff", "\u2028", "é", "\ud800", "\U0001f600", "’", "1", "1e999", "0x1", "1R", "SELECT", "FROM",
    "NULL", "KEY", "EMIT CHANGES", "EMIT FINAL", "LIMIT 1", "PARTITION BY", "AS", "ORDER BY 1", "UNION", "WITH",
    "OVER ()", "DISTINCT", "x =>", "(x, y) =>", "DATE", "STRUCT<", "ARRAY<", "MAP<", "WINDOW TUMBLING (SIZE 1 DAY)",
    "CROSS",
)  # fmt: skip
_NESTS: tuple[tuple[str, str, str], ...] = (
    ("(", "A", ")"), ("ABS(", "A", ")"), ("NOT ", "F", ""), ("-", "A", ""), ("- ", "A", ""), ("+", "A", ""),
    ("ARRAY[", "A", "]"), ("STRUCT(X := ", "A", ")"), ("MAP('a' := ", "A", ")"), ("CAST(", "A", " AS STRING)"),
    ("CASE WHEN F THEN ", "A", " ELSE 1 END"), ("", "A", " + A"), ("", "T", " || T"), ("", "F", " OR F"),
    ("", "F", " AND NOT F"), ("F OR (", "F", ")"), ("", "L", "[1]"), ("", "ST", "->X"), ("TRIM(", "T", ")"),
    ("TRANSFORM(ARRAY[1], x => ", "A", ")[1]"), ("REDUCE(L, ", "0", ", (s, x) => s + x)"),
    ("REDUCE(L, 0, (s, x) => ", "s", ")"), ("COALESCE(", "A", ", 1)"), ("CONCAT(", "T", ", T)"),
    ("NULLIF(", "A", ", 1)"), ("A BETWEEN 1 AND (", "A", ")"),
    ("IFNULL(", "A", ", A)"), ("SUBSTRING(", "T", ", 1)"), ("CAST(A AS ", "INT", ""),
    ("LPAD(", "T", ", 3, 'x')"), ("ROUND(", "C", ", 1)"), ("GREATEST(A, ", "A", ")"), ("SUM(", "A", ")"),
)  # fmt: skip


def _statements(path: Path) -> list[str]:
    if path.suffix == ".json":
        cases = json.loads(path.read_text(encoding="utf-8"))["tests"]
        return [statement for case in cases for statement in case["statements"]]
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(("->", "#"))]
    return [s.text for s in split_statements("\n".join(lines))]


@cache
def texts() -> tuple[str, ...]:
    """Load the statements of the other tests."""
    files = [*sorted((TESTS / "sql").glob("*/*.sql")), *sorted((TESTS / "cases").glob("*.json"))]
    files += sorted((TESTS / "plan" / "golden").glob("*.txt"))
    return tuple(dict.fromkeys(text for file in files for text in _statements(file)))


@cache
def corpus() -> tuple[tuple[str, ...], ...]:
    """Cut the statements of the other tests into tokens."""
    return tuple(tuple(_TOKEN.findall(text)) for text in texts())


Mutation = Callable[[list[str], random.Random], None]


def _take_out(tokens: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(tokens))
    del tokens[at : at + rng.choice((1, 1, 2, 5))]


def _swap(tokens: list[str], rng: random.Random) -> None:
    a, b = rng.randrange(len(tokens)), rng.randrange(len(tokens))
    tokens[a], tokens[b] = tokens[b], tokens[a]


def _repeat(tokens: list[str], rng: random.Random) -> None:
    at = rng.randrange(len(tokens))
    part = tokens[at : at + rng.choice((1, 2, 4, 9))]
    tokens[at:at] = part * rng.choice((1, 1, 2, 30))


def _put_in(tokens: list[str], rng: random.Random) -> None:
    tokens.insert(rng.randrange(len(tokens) + 1), f" {rng.choice(_INSERTED)} ")


def _replace(tokens: list[str], rng: random.Random) -> None:
    draws = (
        lambda: rng.choice(_INSERTED),
        lambda: word(rng.choice(("source", "column", "call", "type", "property")), rng),
        lambda: quoted("", rng),
        lambda: text("", rng),
        lambda: number(rng.choice(("INTEGER_VALUE", "DECIMAL_VALUE", "FLOATING_VALUE")), rng),
        lambda: rng.choice(rng.choice(corpus())),
    )
    tokens[rng.randrange(len(tokens))] = rng.choice(draws)()


def _splice(tokens: list[str], rng: random.Random) -> None:
    other = rng.choice(corpus())
    start = rng.randrange(len(other))
    at = rng.randrange(len(tokens))
    tokens[at : at + rng.randrange(4)] = other[start : start + rng.choice((2, 5, 20, 200))]


def _nest(tokens: list[str], rng: random.Random) -> None:
    opening, inner, closing = rng.choice(_NESTS)
    depth = rng.choice((2, 3, 5, 8, 13, 20)) if rng.random() < 0.97 else rng.choice((60, 150, 400, 2000))
    words = [i for i, token in enumerate(tokens) if token.isidentifier()] or [0]
    tokens[rng.choice(words)] = opening * depth + inner + closing * depth


def _spoil(tokens: list[str], rng: random.Random) -> None:
    """Change the bytes of a token, as a bad transmission would."""
    at = rng.randrange(len(tokens))
    raw = bytearray(tokens[at].encode("utf-8", "surrogatepass")) or bytearray(b" ")
    for _ in range(rng.choice((1, 1, 2, 4))):
        raw[rng.randrange(len(raw))] = rng.randrange(256)
    tokens[at] = raw.decode("utf-8", rng.choice(("replace", "ignore", "surrogateescape")))


_MUTATIONS: tuple[Mutation, ...] = (_take_out, _swap, _repeat, _put_in, _replace, _replace, _splice, _nest, _spoil)


def mutated(rng: random.Random) -> str:
    """Break a statement of the other tests once or a few times."""
    tokens = list(rng.choice(corpus()))
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 6))):
        rng.choice(_MUTATIONS)(tokens, rng)
        tokens = tokens or [" "]
    return "".join(tokens)
