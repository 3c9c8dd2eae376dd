"""Finds the function that a call means, and says how the call is written in DuckDB SQL.

Resolution follows ksqlDB: overloads that fit exactly come first, then those that fit with implicit conversions; one
without variable arguments is preferred, then the one with fewer type variables, then the one whose variable
arguments start later; what is still ambiguous is an error.

A call with lambdas is resolved twice: with ``LambdaArg(n)`` to learn the types of the lambdas' parameters
(``Resolved.lambda_params``), and again with ``LambdaArg(n, body type)`` once the bodies are typed.
"""

from __future__ import annotations

import difflib
import hashlib
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any

from streamnb.duck import Sql, duck_type, ident, lit
from streamnb.errors import KsqlFunctionError
from streamnb.functions.declare import Call, Function, LambdaSql, Overload, Piece, PythonBody, fill
from streamnb.functions.matching import Match, match
from streamnb.functions.signatures import ArgType, LambdaArg, UnitArg
from streamnb.functions.values import per_value_body
from streamnb.schema import INTEGER, STRING, Array, SqlType
from streamnb.store import DatabaseError, Store

__all__ = [
    "ArgType",
    "LambdaArg",
    "LambdaSql",
    "Piece",
    "PythonFunction",
    "Registry",
    "Resolved",
    "UnitArg",
    "builtin_functions",
    "default_registry",
    "resolve_overload",
]

_FAMILIES = (
    "arrays",
    "bytes",
    "conditional",
    "datetimes",
    "intervals",
    "json",
    "lambdas",
    "maps",
    "masks",
    "numbers",
    "regex",
    "strings",
    "urls",
)


@dataclass(frozen=True)
class PythonFunction:
    """A vectorised Python function as DuckDB knows it."""

    name: str
    body: PythonBody
    params: tuple[SqlType, ...]
    returns: SqlType


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

    def _python_template(self) -> str:
        """Write the call of the Python function as a template, every argument converted to what it declares."""
        if self.python is None:
            return ""
        types = self.python.params[: len(self.args)]
        places = [f"{{{i}}}::{_braced(duck_type(t))}" for i, t in enumerate(types)] or ["0"]
        return f"{ident(self.python.name)}({', '.join(places)})"


def _braced(text: str) -> str:
    """Protect braces, which a quoted field name may hold, from being read as places."""
    return text.replace("{", "{{").replace("}", "}}")


def _unit(arg: ArgType) -> Sql | None:
    return lit(arg.unit) if isinstance(arg, UnitArg) else None


@cache
def builtin_functions() -> dict[str, Function]:
    """Load the declarations of all built-in scalar functions, by upper-case name."""
    found: dict[str, Function] = {}
    for family in _FAMILIES:
        for function in import_module(f"streamnb.functions.{family}").FUNCTIONS:
            if found.setdefault(function.name.upper(), function) is not function:
                raise ValueError(f"function {function.name} is declared twice")
    return dict(sorted(found.items()))


def _builtin_tables() -> dict[str, Function]:
    tables: dict[str, Function] = import_module("streamnb.functions.table").TABLE_FUNCTIONS
    return tables


def resolve_overload(name: str, overloads: Sequence[Overload], args: Sequence[ArgType]) -> tuple[Overload, Match]:
    """Choose the overload that a call means.

    Raises: KsqlFunctionError when none fits, or when several do and none is better.
    """
    for casts in (False, True):
        fits = [(o, m) for o in overloads if (m := match(o.signature, args, casts)) is not None]
        if not fits:
            continue
        fits.sort(key=lambda fit: _preference(fit[0]))
        if len(fits) > 1 and _preference(fits[0][0]) == _preference(fits[1][0]):
            raise KsqlFunctionError(
                f"Function '{name}' cannot be resolved due to ambiguous method parameters {_list(args)}.\n"
                f"{_alternatives(name, overloads)}",
                summary=f"{name.upper()}{_list(args)} fits more than one form of the function",
                hint=f"write CAST around an argument. {_hint(name, overloads)}",
            )
        return fits[0]
    raise KsqlFunctionError(
        f"Function '{name}' does not accept parameters {_list(args)}.\n{_alternatives(name, overloads)}",
        summary=f"function {name.upper()} does not accept {_list(args)}",
        hint=_hint(name, overloads),
    )


