"""The text form of signatures: ``NAME(ARRAY<T>, (T) => R) -> ARRAY<R>``; built-in functions leave the name out.

A word before a type names the parameter. One letter is a type variable; ``X...`` takes any number of arguments; a
bare DECIMAL stands for every precision and scale; ANY is any type; UNIT is a bare time unit; ``const X`` takes a
literal. Types are written in any case, and so are fields of a STRUCT, which are upper case unless they stand in back
quotes, as in SQL.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from functools import lru_cache

from streamnb import schema as s
from streamnb.errors import KsqlFunctionError, Span
from streamnb.functions.signatures import AnyDecimal, AnyType, LambdaType, Parameter, Signature, UnitType, Var
from streamnb.schema import SqlType

__all__ = ["Declaration", "parse_declaration", "parse_signature", "parse_type"]

_TOKEN = re.compile(r"\s*(?:(->|=>|\.\.\.|[A-Za-z_][A-Za-z0-9_@]*|`(?:[^`]|``)+`|\d+|[(),<>])|(\S))")
_WORD = re.compile(r"[A-Za-z_`]")
_NAMES: dict[str, SqlType] = {
    "BOOLEAN": s.BOOLEAN,
    "INT": s.INTEGER,
    "INTEGER": s.INTEGER,
    "BIGINT": s.BIGINT,
    "DOUBLE": s.DOUBLE,
    "STRING": s.STRING,
    "VARCHAR": s.STRING,
    "BYTES": s.BYTES,
    "DATE": s.DATE,
    "TIME": s.TIME,
    "TIMESTAMP": s.TIMESTAMP,
    "ANY": AnyType(),
    "UNIT": UnitType(),
}
_NESTED = ("ARRAY", "DECIMAL", "MAP", "STRUCT")
_FORM = "write it as NAME(INT, VARCHAR) -> VARCHAR"
_PRECISION_MAX = 38


@dataclass(frozen=True)
class Declaration:
    """A name with a signature, and where in the text the parameters and the result stand."""

    name: str
    signature: Signature
    text: str
    name_span: Span
    params: tuple[Span, ...]
    returns: Span


class _Reader:
    """Reads the tokens of a signature from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[str] = []
        self.spans: list[Span] = []
        self.at = 0
        for match in _TOKEN.finditer(text):
            group = match.lastindex or 1
            self.spans.append(Span(match.start(group), match.end(group)))
            self.tokens.append(match[group])
            if group == 2:
                self.at = len(self.tokens) - 1
                raise self.error(f"unexpected character {match[group]}", _FORM)

    def error(self, what: str, hint: str | None, span: Span | None = None) -> KsqlFunctionError:
        """Say what is wrong with the text: at a span, or at the next token."""
        end = len(self.text.rstrip())
        if span is None:
            span = self.spans[self.at] if self.at < len(self.spans) else Span(end, end + 1)
        return KsqlFunctionError(
            f"not a signature: {self.text!r}: {what}", summary=what, hint=hint, text=self.text, span=span
        )

    def peek(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def take(self, expected: str) -> str:
        if self.peek() != expected:
            found = f"not {self.peek()}" if self.peek() else "but the text ends"
            raise self.error(f"{expected or 'the end'} is expected here, {found}", _FORM)
        self.at += 1
        return expected

    def word(self, what: str) -> str:
        """Take a name; what stands in back quotes keeps its case, anything else is upper case."""
        token = self.peek()
        if not _WORD.match(token):
            raise self.error(f"{what} is expected here, {f'not {token}' if token else 'but the text ends'}", _FORM)
        self.at += 1
        return token[1:-1].replace("``", "`") if token.startswith("`") else token.upper()

    def accept(self, token: str) -> bool:
        if self.peek() == token:
            self.at += 1
            return True
        return False

    def span_from(self, first: int) -> Span:
        return Span(self.spans[first].start, self.spans[max(self.at - 1, first)].end)

    def declaration(self, *, named: bool) -> Declaration:
        name, name_span = "", Span(0, 0)
        if named:
            name_span = self.spans[0] if self.spans else Span(0, 1)
            self.word("the name of the function")
            name = self.tokens[0]
        params = self.parameters()
        self.take("->")
        first = self.at
        returns = self.type()
        span = self.span_from(first)
        if self.peek():
            self.take("")
        signature = Signature(tuple(p for p, _ in params), returns)
        return Declaration(name, signature, self.text, name_span, tuple(s for _, s in params), span)

    def parameters(self) -> list[tuple[Parameter, Span]]:
        params: list[tuple[Parameter, Span]] = []
        self.take("(")
        while not self.accept(")"):
            if params:
                self.take(",")
            first = self.at
            params.append((self.parameter(), self.span_from(first)))
        return params

    def parameter(self) -> Parameter:
        constant = self.peek().upper() == "CONST" and bool(_WORD.match(self.peek(1)))
        self.at += constant
        name = ""
        if _WORD.match(self.peek()) and _WORD.match(self.peek(1)):
            name = self.peek()
            self.at += 1
        type_ = self.type()
        return Parameter(type_, name, self.accept("..."), constant)

    def type(self) -> SqlType:
        if self.peek() == "(":
            params = self.parameters()
            self.take("=>")
            return LambdaType(tuple(p.type for p, _ in params), self.type())
        name = self.word("a type")
        if name in _NESTED:
            return {"ARRAY": self.array, "DECIMAL": self.decimal, "MAP": self.map, "STRUCT": self.struct}[name]()
        if len(name) == 1:
            return Var(name)
        if name not in _NAMES:
            self.at -= 1
            near = difflib.get_close_matches(name, [*_NAMES, *_NESTED], 1, 0.5)
            known = ", ".join([*(n for n in _NAMES if n != "UNIT"), *_NESTED])
            raise self.error(f"unknown type {name}", f"did you mean {near[0]}?" if near else f"types are {known}")
        return _NAMES[name]

    def array(self) -> SqlType:
        self.take("<")
        element = self.type()
        self.take(">")
        return s.Array(element)

    def map(self) -> SqlType:
        self.take("<")
        key = self.type()
        self.take(",")
        value = self.type()
        self.take(">")
        return s.Map(key, value)

    def struct(self) -> SqlType:
        fields: list[s.Field] = []
        self.take("<")
        while not self.accept(">"):
            if fields:
                self.take(",")
            fields.append(s.Field(self.word("the name of a field"), self.type()))
        return s.Struct(tuple(fields))

    def decimal(self) -> SqlType:
        if not self.accept("("):
            return AnyDecimal()
        first = self.at
        precision = self.number()
        self.take(",")
        scale = self.number()
        if not 1 <= precision <= _PRECISION_MAX or scale > precision:
            raise self.error(
                f"there is no DECIMAL({precision}, {scale})",
                f"the precision is 1 to {_PRECISION_MAX}, the scale at most the precision",
                self.span_from(first),
            )
        self.take(")")
        return s.Decimal(precision, scale)

    def number(self) -> int:
        if not self.peek().isdigit():
            raise self.error("a number is expected here", "DECIMAL has a precision and a scale: DECIMAL(10, 2)")
        self.at += 1
        return int(self.tokens[self.at - 1])


def parse_declaration(text: str) -> Declaration:
    """Read a name with a signature. Raises: KsqlFunctionError that points into the text when it is none."""
    return _Reader(text).declaration(named=True)


@lru_cache(maxsize=2048)
def parse_signature(text: str) -> Signature:
    """Read a signature without a name. Raises: KsqlFunctionError when the text is none."""
    return _Reader(text).declaration(named=False).signature


@lru_cache(maxsize=256)
def parse_type(text: str) -> SqlType:
    """Read one type as signatures write it. Raises: KsqlFunctionError that points into the text when it is none."""
    reader = _Reader(text)
    type_ = reader.type()
    if reader.peek():
        reader.take("")
    return type_
