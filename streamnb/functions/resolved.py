"""A call whose function is found, and how it is written in DuckDB SQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from streamnb.duck import Sql, duck_type, ident, lit
from streamnb.functions.declare import Call, Overload, Piece, fill
from streamnb.functions.installed import PythonFunction
from streamnb.functions.matching import Match
from streamnb.functions.signatures import ArgType, LambdaArg, UnitArg
from streamnb.schema import SqlType

__all__ = ["Resolved"]


@dataclass(frozen=True)
class Resolved:
    """A call whose function is found.

    ``param_types`` has one type per argument, to which the caller converts it; None stands for a lambda, a time unit
    and a NULL without type. ``return_type`` is None while a lambda's body is untyped, and for an untyped NULL.
    ``render`` takes the SQL of each argument: ``LambdaSql`` for a lambda, anything for a time unit.
    A ``volatile`` call must not stand inside DuckDB's TRY().
    """

    name: str
    return_type: SqlType | None
    param_types: tuple[SqlType | None, ...]
    can_raise: bool
    volatile: bool
    overload: Overload = field(repr=False)
    args: tuple[ArgType, ...] = field(repr=False)
    found: Match = field(repr=False)
    python: PythonFunction | None = field(default=None, repr=False)
    catching: PythonFunction | None = field(default=None, repr=False)

    def lambda_params(self, index: int) -> tuple[SqlType | None, ...]:
        """List the parameter types of the lambda that is argument ``index``; None is an untyped NULL."""
        return self.found.lambdas[index]

    def render(self, args: Sequence[Piece]) -> Sql:
        """Write the call as DuckDB SQL; ``registry.install`` must have run before the SQL does."""
        if len(args) != len(self.args):
            raise ValueError(f"{self.name} was resolved with {len(self.args)} arguments, not {len(args)}")
        if any(isinstance(a, LambdaArg) and a.result is None for a in self.args):
            raise ValueError(f"{self.name} was resolved before its lambda's body was typed")
        pieces = tuple(_unit(given) or piece for given, piece in zip(self.args, args, strict=True))
        call = Call(pieces, self.param_types, self.args, self.return_type, self._python_template())
        template = self.overload.template
        if isinstance(template, str):
            return fill(template, call.pieces())
        built = None if template is None else template(call)
        if built is not None:
            return built
        if not call.python:
            raise TypeError(f"{self.name} has neither SQL nor Python for {self.overload.text}")
        return fill(call.python, call.pieces())

    def attempt(self, args: Sequence[Piece]) -> Sql | None:
        """Write the call as a struct that holds its value as ``v``, and is NULL for a row that raises.

        The arguments must not raise. None where only TRY() around the call can do that.
        """
        if self.catching is None:
            return None
        pieces = [piece for piece in args if isinstance(piece, Sql)]
        return fill(_call_template(self.catching, len(self.args)), pieces)

    def _python_template(self) -> str:
        return "" if self.python is None else _call_template(self.python, len(self.args))


def _call_template(python: PythonFunction, count: int) -> str:
    """Write the call of a Python function as a template, every argument converted to what it declares."""
    places = [f"{{{i}}}::{_braced(duck_type(t))}" for i, t in enumerate(python.params[:count])] or ["0"]
    return f"{ident(python.name)}({', '.join(places)})"


def _braced(text: str) -> str:
    """Protect braces, which a quoted field name may hold, from being read as places."""
    return text.replace("{", "{{").replace("}", "}}")


def _unit(arg: ArgType) -> Sql | None:
    return lit(arg.unit) if isinstance(arg, UnitArg) else None