def _preference(overload: Overload) -> tuple[int, int, int]:
    signature = overload.signature
    variadic = signature.variadic
    return (0 if variadic is None else 1, len(signature.variables()), 0 if variadic is None else -variadic)


def _list(args: Sequence[ArgType]) -> str:
    return f"({', '.join('null' if a is None else str(a) for a in args)})"


def _alternatives(name: str, overloads: Sequence[Overload]) -> str:
    lines = [f"{name}({', '.join(map(str, o.signature.params))})" for o in overloads]
    return "\n".join(
        [
            "Valid alternatives are:",
            *lines,
            "For detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;",
        ]
    )


def _hint(name: str, overloads: Sequence[Overload]) -> str:
    forms = [f"{name.upper()}({', '.join(map(str, o.signature.params))})" for o in overloads[:4]]
    return f"{name.upper()} can be called as {', '.join(forms)}{', ...' if len(overloads) > 4 else ''}"


class Registry:
    """The scalar and table functions of a workspace: the built-in ones and those of the user."""

    def __init__(self) -> None:
        self._own: dict[str, Function] = {}
        self._tables: dict[str, Function] = {}
        self._needed: dict[str, PythonFunction] = {}
        self._installed: weakref.WeakKeyDictionary[Store, set[str]] = weakref.WeakKeyDictionary()

    def names(self) -> list[str]:
        """List the names of all functions in alphabetical order."""
        return sorted({*builtin_functions(), *self._own})

    def __iter__(self) -> Iterator[Function]:
        return (self._function(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and (name.upper() in self._own or name.upper() in builtin_functions())

    def describe(self, name: str) -> Function:
        """Return the declaration of a function; the name's case does not matter.

        Raises: KsqlFunctionError when there is no such function.
        """
        return self._function(name)

    def _function(self, name: str) -> Function:
        key = name.upper()
        found = self._own.get(key) or builtin_functions().get(key)
        if found is None:
            close = difflib.get_close_matches(key, self.names(), n=3, cutoff=0.7)
            raise KsqlFunctionError(
                f"Can't find any functions with the name '{name}'",
                summary=f"function {name} does not exist",
                hint=f"did you mean {' or '.join(close)}?" if close else "SHOW FUNCTIONS lists all functions",
            )
        return found

    def resolve(self, name: str, args: Sequence[ArgType]) -> Resolved:
        """Find the function and the overload that a call means.

        Raises: KsqlFunctionError when the function is unknown or does not accept the arguments.
        """
        return self._resolve(self._function(name), args)

    def is_table(self, name: str) -> bool:
        """Tell whether a name, in any case, is that of a table function."""
        return name.upper() in self._tables or name.upper() in _builtin_tables()

    def describe_table(self, name: str) -> Function:
        """Return the declaration of a table function. Raises: KsqlFunctionError when there is no such function."""
        found = self._tables.get(name.upper()) or _builtin_tables().get(name.upper())
        if found is None:
            raise KsqlFunctionError(f"Can't find any functions with the name '{name}'")
        return found

    def resolve_table(self, name: str, args: Sequence[ArgType]) -> Resolved:
        """Find what a call of a table function means: a function whose type is ARRAY of the type of its rows.

        Raises: KsqlFunctionError when the function is unknown or does not accept the arguments.
        """
        return self._resolve(self.describe_table(name), args)

    def table_names(self) -> list[str]:
        """List the names of all table functions in alphabetical order."""
        return sorted({*_builtin_tables(), *self._tables})

    def _resolve(self, function: Function, args: Sequence[ArgType]) -> Resolved:
        shown = function.shown or function.name.lower()
        overload, found = resolve_overload(shown, function.overloads, args)
        returns = overload.return_type(args, found)
        python = self._python(function, overload, args, found, returns) if overload.python is not None else None
        return Resolved(
            function.name.upper(),
            returns,
            found.params,
            overload.can_raise,
            overload.volatile,
            overload,
            tuple(args),
            found,
            python,
        )

    def _python(
        self, function: Function, overload: Overload, args: Sequence[ArgType], found: Match, returns: SqlType | None
    ) -> PythonFunction:
        """Name the Python function of an overload for the types of a call, and remember that it is needed."""
        text: SqlType = STRING  # a time unit is passed as text, and so is a NULL without type
        params = tuple(text if t is None else t for t in found.params)
        result = text if returns is None else returns
        types = ", ".join(duck_type(t) for t in (*params, result))
        mark = hashlib.sha1(f"{overload.text}|{types}".encode(), usedforsecurity=False).hexdigest()[:8]
        name = f"streamnb_{function.name.lower()}_{mark}"
        if name not in self._needed:
            body = overload.python
            assert body is not None
            if overload.per_value:
                body = per_value_body(body, params, result, overload.strict)
            self._needed[name] = PythonFunction(name, body, params or (INTEGER,), result)
        return self._needed[name]

    def install(self, store: Store) -> None:
        """Make all Python functions resolved so far callable on a store's database; cheap when there is nothing new.

        Call it on the thread of the store, after ``resolve`` and before the rendered SQL runs. They are created on a
        connection of their own, so that a transaction of the caller's that is taken back does not take them along;
        one that is open sees them.
        """
        installed = self._installed.setdefault(store, set())
        missing = [python for name, python in list(self._needed.items()) if name not in installed]
        if not missing:
            return
        cursor = store.cursor()
        try:
            for python in missing:
                _create(cursor, python)
                installed.add(python.name)
        finally:
            cursor.close()

    def register(
        self,
        name: str,
        function: Callable[..., Any],
        signature: str,
        *,
        vectorised: bool = False,
        doc: str = "",
        category: str = "user",
    ) -> None:
        """Add a function of the user's, or another overload of one.

        ``signature`` is written as in the reference: ``(BIGINT, STRING...) -> STRING``. A scalar function gets Python
        values (None for null) once per row; a vectorised one gets Arrow arrays and returns an Arrow array. A call that
        raises makes an error of its row.
        Raises: ValueError when the signature is none, KsqlFunctionError when the name is that of a built-in function
        or the overload exists.
        """
        overload = Overload(signature, python=function, can_raise=True, per_value=not vectorised)
        if name.upper() in builtin_functions():
            raise KsqlFunctionError(f"A function named {name.upper()} is built in", hint="choose another name")
        _add(self._own, name, category, doc, overload)

    def register_table(self, name: str, function: Callable[..., Any], signature: str, *, doc: str = "") -> None:
        """Add a table function of the user's: its signature returns ARRAY, and the function a list of the rows' values.

        Raises: ValueError when the signature is none, KsqlFunctionError when the name is that of a built-in function
        or the overload exists.
        """
        overload = Overload(signature, python=function, can_raise=True, per_value=True)
        if not isinstance(overload.signature.returns, Array):
            raise ValueError(f"a table function returns ARRAY: {signature}")
        if name.upper() in _builtin_tables():
            raise KsqlFunctionError(f"A function named {name.upper()} is built in", hint="choose another name")
        _add(self._tables, name, "table", doc, overload)

    def unregister(self, name: str) -> None:
        """Forget a function of the user's; queries that run keep theirs."""
        self._own.pop(name.upper(), None)
        self._tables.pop(name.upper(), None)


def _add(functions: dict[str, Function], name: str, category: str, doc: str, overload: Overload) -> None:
    key = name.upper()
    params = [p.type for p in overload.signature.params]
    known = functions.get(key)
    if known is not None and any([p.type for p in o.signature.params] == params for o in known.overloads):
        raise KsqlFunctionError(f"Function {key} with these parameters is already registered")
    overloads = (*(known.overloads if known else ()), overload)
    functions[key] = Function(name, category, doc or (known.doc if known else ""), overloads, shown=name)


def _create(store: Store, python: PythonFunction) -> None:
    try:
        store.create_function(python.name, python.body, python.params, python.returns)
    except DatabaseError as error:
        if "already exists" not in str(error):  # another store of the same database was first
            raise


@cache
def default_registry() -> Registry:
    """Return the registry of built-in functions that is used where a workspace has none of its own."""
    return Registry()
