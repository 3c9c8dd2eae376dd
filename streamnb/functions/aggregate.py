"""Aggregate functions: how one is declared, printed and resolved.

Theory of operation: an aggregate keeps *parts*, columns of the operator's state table. ``partial`` gives the parts of
some records alone as DuckDB aggregate calls; the same calls print with GROUP BY (all records of a key in the batch)
and with OVER (every record's running value), by way of ``Frame``. ``merge`` adds a partial to the old parts (NULL where
the key is new), ``combine`` merges the parts of several sessions, ``finish`` makes the result. Where the row of a
table can be taken back, ``over_table`` is the same aggregate with a sign, 1 or -1, as its last argument.

Every expression is independent of where a batch ends: lists and DOUBLE sums follow the record order ``ord``, and
DOUBLE sums are folded from the old sum on, since floating point addition is not associative.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, ident, join, sql
from streamnb.errors import KsqlFunctionError

__all__ = [
    "AggregateFunction",
    "Frame",
    "ResolvedAggregate",
    "aggregate_functions",
    "is_aggregate",
    "literal_constant",
    "resolve_aggregate",
]

ORDER = ident("ord")
Parts = Sequence[Sql]


@dataclass(frozen=True)
class Frame:
    """How aggregate calls print: over groups, or running over the window named by ``window``."""

    window: Sql | None = None
    order: Sql = ORDER

    def call(
        self, name: str, *args: Sql, where: Sql | None = None, ordered: bool = False, distinct: bool = False
    ) -> Sql:
        """Print an aggregate call; ``ordered`` says that its result depends on the order of the records."""
        text = join(", ", args)
        if distinct:
            text = sql("DISTINCT {}", text)
        if ordered and self.window is None:
            text = sql("{} ORDER BY {}", text, self.order)
        call = sql("{}({})", Sql(name), text)
        if where is not None:
            call = sql("{} FILTER (WHERE {})", call, where)
        return sql("{} OVER {}", call, self.window) if self.window is not None else call


@dataclass(frozen=True)
class ResolvedAggregate:
    """An aggregate function fixed to its argument types and constants.

    ``param_types`` are the types of the arguments that are evaluated per record (constants are gone), after implicit
    conversion. ``parts`` are the DuckDB types of the state columns. ``grows`` tells that a running partial is as long
    as the records it covers, so that a hot key is quadratic. ``over_table`` is None where a row cannot be taken back.
    """

    name: str
    result_type: s.SqlType
    param_types: tuple[s.SqlType, ...]
    parts: tuple[Sql, ...]
    partial: Callable[[Frame, Parts], list[Sql]]
    merge: Callable[[Parts, Parts], list[Sql]]
    combine: Callable[[Frame, Parts], list[Sql]]
    finish: Callable[[Parts], Sql]
    grows: bool = False
    over_table: ResolvedAggregate | None = None
    mergeable: bool = True
    errors: Callable[[Parts], Sql] | None = None


Signed = Callable[[Frame, Parts, Sql], list[Sql]]


def undoable(aggregate: ResolvedAggregate, signed: Signed) -> ResolvedAggregate:
    """Give an aggregate its form over tables: ``signed(frame, args, sign)`` is that form's partial."""
    return replace(
        aggregate, over_table=replace(aggregate, partial=lambda frame, args: signed(frame, args[:-1], args[-1]))
    )


def times(sign: Sql, value: Sql) -> Sql:
    """Give a number its sign without a change of type."""
    return sql("CASE WHEN {} < 0 THEN -({}) ELSE {} END", sign, value, value)


Builder = Callable[[tuple[s.SqlType, ...], tuple[Any, ...], int | None], ResolvedAggregate]


@dataclass(frozen=True)
class Signature:
    """One signature: column parameter types (None takes any type), variadic ones of type ``rest``, then constants."""

    params: tuple[s.SqlType | None, ...]
    constants: tuple[s.SqlType, ...] = ()
    variadic: bool = False
    rest: s.SqlType | None = None

    def describe(self, name: str) -> str:
        """Write the signature as DESCRIBE FUNCTION and error messages show it."""
        shown = ["T" if p is None else "DECIMAL" if isinstance(p, s.Decimal) else str(p) for p in self.params]
        if self.variadic:
            shown.append(f"{self.rest or 'ANY'}...")
        shown += [f"{c} constant" for c in self.constants]
        return f"{name}({', '.join(shown)})"


@dataclass(frozen=True)
class AggregateFunction:
    """The declaration of an aggregate function: everything that its users and its callers are told."""

    name: str
    doc: str
    signatures: tuple[Signature, ...]
    build: Builder = field(repr=False, compare=False)
    undoable: bool = False


ANY_DECIMAL = s.Decimal(38, 0)
_WIDENING: tuple[s.SqlType, ...] = (s.INTEGER, s.BIGINT, ANY_DECIMAL, s.DOUBLE)


def fold(values: Sql, start: Sql) -> Sql:
    """Add a list's numbers to a start value one by one, from the left; a NULL list adds nothing."""
    return sql("coalesce(list_reduce({0}, lambda a, b: a + b, {1}), {1})", values, start)


def first_occurrences(values: Sql) -> Sql:
    """Keep the first of equal list entries, NULL being equal to NULL."""
    return sql("list_filter({0}, lambda e, i: i = list_position({0}, e))", values)


