"""Aggregate functions that the public cases call and only ksqlDB's own test classes have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, join, lit, sql
from streamnb.errors import KsqlFunctionError
from streamnb.functions.aggregate import AggregateFunction, Frame, Parts, ResolvedAggregate, Signature, times, undoable

__all__ = ["TEST_AGGREGATES"]

Types = tuple[s.SqlType, ...]
PAIR = s.Struct((s.Field("A", s.INTEGER), s.Field("B", s.INTEGER)))


def _amount(args: Sequence[Sql], params: Types) -> Sql:
    """Add a record's numbers and the lengths of its texts; null adds nothing."""
    pieces = [sql("len({})" if t == s.STRING else "{}", a) for a, t in zip(args, params, strict=True)]
    return join(" + ", [sql("coalesce({}, 0)", p) for p in pieces] or [sql("0")])


def _running(name: str, params: Types, counted: int, start: int = 0) -> ResolvedAggregate:
    """Add up the amounts of the first arguments; the others are the same for all records and set the start."""
    type_ = s.DOUBLE if params[0] == s.DOUBLE else s.BIGINT
    part = duck_type(type_)

    def partial(frame: Frame, args: Parts) -> list[Sql]:
        total = frame.call("sum", _amount(args[:counted], params[:counted]))
        same = frame.call("min", _amount(args[counted:], params[counted:]))
        return [sql("({})::{}", total, part), sql("({})::BIGINT", same)]

    return ResolvedAggregate(
        name=name,
        result_type=type_,
        param_types=params,
        parts=(part, duck_type(s.BIGINT)),
        partial=partial,
        merge=lambda o, p: [sql("coalesce({}, 0) + {}", o[0], p[0]), p[1]],
        combine=lambda f, p: [sql("({})::{}", f.call("sum", p[0]), part), f.call("min", p[1])],
        finish=lambda p: sql("({} + {} + {})::{}", p[0], p[1], lit(start), part),
    )


def _pairs(name: str, params: Types) -> ResolvedAggregate:
    """Add up both fields of a struct."""
    part = duck_type(s.INTEGER)

    def sums(frame: Frame, values: Sequence[Sql]) -> list[Sql]:
        return [sql("({})::{}", frame.call("sum", v), part) for v in values]

    return ResolvedAggregate(
        name=name,
        result_type=PAIR,
        param_types=params,
        parts=(part, part),
        partial=lambda f, a: sums(f, [sql("({}).A", a[0]), sql("({}).B", a[0])]),
        merge=lambda o, p: [sql("coalesce({}, 0) + coalesce({}, 0)", x, y) for x, y in zip(o, p, strict=True)],
        combine=sums,
        finish=lambda p: sql("struct_pack(A := {}, B := {})", p[0], p[1]),
    )


def _sum(params: Types, constants: tuple[Any, ...], _: int | None) -> ResolvedAggregate:
    if isinstance(params[0], s.Struct):
        return _pairs("TEST_UDAF", params)
    total = _running("TEST_UDAF", params, 1, sum(len(text) for text in constants))

    def signed(frame: Frame, args: Parts, sign: Sql) -> list[Sql]:
        return [sql("({})::BIGINT", frame.call("sum", times(sign, _amount(args, params)))), sql("0::BIGINT")]

    return undoable(total, signed) if params[0] in (s.INTEGER, s.BIGINT) else total


def _multi(name: str, counted: int) -> Any:
    return lambda params, constants, _: _running(name, params, counted)


def _variadic(name: str) -> Any:
    return lambda params, constants, _: _running(name, params, len(params), sum(constants))


def _list(name: str) -> Any:
    """Build the list of the first arguments of those records whose arguments are all there."""

    def build(params: Types, _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
        if name == "GENERIC_VAR_ARG" and len(set(params[2:])) > 1:
            given = ", ".join(map(str, params))
            raise KsqlFunctionError(f"Function '{name}' does not accept parameters ({given}).")
        part = duck_type(s.Array(params[0]))
        return ResolvedAggregate(
            name=name,
            result_type=s.Array(params[0]),
            param_types=params,
            parts=(part,),
            partial=lambda f, a: [
                f.call("list", a[0], where=join(" AND ", [sql("{} IS NOT NULL", x) for x in a]), ordered=True)
            ],
            merge=lambda o, p: [sql("coalesce({0}, []::{2}) || coalesce({1}, []::{2})", o[0], p[0], part)],
            combine=lambda f, p: [sql("flatten({})", f.call("list", p[0], ordered=True))],
            finish=lambda p: p[0],
            grows=True,
        )

    return build


TEXT, INT = s.STRING, s.INTEGER
TEST_AGGREGATES = (
    AggregateFunction(
        "TEST_UDAF",
        "Adds up.",
        (
            Signature((s.BIGINT,)),
            Signature((INT,)),
            Signature((s.DOUBLE,)),
            Signature((TEXT,), (TEXT,)),
            Signature((PAIR,)),
        ),
        _sum,
        undoable=True,
    ),
    AggregateFunction("VAR_ARG", "Adds up.", (Signature((s.BIGINT,), variadic=True, rest=TEXT),), _variadic("VAR_ARG")),
    AggregateFunction(
        "MID_VAR_ARG",
        "Adds up.",
        (Signature((s.BIGINT,), (INT, INT), variadic=True, rest=TEXT),),
        _variadic("MID_VAR_ARG"),
    ),
    AggregateFunction(
        "MULTI_ARG",
        "Adds up.",
        (Signature((s.BIGINT, TEXT, INT), variadic=True, rest=TEXT),),
        _multi("MULTI_ARG", 2),
    ),
    AggregateFunction(
        "FOUR_ARG",
        "Adds up.",
        (Signature((s.BIGINT, TEXT, TEXT, TEXT, INT), variadic=True, rest=TEXT),),
        _multi("FOUR_ARG", 4),
    ),
    AggregateFunction(
        "FIVE_ARG",
        "Adds up.",
        (Signature((s.BIGINT, TEXT, TEXT, TEXT, INT, INT), variadic=True, rest=TEXT),),
        _multi("FIVE_ARG", 5),
    ),
    AggregateFunction(
        "GENERIC_VAR_ARG", "Collects.", (Signature((None, None), variadic=True),), _list("GENERIC_VAR_ARG")
    ),
    AggregateFunction("OBJ_COL_ARG", "Collects.", (Signature((INT,), variadic=True),), _list("OBJ_COL_ARG")),
)
