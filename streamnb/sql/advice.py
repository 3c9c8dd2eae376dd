"""What a reader can do about text that is refused: one small rule for each mistake that people make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lark.lexer import Token

from streamnb.sql.bindings import BoundToken
from streamnb.sql.print_expressions import format_expression
from streamnb.sql.tokens import RESERVED

__all__ = ["Refusal", "advise", "known_elsewhere"]

# Statements and clauses of KSQL in 2018, and of other dialects, by the first words that give them away.
_KNOWN_ELSEWHERE = {
    "REGISTER": "topics are no longer registered: a stream or table names its own in WITH (KAFKA_TOPIC='...')",
    "SHOW REGISTERED": "topics are no longer registered: SHOW TOPICS lists those of the log",
    "DROP TOPIC": "a topic is deleted with its source: DROP STREAM name DELETE TOPIC",
    "DESCRIBE TOPIC": "PRINT 'topic' FROM BEGINNING shows what is in a topic",
    "DESCRIBE STREAM": "leave STREAM out: DESCRIBE name",
    "DESCRIBE TABLE": "leave TABLE out: DESCRIBE name",
    "DESC": "write DESCRIBE name",
    "EXPORT": "the statements of a session are its script: keep them in a file",
    "LOAD": "RUN SCRIPT 'file' runs a file of statements",
    "ASSERT VALUES": "ASSERT VALUES is for test files: streamnb test FILE.sql runs them",
    "ASSERT NULL": "ASSERT NULL VALUES is for test files: streamnb test FILE.sql runs them",
    "ASSERT STREAM": "ASSERT STREAM is for test files: streamnb test FILE.sql runs them. DESCRIBE shows a stream",
    "ASSERT TABLE": "ASSERT TABLE is for test files: streamnb test FILE.sql runs them. DESCRIBE shows a table",
    "UPDATE": "rows are changed by inserting a new one with the same key: INSERT INTO ... VALUES",
    "DELETE": "a topic only grows: CREATE STREAM ... AS SELECT ... WHERE leaves rows out, DROP ... DELETE TOPIC all",
    "CREATE VIEW": "a view that keeps itself up to date is CREATE TABLE name AS SELECT, of single rows CREATE STREAM",
    "CREATE DATABASE": "a pipeline is one file: connect to another one",
    "CREATE FUNCTION": "DESCRIBE FUNCTION and SHOW FUNCTIONS tell what there is",
    "WITH": "leave EMIT CHANGES out: WITH works over what is there already. A live query takes a SELECT in FROM",
}
# Reserved words that nobody means as a name.
_NEVER_MEANT = frozenset(("NULL", "SELECT", "DISTINCT", "AND", "OR", "NOT", "AS"))
_CLAUSES = frozenset(
    (
        *("WINDOW", "WHERE", "GROUP", "PARTITION", "HAVING", "UNION", "ORDER", "EMIT", "LIMIT"),
        *("JOIN", "LEFT", "INNER", "FULL"),
    )
)
_UNITS = frozenset(("DAYS", "HOURS", "MINUTES", "SECONDS", "MILLISECONDS"))


@dataclass(frozen=True)
class Refusal:
    """A token that the grammar refuses: all tokens, its index (that of the end may be the refused one), its text.

    ``accepted`` names the kinds of tokens that would go on there.
    """

    tokens: Sequence[Token]
    index: int
    accepted: set[str]
    text: str

    def word(self, offset: int = 0) -> str:
        """The refused token, or one near it, in upper case; empty where there is none."""
        place = self.index + offset
        return self.tokens[place].upper() if 0 <= place < len(self.tokens) else ""

    @property
    def token(self) -> Token | None:
        """The refused token; None at the end of the statement."""
        return self.tokens[self.index] if self.index < len(self.tokens) else None

    def written(self, token: Token) -> str:
        """A token as it is written, quotes included."""
        return self.text[token.start_pos or 0 : token.end_pos or 0]


def advise(refusal: Refusal) -> str | None:
    """Tell what can be done about a refused token; None when no rule knows."""
    return next((advice for rule in _RULES if (advice := rule(refusal))), None)


def known_elsewhere(at: Refusal) -> str | None:
    """Recognise a statement of 2018 or of another dialect by its first words."""
    words = " ".join(t.upper() for t in at.tokens[:2])
    for start, advice in _KNOWN_ELSEWHERE.items():
        if at.index <= 1 and (words == start or words.startswith(start + " ")):
            return advice
    return None


def _quotes(at: Refusal) -> str | None:
    """A text in double quotes, or a setting without any."""
    token = at.token
    if token is None or "TEXT" not in at.accepted:
        return None
    if token.type == "QUOTED_NAME" and at.written(token).startswith('"'):
        return f"texts stand in single quotes: '{token}'"
    if at.index == 1 and at.word(-1) in ("SET", "UNSET"):
        return "settings stand in single quotes: SET 'auto.offset.reset' = 'earliest'"
    return None


def _durations(at: Refusal) -> str | None:
    token = at.token
    if token is not None and token.type == "TEXT" and at.accepted == {"INTEGER_VALUE"}:
        return f"a duration stands without quotes: {token}"
    return "units are DAYS, HOURS, MINUTES, SECONDS and MILLISECONDS" if at.accepted >= _UNITS else None


def _rows(at: Refusal) -> str | None:
    if at.word() == "," and at.word(-1) == ")" and at.word(1) == "(" and at.tokens[0].upper() == "INSERT":
        return "INSERT takes one row: write the statement once for each"
    return None


def _commas(at: Refusal) -> str | None:
    token = at.token
    if token is not None and at.word(-1) == "," and token.type in (*RESERVED, "RPAR"):
        return f"leave the comma before {token.upper()} out"
    if at.word() == "," and "JOIN" in at.accepted:
        return "sources are joined with JOIN ... ON, not with a comma"
    return None


def _signs(at: Refusal) -> str | None:
    if at.word() == "=" and at.word(-1) == "=":
        return "equality is written with one ="
    token, before = at.token, at.tokens[at.index - 1] if at.index else None
    after = at.tokens[at.index + 1] if at.index + 1 < len(at.tokens) else None
    if token is None or before is None or after is None or token not in ("-", "."):
        return None
    touching = before.end_pos == token.start_pos and token.end_pos == after.start_pos
    return f"a name with other characters stands in back quotes: `{before}{token}{after}`" if touching else None


def _parentheses(at: Refusal) -> str | None:
    if at.word() != "(":
        return None
    if at.accepted == {"SELECT"}:
        return "leave the parentheses around the SELECT out"
    if at.word(-1) == "OVER":
        return "leave EMIT CHANGES out: window functions work over what is there already"
    return None


def _balance(at: Refusal) -> str | None:
    before = [t for t in at.tokens[: at.index] if t in ("(", ")")]
    open_ = sum(1 if t == "(" else -1 for t in before)
    if at.word() == ")" and open_ <= 0:
        return "it closes no parenthesis: leave it out"
    if open_ > 0 and ")" not in before[-1:] and (at.token is None or at.word() in _CLAUSES | {"FROM"}):
        return "close the parenthesis that is open before it" if "RPAR" in at.accepted else None
    return None


def _half_keywords(at: Refusal) -> str | None:
    """Words that were taken for names because what follows them is no keyword."""
    before, word = at.word(-1), at.word()
    if before == "EMIT" and at.word(-2) in ("AND", "OR", "NOT", "WHERE", "HAVING", "ON", "BY"):
        return f"something is missing behind {at.word(-2)}"
    if before == "EMIT":
        return "write EMIT CHANGES, or EMIT FINAL for the final results of windows"
    if before == "IF" and word.startswith("EXIST"):
        return "did you mean EXISTS?"
    if word == "DISTINCT" and before == "(" and at.word(-2) == "COUNT":
        return "write COUNT_DISTINCT(...)"
    return None


def _clauses(at: Refusal) -> str | None:
    queried = any(t.upper() == "FROM" for t in at.tokens[: at.index])
    if at.token is not None and at.word() in _CLAUSES and queried and at.accepted & (_CLAUSES | {"$END"}):
        return "the order is FROM, JOIN, WINDOW, WHERE, GROUP BY, PARTITION BY, HAVING, UNION, ORDER BY, EMIT, LIMIT"
    return None


def _reserved(at: Refusal) -> str | None:
    token = at.token
    if token is not None and "NAME" in at.accepted and token.type in RESERVED and token.type not in _NEVER_MEANT:
        return f"{token.upper()} is a keyword; as a name it is written `{token.upper()}`"
    return None


def _values(at: Refusal) -> str | None:
    token = at.token
    if not isinstance(token, BoundToken):
        return None
    written = at.text[token.start_pos : token.end_pos]
    if token.expression is None:
        return f"{written} stands for a name; for a value write :{written.strip('{} ')}"
    if at.word(-1) == "IN":
        return f"IN takes a list, and {written} is none: write IN ({written})"
    if "NAME" in at.accepted:
        return f"{written} stands for a value; for a name write {{{{{written[1:]}}}}}"
    if "INTEGER_VALUE" in at.accepted:
        return f"a whole number is expected, and {written} is {format_expression(token.expression)}"
    if "TEXT" in at.accepted:
        return f"a text is expected, and {written} is {format_expression(token.expression)}"
    return f"{written} stands for a value, and none is expected here"


_RULES: tuple[Callable[[Refusal], str | None], ...] = (
    _values,
    _quotes,
    _durations,
    _rows,
    _commas,
    _signs,
    _parentheses,
    _balance,
    _half_keywords,
    _clauses,
    _reserved,
)