def _registry() -> Mapping[str, AggregateFunction]:
    from streamnb.functions import aggregate_collect, aggregate_numeric, aggregate_order

    declared = (*aggregate_numeric.FUNCTIONS, *aggregate_order.FUNCTIONS, *aggregate_collect.FUNCTIONS)
    return {function.name: function for function in sorted(declared, key=lambda f: f.name)}


@cache
def aggregate_functions() -> Mapping[str, AggregateFunction]:
    """All built-in aggregate functions by their upper-case name, in alphabetical order."""
    return _registry()


def is_aggregate(name: str) -> bool:
    """Tell whether a name, in any case, is that of a built-in aggregate function."""
    return name.upper() in aggregate_functions()


def resolve_aggregate(
    name: str,
    arg_types: Sequence[s.SqlType | None],
    constants: Mapping[int, object] | None = None,
    *,
    limit: int | None = None,
    texts: Sequence[str] = (),
) -> ResolvedAggregate:
    """Find the signature that takes the arguments and fix the function to it.

    ``arg_types`` are those of all arguments (None for NULL; none at all for ``COUNT(*)``), ``constants`` the values of
    those that are literals, by position. ``limit`` bounds collected entries (``ksql.functions.<name>.limit``).
    ``texts`` are the arguments as written, for messages.
    Raises: KsqlFunctionError for an unknown function, arguments it does not take, a constant that is no literal.
    """
    function = aggregate_functions().get(name.upper())
    if function is None:
        close = difflib.get_close_matches(name.upper(), aggregate_functions(), 1)
        raise KsqlFunctionError(
            f"Can't find any functions with the name '{name}'",
            summary=f"function {name} does not exist",
            hint=f"did you mean {close[0]}?" if close else "SHOW FUNCTIONS lists all functions",
        )
    best: tuple[int, Signature, tuple[s.SqlType, ...]] | None = None
    for signature in function.signatures:
        match = _match(signature, arg_types)
        if match is not None and (best is None or match[0] < best[0]):
            best = (match[0], signature, match[1])
    if best is None:
        raise _no_match(function, name, arg_types)
    _, signature, params = best
    places = range(len(params), len(arg_types))
    return function.build(
        params, tuple(literal_constant(function.name, i, constants or {}, texts) for i in places), limit
    )


def literal_constant(name: str, position: int, constants: Mapping[int, object], texts: Sequence[str]) -> object:
    """Return the value of an argument that has to be a literal. Raises: KsqlFunctionError when it is none."""
    value = constants.get(position)
    if value is None:
        text = texts[position] if position < len(texts) else "?"
        raise KsqlFunctionError(
            f"Parameter {position + 1} passed to function {name} must be a literal constant, "
            f"but was expression: '{text}'",
            summary=f"argument {position + 1} of {name} is not a literal",
            hint="write a number, a text, or TRUE or FALSE there",
        )
    return value


def _match(signature: Signature, arg_types: Sequence[s.SqlType | None]) -> tuple[int, tuple[s.SqlType, ...]] | None:
    """Measure how far arguments are from a signature (0: exact) and give the parameters' types, or None."""
    columns = len(arg_types) - len(signature.constants)
    wanted = len(signature.params)
    if columns < wanted or (columns > wanted and not signature.variadic):
        return None
    cost = 1000 * (columns - wanted)
    params: list[s.SqlType] = []
    for position in range(columns):
        param = signature.params[position] if position < wanted else signature.rest
        step = _conversion(arg_types[position], param)
        if step is None:
            return None
        cost += step[0]
        params.append(step[1])
    for constant, given in zip(signature.constants, arg_types[columns:], strict=True):
        if given is not None and given != constant:
            return None
    return cost, tuple(params)


def _conversion(given: s.SqlType | None, param: s.SqlType | None) -> tuple[int, s.SqlType] | None:
    if given is None:
        return (1, s.STRING if param is None else s.Decimal(1, 0) if isinstance(param, s.Decimal) else param)
    if param is None or given == param:
        return (0, given)
    if isinstance(given, s.Decimal) and isinstance(param, s.Decimal):
        return (0, given)
    rank: dict[s.SqlType | None, int] = {s.INTEGER: 0, s.BIGINT: 1, s.DOUBLE: 3}
    from_rank = 2 if isinstance(given, s.Decimal) else rank.get(given)
    to_rank = rank.get(param)
    if from_rank is None or to_rank is None or to_rank <= from_rank:
        return None
    return (10 * (to_rank - from_rank), param)


def _no_match(function: AggregateFunction, name: str, arg_types: Sequence[s.SqlType | None]) -> KsqlFunctionError:
    given = ", ".join("null" if t is None else str(t) for t in arg_types)
    alternatives = [signature.describe(name) for signature in function.signatures]
    return KsqlFunctionError(
        f"Function '{name}' does not accept parameters ({given}).\nValid alternatives are:\n"
        + "\n".join(alternatives)
        + "\nFor detailed information on a function run: DESCRIBE FUNCTION <Function-Name>;",
        summary=f"function {name} does not accept parameters ({given})",
        hint=f"it takes {' or '.join(alternatives)}",
    )
