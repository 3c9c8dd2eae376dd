"""Functions of the user's in Python: the decorators ``udf``, ``udtf`` and ``udaf``.

A function is registered in the process, for all its pipelines, when the cell that declares it runs; run again with the
same parameters it takes the old one's place, and queries that run keep the old one.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from streamnb.errors import KsqlFunctionError, Span
from streamnb.functions.declare import UserOverload
from streamnb.functions.registry import default_registry
from streamnb.functions.signature_text import Declaration, parse_declaration, parse_type
from streamnb.functions.signatures import AnyDecimal, AnyType, LambdaType, Signature, UnitType, variables_of
from streamnb.schema import Array, Map, SqlType, Struct
from streamnb.sql.tokens import is_plain_name

__all__ = ["drop_function", "udaf", "udf", "udtf"]

F = TypeVar("F", bound=Callable[..., Any])
C = TypeVar("C", bound=type)

_METHODS = ("initialize", "aggregate")


def udf(*signatures: str, vectorized: bool = False) -> Callable[[F], F]:
    """Register a Python function as a scalar function, under one signature or several.

    ``"NAME(INT, VARCHAR) -> VARCHAR"``: the function gets the values of one record, None for null, and returns one.
    ``vectorized``: it gets Arrow arrays of the records of a batch, and returns an array as long. It must give the same
    for the same arguments. When it raises, the record's result is null, and the processing log says why.
    Raises: KsqlFunctionError that points into a signature which is wrong.
    """
    declared = _declarations("udf", signatures)
    for d in declared:
        _check(d)
        if vectorized and not d.signature.params:
            raise _refused(d, "a vectorized function has at least one parameter", d.returns, "leave vectorized out")

    def register(function: F) -> F:
        _check_arguments(function, declared)
        for d in declared:
            overload = UserOverload(
                d.text, python=function, can_raise=True, per_value=not vectorized, declared=d.signature
            )
            _register(d, "SCALAR", overload, function)
        return function

    return register


def udtf(*signatures: str) -> Callable[[F], F]:
    """Register a Python function as a table function: it returns an iterable of the rows of one record.

    ``"NAME(VARCHAR) -> VARCHAR"``: the result is the type of one row. None stands for no rows.
    Raises: KsqlFunctionError that points into a signature which is wrong.
    """
    declared = _declarations("udtf", signatures)
    for d in declared:
        _check(d)

    def register(function: F) -> F:
        _check_arguments(function, declared)
        for d in declared:
            signature = Signature(d.signature.params, Array(d.signature.returns))
            overload = UserOverload(d.text, python=function, can_raise=True, per_value=True, declared=signature)
            _register(d, "TABLE", overload, function)
        return function

    return register


def udaf(*signatures: str, state: str | None = None) -> Callable[[C], C]:
    """Register a class as an aggregate function, under one signature or several.

    ``"NAME(BIGINT, const INT) -> BIGINT"``: the class is called with the constants of a call, and has the methods
    ``initialize()``, which returns the state of a new group, and ``aggregate(state, value, ...)``, which returns the
    next state; ``map(state)`` returns the result, where it is not the state; ``merge(state, other)`` is for session
    windows, ``undo(state, value, ...)`` for tables. ``state`` is the SQL type of the state (default: the result's).
    Raises: KsqlFunctionError that points into a signature which is wrong, or names the method that is missing.
    """
    declared = _declarations("udaf", signatures)
    for d in declared:
        _check(d)
        _check_constants(d)
    kept = None if state is None else parse_type(state)
    for d in declared:
        if kept is not None:
            _check_result(kept, d.signature, lambda what, hint: _wrong_state(state or "", what, hint))

    def register(class_: C) -> C:
        missing = [m for m in _METHODS if not callable(getattr(class_, m, None))]
        if missing:
            raise KsqlFunctionError(
                f"class {class_.__name__} has no method {missing[0]}",
                hint="an aggregate function has initialize() and aggregate(state, value, ...)",
            )
        for d in declared:
            overload = UserOverload(
                f"{d.text}|{state}",
                python=class_,
                can_raise=True,
                per_value=True,
                declared=d.signature,
                state=kept or d.signature.returns,
            )
            _register(d, "AGGREGATE", overload, class_)
        return class_

    return register


def drop_function(name: str) -> None:
    """Forget a function that udf, udtf or udaf registered, in all its forms; queries that run keep it.

    Raises: KsqlFunctionError when there is none.
    """
    if not default_registry().unregister(name):
        raise KsqlFunctionError(
            f"no function {name} was registered", hint="only functions of udf, udtf and udaf can be dropped"
        )


def _register(declared: Declaration, kind: str, overload: UserOverload, documented: Any) -> None:
    try:
        default_registry().register(declared.name, kind, overload, _description(documented))
    except KsqlFunctionError as error:
        raise error.at(declared.text, declared.name_span) from None


def _description(documented: Any) -> str:
    """Take the first paragraph of a docstring."""
    doc = inspect.cleandoc(documented.__doc__) if isinstance(getattr(documented, "__doc__", None), str) else ""
    return " ".join(doc.split("\n\n", 1)[0].split())


# Checks


def _declarations(decorator: str, signatures: Sequence[object]) -> list[Declaration]:
    if not signatures or not all(isinstance(text, str) for text in signatures):
        raise KsqlFunctionError(
            f"{decorator} takes the signature of the function",
            hint=f'write @{decorator}("NAME(INT, VARCHAR) -> VARCHAR") before the function',
        )
    return [parse_declaration(str(text)) for text in signatures]


def _refused(declared: Declaration, what: str, span: Span, hint: str | None) -> KsqlFunctionError:
    return KsqlFunctionError(what, hint=hint, text=declared.text, span=span)


def _wrong_state(text: str, what: str, hint: str | None) -> KsqlFunctionError:
    return KsqlFunctionError(f"the state: {what}", hint=hint, text=text, span=Span(0, len(text)))


def _check(declared: Declaration) -> None:
    """Refuse what a function in Python cannot have."""
    signature = declared.signature
    if not is_plain_name(declared.name):
        raise _refused(
            declared,
            f"{declared.name} cannot be the name of a function",
            declared.name_span,
            "a name is made of letters, digits and _, and is no keyword of SQL",
        )
    for parameter, span in zip(signature.params, declared.params, strict=True):
        if any(isinstance(t, LambdaType | UnitType) for t in _parts(parameter.type)):
            raise _refused(
                declared, f"a function in Python cannot take {parameter.type}", span, "only built-in functions can"
            )
    variadic = [span for p, span in zip(signature.params, declared.params, strict=True) if p.variadic]
    if len(variadic) > 1:
        raise _refused(declared, "only one parameter can be repeated", variadic[1], "take one of the ... away")
    _check_result(signature.returns, signature, lambda what, hint: _refused(declared, what, declared.returns, hint))


def _check_result(
    type_: SqlType, signature: Signature, refused: Callable[[str, str | None], KsqlFunctionError]
) -> None:
    """Refuse a result, or a state, whose type no call can tell."""
    parts = _parts(type_)
    free = sorted(set(variables_of(type_)) - signature.variables())
    if free:
        raise refused(f"type variable {free[0]} is not among the parameters", "a result's type follows from arguments")
    if any(isinstance(t, AnyType | LambdaType | UnitType) for t in parts):
        raise refused(f"{type_} is no type of a result", "write the type, or a type variable of the parameters")
    if any(isinstance(t, AnyDecimal) for t in parts):
        raise refused("a DECIMAL result has a precision and a scale", "write DECIMAL(38, 10), for example")


def _parts(type_: SqlType) -> list[SqlType]:
    if isinstance(type_, Array):
        return [type_, *_parts(type_.element)]
    if isinstance(type_, Map):
        return [type_, *_parts(type_.key), *_parts(type_.value)]
    if isinstance(type_, Struct):
        return [type_, *(part for f in type_.fields for part in _parts(f.type))]
    return [type_]


def _check_constants(declared: Declaration) -> None:
    """Refuse constants before columns: a call lists its columns first."""
    seen = False
    for parameter, span in zip(declared.signature.params, declared.params, strict=True):
        if seen and not parameter.constant:
            raise _refused(declared, "columns come before constants", span, "move the const parameters to the end")
        seen = seen or parameter.constant


def _check_arguments(function: Callable[..., Any], declared: Sequence[Declaration]) -> None:
    """Refuse a Python function that cannot be called with the arguments of a signature."""
    try:
        shown = inspect.signature(function)
    except (TypeError, ValueError):  # some functions in C have none
        return
    for d in declared:
        count = len(d.signature.params)
        constants = [span for p, span in zip(d.signature.params, d.params, strict=True) if p.constant]
        if constants:
            raise _refused(d, "only aggregate functions have const parameters", constants[0], "take const away")
        try:
            shown.bind(*[None] * (count + 1 if d.signature.variadic is not None else count))
        except TypeError:
            name = getattr(function, "__name__", "function")
            many = "any number of arguments" if d.signature.variadic is not None else f"{count} arguments"
            raise _refused(
                d,
                f"{d.name} takes {many}, but the Python function is {name}{shown}",
                Span(d.name_span.end, d.returns.end),
                "give the function a parameter for each one of the signature, or *args",
            ) from None
