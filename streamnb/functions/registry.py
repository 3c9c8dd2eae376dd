"""Knows the built-in functions and those of the user, and finds the one that a call means.

A call with lambdas is resolved twice: with ``LambdaArg(n)`` to learn the types of the lambdas' parameters
(``Resolved.lambda_params``), and again with ``LambdaArg(n, body type)`` once the bodies are typed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from importlib import import_module

from streamnb.errors import KsqlFunctionError, UnknownFunctionError
from streamnb.functions.aggregate import ResolvedAggregate, aggregate_functions, is_aggregate, resolve_aggregate
from streamnb.functions.declare import Function, LambdaSql, Overload, Piece, UserOverload
from streamnb.functions.installed import PythonFunction, PythonFunctions, python_name
from streamnb.functions.overloads import resolve_overload
from streamnb.functions.resolved import Resolved
from streamnb.functions.signatures import ArgType, LambdaArg, UnitArg
from streamnb.functions.user_calls import resolve_user_aggregate, user_functions
from streamnb.functions.values import per_value_body
from streamnb.schema import STRING, SqlType
from streamnb.store import Store

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


class Registry:
    """The functions of a workspace: the built-in ones and those of the user. ``version`` grows with each change."""

    def __init__(self) -> None:
        self._own: dict[str, Function] = {}
        self._python = PythonFunctions()
        self.version = 0

    # What there is

    def names(self) -> list[str]:
        """List the names of all scalar functions in alphabetical order."""
        return sorted({*builtin_functions(), *self._own_of_kind("SCALAR")})

    def table_names(self) -> list[str]:
        """List the names of all table functions in alphabetical order."""
        return sorted({*_builtin_tables(), *self._own_of_kind("TABLE")})

    def aggregate_names(self) -> list[str]:
        """List the names of all aggregate functions in alphabetical order."""
        return sorted({*aggregate_functions(), *self._own_of_kind("AGGREGATE")})

    def _own_of_kind(self, kind: str) -> list[str]:
        return [name for name, function in self._own.items() if function.kind == kind]

    def own_names(self) -> list[str]:
        """List the names of the user's functions of all kinds."""
        return sorted(self._own)

    def own(self, name: str) -> Function | None:
        """Return the declaration of a function of the user's; the name's case does not matter."""
        return self._own.get(name.upper())

    def _own_of(self, name: str, kind: str) -> Function | None:
        found = self.own(name)
        return found if found is not None and found.kind == kind else None

    def __iter__(self) -> Iterator[Function]:
        return (self._function(name) for name in self.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.upper() in self.names()

    def is_table(self, name: str) -> bool:
        """Tell whether a name, in any case, is that of a table function."""
        return self._own_of(name, "TABLE") is not None or name.upper() in _builtin_tables()

    def is_aggregate(self, name: str) -> bool:
        """Tell whether a name, in any case, is that of an aggregate function."""
        return self._own_of(name, "AGGREGATE") is not None or is_aggregate(name)

    def describe(self, name: str) -> Function:
        """Return the declaration of a scalar function; the name's case does not matter.

        Raises: KsqlFunctionError when there is no such function.
        """
        return self._function(name)

    def _function(self, name: str) -> Function:
        key = name.upper()
        found = self._own_of(name, "SCALAR") or builtin_functions().get(key)
        if found is None:
            close = difflib.get_close_matches(key, self.names(), n=3, cutoff=0.7)
            raise UnknownFunctionError(
                f"Can't find any functions with the name '{name}'",
                summary=f"function {name} does not exist",
                hint=f"did you mean {' or '.join(close)}?" if close else "SHOW FUNCTIONS lists all functions",
                name=key,
            )
        return found

    def describe_table(self, name: str) -> Function:
        """Return the declaration of a table function. Raises: KsqlFunctionError when there is no such function."""
        found = self._own_of(name, "TABLE") or _builtin_tables().get(name.upper())
        if found is None:
            raise UnknownFunctionError(f"Can't find any functions with the name '{name}'", name=name.upper())
        return found

    # What a call means

    def resolve(self, name: str, args: Sequence[ArgType]) -> Resolved:
        """Find the function and the overload that a call means.

        Raises: KsqlFunctionError when the function is unknown or does not accept the arguments.
        """
        return self._resolve(self._function(name), args)

    def resolve_table(self, name: str, args: Sequence[ArgType]) -> Resolved:
        """Find what a call of a table function means: a function whose type is ARRAY of the type of its rows.

        Raises: KsqlFunctionError when the function is unknown or does not accept the arguments.
        """
        return self._resolve(self.describe_table(name), args)

    def resolve_aggregate(
        self,
        name: str,
        args: Sequence[SqlType | None],
        constants: Mapping[int, object] | None = None,
        *,
        limit: int | None = None,
        texts: Sequence[str] = (),
    ) -> ResolvedAggregate:
        """Find what a call of an aggregate function means; the arguments are those of ``aggregate.resolve_aggregate``.

        Raises: KsqlFunctionError when the function is unknown, does not accept the arguments, or cannot be set up.
        """
        own = self._own_of(name, "AGGREGATE")
        if own is None:
            return resolve_aggregate(name, args, constants, limit=limit, texts=texts)
        return resolve_user_aggregate(own, args, constants or {}, texts, self._python)

    def _resolve(self, function: Function, args: Sequence[ArgType]) -> Resolved:
        shown = function.shown or function.name.lower()
        overload, found = resolve_overload(shown, function.overloads, args)
        returns = overload.return_type(args, found)
        python, catching = None, None
        if overload.python is not None:
            text: SqlType = STRING  # a time unit is passed as text, and so is a NULL without type
            params = tuple(text if t is None else t for t in found.params)
            result = text if returns is None else returns
            if isinstance(overload, UserOverload):
                python, catching = user_functions(function, overload, params, result, self._python)
            else:
                python = self._builtin(function, overload, params, result)
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
            catching,
        )

    def _builtin(
        self, function: Function, overload: Overload, params: Sequence[SqlType], returns: SqlType
    ) -> PythonFunction:
        """Name the Python function of a built-in overload for the types of a call, and remember that it is needed."""
        body = overload.python
        assert body is not None
        if overload.per_value:
            body = per_value_body(body, params, returns, overload.strict)
        name = python_name(function.name, overload.text, (*params, returns))
        return self._python.need(name, lambda: body, params, returns)

    def install(self, store: Store) -> None:
        """Make all Python functions resolved so far callable on a store's database; cheap when there is nothing new.

        Call it on the thread of the store, after ``resolve`` and before the rendered SQL runs.
        """
        self._python.install(store)

    # Functions of the user's

    def register(self, name: str, kind: str, overload: UserOverload, doc: str = "") -> None:
        """Add a function of the user's; one with the same parameters, or of another kind, is replaced.

        Queries that were planned with the one replaced keep it.
        Raises: KsqlFunctionError when the name is that of a built-in function.
        """
        key = name.upper()
        if key in builtin_functions() or key in _builtin_tables() or key in aggregate_functions():
            raise KsqlFunctionError(
                f"A function named {key} is built in",
                summary=f"a function named {key} is built in",
                hint="choose another name",
            )
        self.version += 1
        known = self._own_of(name, kind)
        others = () if known is None else known.overloads
        others = tuple(o for o in others if _accepted(o) != _accepted(overload))
        added = replace(overload, version=self.version)
        doc = doc or ("" if known is None else known.doc)
        self._own[key] = Function(key, "user", doc, (*others, added), shown=name, kind=kind)

    def unregister(self, name: str) -> bool:
        """Forget a function of the user's; queries that run keep theirs. False when there is none."""
        self.version += 1
        return self._own.pop(name.upper(), None) is not None


def _accepted(overload: Overload) -> list[tuple[SqlType, bool, bool]]:
    return [(p.type, p.variadic, p.constant) for p in overload.signature.params]


@cache
def default_registry() -> Registry:
    """Return the registry of built-in functions that is used where a workspace has none of its own."""
    return Registry()
