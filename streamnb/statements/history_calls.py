"""The user's scalar functions in a SELECT over history.

DuckDB has one signature for a Python function, and finds the types of a query's columns only when it plans it: a call
is put in place where the number of its arguments tells the signature.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sqlglot import exp

from streamnb.errors import KsqlFunctionError, Span
from streamnb.functions.registry import Registry
from streamnb.functions.signatures import AnyDecimal, AnyType, Var
from streamnb.schema import Array, Map, SqlType, Struct

__all__ = ["place_calls"]


def place_calls(tree: exp.Query, registry: Registry) -> Mapping[str, str]:
    """Write the names that DuckDB knows the user's functions by into a query, and return them with the users' names.

    Raises: KsqlFunctionError for a call of which only a streaming query knows what it means.
    """
    own = frozenset(registry.own_names())
    calls = [node for node in tree.find_all(exp.Anonymous) if node.name.upper() in own]
    placed: dict[str, str] = {}
    for call in calls:
        name = call.name.upper()
        types = _types(name, call, registry)
        python = registry.resolve(name, types).python
        assert python is not None
        call.set("this", exp.to_identifier(python.name, quoted=True))
        if not types:
            call.set("expressions", [exp.Literal.number(0)])  # tells DuckDB's caller the number of rows
        placed[python.name] = name
    return placed


def _types(name: str, call: exp.Anonymous, registry: Registry) -> Sequence[SqlType]:
    """Find the types that a call's arguments are to have."""
    start, end = call.meta.get("start"), call.meta.get("end")
    span = None if start is None or end is None else Span(start, end + 1)
    function = registry.own(name)
    assert function is not None
    if function.kind != "SCALAR" or isinstance(call.parent, exp.Table):
        where = " in FROM" if isinstance(call.parent, exp.Table) else ""
        raise KsqlFunctionError(
            f"{function.kind.lower()} function {name} may not be called{where} over history",
            hint="of your own functions a SELECT over history may call scalar ones, and in expressions only",
            span=span,
        )
    if isinstance(call.parent, exp.Dot):
        raise KsqlFunctionError(f"{name} is a function of your own", hint=f"write {name}(...)", span=span)
    count = len(call.expressions)
    forms = [types for o in function.overloads if (types := o.signature.expand(count)) is not None]
    if len(forms) == 1 and not any(isinstance(t, Var | AnyType | AnyDecimal) for t in _parts(forms[0])):
        return forms[0]
    shown = "; ".join(f"{name}{o.signature}" for o in function.overloads)
    if not forms:
        raise KsqlFunctionError(f"{name} does not take {count} arguments", hint=f"it is declared as {shown}", span=span)
    raise KsqlFunctionError(
        f"over history the number of arguments does not tell which form of {name} is meant",
        hint=f"it is declared as {shown}; declare one form of fixed types, or call it in a streaming query",
        span=span,
    )


def _parts(types: Sequence[SqlType]) -> Iterator[SqlType]:
    for type_ in types:
        yield type_
        if isinstance(type_, Array):
            yield from _parts([type_.element])
        elif isinstance(type_, Map):
            yield from _parts([type_.key, type_.value])
        elif isinstance(type_, Struct):
            yield from _parts([f.type for f in type_.fields])
