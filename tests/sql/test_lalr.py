"""The tables of the grammar, kept from start to start."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from lark.lexer import Token

from streamnb.sql.lalr import Grammar, tables_file
from streamnb.sql.tokens import tokenize

STATEMENT = (
    "CREATE TABLE t AS SELECT a, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 DAY) GROUP BY a HAVING COUNT(*) > 1"
)


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    file = tables_file()
    assert file is not None
    file.parent.mkdir(parents=True)
    return file


def seen(grammar: Grammar) -> tuple[object, ...]:
    def tokens() -> list[Token]:  # their types are set by the lexer
        return list(tokenize(STATEMENT, 0, len(STATEMENT), grammar.operators))

    accepted = [grammar.accepted(tokens()[:count], "statement") for count in range(len(tokens()))]
    return grammar.parse(tokens(), "statement"), accepted, grammar.keywords, grammar.operators


def test_grammar_is_the_same_from_its_tables_and_without(tables: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = seen(Grammar())
    kept = tables.read_bytes()
    assert seen(Grammar()) == made
    tables.write_bytes(kept[: len(kept) // 2])
    assert seen(Grammar()) == made
    assert tables.stat().st_size > len(kept) // 2
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert tables_file() is None
    assert seen(Grammar()) == made


def test_grammar_is_read_where_its_tables_cannot_be_written(tables: Path) -> None:
    tables.parent.rmdir()
    assert "SELECT" in Grammar().keywords
