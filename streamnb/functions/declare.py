"""How a scalar function is declared: its overloads, and how a call becomes DuckDB SQL.

Theory of operation: a template names each argument as often as it likes. An argument that is more than a column or a
literal, and is used more than once, is computed once per row and handed to the template through a list of one struct
and a lambda, so that nested calls do not multiply and a volatile argument is drawn once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from streamnb.duck import Sql, ident, join, sql
from streamnb.functions.matching import Match
from streamnb.functions.signature_text import parse_signature
from streamnb.functions.signatures import ArgType, Signature
from streamnb.schema import SqlType

__all__ = [
    "Builder",
    "Call",
    "Function",
    "LambdaSql",
    "Overload",
    "Piece",
    "ReturnRule",
    "UserOverload",
    "fail",
    "fill",
    "in_python",
    "in_sql",
    "in_values",
    "or_python",
]


@dataclass(frozen=True)
class LambdaSql:
    """A compiled lambda: names that nothing around it uses, and its body as a function of the parameters' SQL."""

    names: tuple[Sql, ...]
    body: Callable[[Sequence[Sql]], Sql]


Piece = Sql | LambdaSql


@dataclass(frozen=True)
class Call:
    """One call to be written as SQL; ``types`` are those of the arguments after conversion."""

    args: tuple[Piece, ...]
    types: tuple[SqlType | None, ...]
    given: tuple[ArgType, ...]
    returns: SqlType | None
    python: str = ""
    """The call of the overload's Python function as a template, for a builder that runs it for some rows only."""

    def sql(self, index: int) -> Sql:
        """Return the SQL of an argument that is no lambda."""
        piece = self.args[index]
        if isinstance(piece, LambdaSql):
            raise TypeError(f"argument {index} is a lambda")
        return piece

    def function(self, index: int) -> LambdaSql:
        """Return the lambda at an index."""
        piece = self.args[index]
        if not isinstance(piece, LambdaSql):
            raise TypeError(f"argument {index} is no lambda")
        return piece

    def pieces(self) -> tuple[Sql, ...]:
        """Return all arguments of a call without lambdas."""
        return tuple(self.sql(i) for i in range(len(self.args)))


Builder = Callable[[Call], Sql | None]
"""Writes a call as SQL; None where only the Python function of the overload can do it."""
ReturnRule = Callable[[Sequence[ArgType]], SqlType]
PythonBody = Callable[..., Any]


@dataclass(frozen=True)
class Overload:
    """One signature and what carries it out: a template, a builder, or a Python function where these give nothing.

    ``python`` takes Arrow arrays, nulls included, and returns one; ``per_value``: it takes and returns Python values,
    and ``strict``: it is not asked when an argument is null, and the result is null.
    ``returns`` computes the result's type where the signature cannot say it (precision and scale).
    """

    text: str
    template: str | Builder | None = None
    python: PythonBody | None = None
    returns: ReturnRule | None = None
    can_raise: bool = False
    volatile: bool = False
    per_value: bool = False
    strict: bool = False

    @property
    def signature(self) -> Signature:
        """The parsed signature."""
        return parse_signature(self.text)

    def return_type(self, given: Sequence[ArgType], found: Match) -> SqlType | None:
        """Find the type of the result for matched arguments."""
        return found.returns if self.returns is None else self.returns(given)


@dataclass(frozen=True)
class UserOverload(Overload):
    """A signature of the user's. ``python`` is a function, or the class of an aggregate with the type of its state.

    Each registration has a ``version`` of its own, so that a query keeps the function it was planned with.
    """

    declared: Signature | None = None
    state: SqlType | None = None
    version: int = 0

    @property
    def signature(self) -> Signature:
        assert self.declared is not None
        return self.declared


@dataclass(frozen=True)
class Function:
    """A function: its name, what it is for, and its overloads; ``shown`` is the name in ksqlDB's messages.

    ``kind`` is SCALAR, TABLE or AGGREGATE.
    """

    name: str
    category: str
    doc: str
    overloads: tuple[Overload, ...]
    shown: str = ""
    kind: str = "SCALAR"


def in_sql(
    text: str,
    template: str | Builder,
    *,
    returns: ReturnRule | None = None,
    can_raise: bool = False,
    volatile: bool = False,
) -> Overload:
    """Declare an overload that is DuckDB SQL: ``{0}`` is the first argument, ``{*}`` all of them with commas."""
    return Overload(text, template, None, returns, can_raise, volatile)


def in_python(text: str, body: PythonBody, *, can_raise: bool = False, sql_first: Builder | None = None) -> Overload:
    """Declare an overload that is a vectorised Python function, where ``sql_first`` finds no SQL for the call."""
    return Overload(text, sql_first, body, None, can_raise)


def in_values(
    text: str,
    function: Callable[..., Any],
    *,
    can_raise: bool = False,
    strict: bool = True,
    returns: ReturnRule | None = None,
    sql_first: Builder | None = None,
) -> Overload:
    """Declare an overload that is a Python function of single values, where ``sql_first`` finds no SQL for the call."""
    return Overload(text, sql_first, function, returns, can_raise, False, True, strict)


def or_python(template: str) -> Builder:
    """Make the builder of a template in which ``{python}`` stands for the call of the overload's Python function."""

    def build(call: Call) -> Sql | None:
        return fill(template.replace("{python}", call.python), call.pieces())

    return build


def fail(message: str, type_: str) -> str:
    """Write a piece of template that raises; DuckDB's own error() cannot stand inside TRY().

    The message must be a constant of our source without quotes or braces.
    """
    return f"CAST(CAST('{message}' AS INTEGER) AS {type_})"


_SIMPLE = re.compile(r"""[A-Za-z0-9_.]+\Z|"[^"]*"(\."[^"]*")?\Z|'[^']*'\Z|-?\d+(\.\d+)?(::\w+)?\Z""")
_BOUND = "bound"


def fill(template: str, args: Sequence[Sql]) -> Sql:
    """Fill a template with arguments, computing once what the template uses more than once."""
    shared = [i for i, arg in enumerate(args) if template.count(f"{{{i}}}") > 1 and not _SIMPLE.match(arg)]
    pieces = list(args)
    for i in shared:
        pieces[i] = ident(_BOUND, f"a{i}")
    body = sql(template.replace("{*}", "{all}"), *pieces, all=join(", ", pieces))
    if not shared:
        return body
    fields = join(", ", [sql("{} := {}", ident(f"a{i}"), args[i]) for i in shared])
    return sql("list_transform([struct_pack({})], lambda {}: {})[1]", fields, ident(_BOUND), body)
