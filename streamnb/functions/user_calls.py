"""Calls of the user's functions: fixed to the types of their arguments, and made known to DuckDB."""

from __future__ import annotations

import decimal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from streamnb.errors import KsqlFunctionError
from streamnb.functions.aggregate import ResolvedAggregate, literal_constant
from streamnb.functions.declare import Function, UserOverload
from streamnb.functions.installed import PythonFunction, PythonFunctions, python_name
from streamnb.functions.matching import match
from streamnb.functions.overloads import resolve_overload
from streamnb.functions.user_aggregates import AggregateTypes, resolved_aggregate
from streamnb.functions.user_bodies import catching_body, failure, plain_body, rows_of, vectorized_body
from streamnb.schema import DOUBLE, STRING, Array, Decimal, Field, SqlType, Struct

__all__ = ["resolve_user_aggregate", "user_functions"]


def user_functions(
    function: Function,
    overload: UserOverload,
    params: Sequence[SqlType],
    returns: SqlType,
    functions: PythonFunctions,
) -> tuple[PythonFunction, PythonFunction | None]:
    """Make a scalar or table function callable for the types of a call: its plain form, and its catching one."""
    assert overload.python is not None
    name, call = function.shown, overload.python
    text = f"{overload.text}|{overload.version}"
    known = python_name(function.name, text, (*params, returns))
    if not overload.per_value:
        return functions.need(known, lambda: vectorized_body(name, call, params, returns), params, returns), None
    if function.kind == "TABLE":
        assert isinstance(returns, Array)
        call = rows_of(call, returns.element)
    plain = functions.need(known, lambda: plain_body(name, call, params, returns), params, returns)
    struct = Struct((Field("v", returns),))
    catching = functions.need(f"{known}_try", lambda: catching_body(name, call, params, returns), params, struct)
    return plain, catching


def resolve_user_aggregate(
    function: Function,
    args: Sequence[SqlType | None],
    constants: Mapping[int, object],
    texts: Sequence[str],
    functions: PythonFunctions,
) -> ResolvedAggregate:
    """Find the signature of an aggregate function that takes the arguments, and make an instance of its class.

    Raises: KsqlFunctionError for arguments it does not take, a constant that is no literal, a class that fails.
    """
    overload, found = resolve_overload(function.shown, function.overloads, args)
    assert isinstance(overload, UserOverload)
    places = overload.signature.expand_parameters(len(args)) or ()
    types = [STRING if t is None else t for t in found.params]
    values = [
        _constant(literal_constant(function.shown, i, constants, texts), types[i])
        for i, p in enumerate(places)
        if p.constant
    ]
    fixed = AggregateTypes(
        tuple(t for t, p in zip(types, places, strict=True) if not p.constant),
        _state(overload, args),
        STRING if found.returns is None else found.returns,
    )
    text = f"{overload.text}|{overload.version}|{values!r}"

    def define(part: str, body: Callable[..., Any], params: Sequence[SqlType], returns: SqlType) -> PythonFunction:
        known = python_name(f"{function.name}_{part}", text, (*fixed.params, *params, returns))
        return functions.need(known, lambda: body, params, returns)

    return resolved_aggregate(function.shown, _instance(function, overload, values), fixed, define)


def _state(overload: UserOverload, args: Sequence[SqlType | None]) -> SqlType:
    """Find the type of the state, in which the type variables of the parameters may occur."""
    assert overload.state is not None
    signature = replace(overload.signature, returns=overload.state)
    found = match(signature, args, False) or match(signature, args, True)
    return STRING if found is None or found.returns is None else found.returns


def _constant(value: object, type_: SqlType) -> object:
    """Give a literal the Python type of its parameter."""
    if type_ == DOUBLE and isinstance(value, int | decimal.Decimal):
        return float(value)
    if isinstance(type_, Decimal) and isinstance(value, int):
        return decimal.Decimal(value)
    return value


def _instance(function: Function, overload: UserOverload, values: Sequence[object]) -> Any:
    assert overload.python is not None
    try:
        return overload.python(*values)
    except Exception as error:
        given = f" with {', '.join(map(repr, values))}" if values else ""
        raise KsqlFunctionError(
            f"{failure(function.shown, error)}, when its class was called{given}",
            hint="the class gets the constants of a call, in their order.",
        ) from error
