"""Aggregates over numbers: counts, sums, means, deviations, correlation, smallest and largest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, join, lit, sql
from streamnb.functions.aggregate import (
    ANY_DECIMAL,
    AggregateFunction,
    Frame,
    Parts,
    ResolvedAggregate,
    Signature,
    fold,
    times,
    undoable,
)

BIGINT, DOUBLE, HUGEINT = Sql("BIGINT"), Sql("DOUBLE"), Sql("HUGEINT")
ZERO = sql("0::DOUBLE")


def _present(*args: Sql) -> Sql:
    return join(" AND ", [sql("({}) IS NOT NULL", a) for a in args])


def _add(old: Parts, new: Parts) -> list[Sql]:
    return [sql("coalesce({}, 0) + coalesce({}, 0)", o, n) for o, n in zip(old, new, strict=True)]


def _count(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    count = ResolvedAggregate(
        name="COUNT",
        result_type=s.BIGINT,
        param_types=params,
        parts=(BIGINT,),
        partial=lambda f, a: [f.call("count", a[0] if a else Sql("*"))],
        merge=_add,
        combine=lambda f, p: [sql("({})::BIGINT", f.call("sum", p[0]))],
        finish=lambda p: p[0],
    )
    return undoable(
        count, lambda f, a, sign: [sql("({})::BIGINT", f.call("sum", sign, where=_present(*a) if a else None))]
    )


def _wrapped(value: Sql, type_: s.SqlType) -> Sql:
    """Bring a HUGEINT into INTEGER or BIGINT as Java's addition does: it wraps around."""
    low, span = (-(2**31), 2**32) if type_ == s.INTEGER else (-(2**63), 2**64)
    return sql(
        "CASE WHEN {v} BETWEEN {low} AND {high} THEN {v} ELSE"
        " ((({v} % {span} + {span} - {low}) % {span}) + {low}) END::{type}",
        v=value,
        low=sql("({})::HUGEINT", lit(low)),
        high=sql("({})::HUGEINT", lit(low + span - 1)),
        span=sql("({})::HUGEINT", lit(span)),
        type=duck_type(type_),
    )


def _checked(value: Sql, type_: s.Decimal) -> Sql:
    """Bring a sum into its DECIMAL type; one that does not fit stops the query, as in ksqlDB."""
    limit = 10 ** (type_.precision - type_.scale)
    if type_.precision == 38:
        return sql("({})::{}", value, duck_type(type_))
    return sql(
        "CASE WHEN abs({v}) < {limit} THEN ({v})::{type} ELSE error({message}) END",
        v=value,
        limit=lit(limit),
        type=duck_type(type_),
        message=sql("{} || ({})::VARCHAR", lit(f"Numeric field overflow: {type_} cannot hold the sum "), value),
    )


def _double_sum(name: str, params: tuple[s.SqlType, ...], value: Any) -> ResolvedAggregate:
    """A DOUBLE sum: a fold over the records in their order, started at the old sum."""

    def signed(frame: Frame, args: Parts, sign: Sql) -> list[Sql]:
        return [frame.call("list", times(sign, value(args)), where=_present(value(args)), ordered=True)]

    total = ResolvedAggregate(
        name=name,
        result_type=s.DOUBLE,
        param_types=params,
        parts=(DOUBLE,),
        partial=lambda f, a: [f.call("list", value(a), where=_present(value(a)), ordered=True)],
        merge=lambda o, p: [fold(p[0], sql("coalesce({}, {})", o[0], ZERO))],
        combine=lambda f, p: [fold(f.call("list", p[0], ordered=True), ZERO)],
        finish=lambda p: p[0],
        grows=True,
    )
    return undoable(total, signed)


def _exact_sum(name: str, params: tuple[s.SqlType, ...], type_: s.SqlType, value: Any) -> ResolvedAggregate:
    """A sum of whole or decimal numbers: exact in any order."""
    part = sql("DECIMAL(38, {})", lit(type_.scale)) if isinstance(type_, s.Decimal) else HUGEINT

    def total(frame: Frame, number: Sql) -> list[Sql]:
        return [sql("coalesce({}, 0)::{}", frame.call("sum", number), part)]

    def finish(parts: Parts) -> Sql:
        if isinstance(type_, s.Decimal):
            return _checked(parts[0], type_)
        return _wrapped(parts[0], type_)

    exact = ResolvedAggregate(
        name=name,
        result_type=type_,
        param_types=params,
        parts=(part,),
        partial=lambda f, a: total(f, value(a)),
        merge=lambda o, p: [sql("({})::{}", x, part) for x in _add(o, p)],
        combine=lambda f, p: total(f, p[0]),
        finish=finish,
    )
    return undoable(exact, lambda f, a, sign: total(f, times(sign, value(a))))


def _sum(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    if params[0] == s.DOUBLE:
        return _double_sum("SUM", params, lambda a: a[0])
    return _exact_sum("SUM", params, params[0], lambda a: a[0])


def _sum_list(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    array = params[0]
    element = array.element if isinstance(array, s.Array) else s.DOUBLE
    if element == s.DOUBLE:
        present = "list_filter({0}, lambda e: e IS NOT NULL)"
        return _double_sum(
            "SUM_LIST",
            params,
            lambda a: sql(f"list_reduce({present}, lambda x, y: x + y, {{1}})", sql("({})", a[0]), ZERO),
        )
    return _exact_sum("SUM_LIST", params, element, lambda a: sql("list_sum(({})::HUGEINT[])", a[0]))


def _average(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    total = _double_sum("AVG", params, lambda a: a[0])
    if params[0] != s.DOUBLE:
        total = _exact_sum("AVG", params, s.BIGINT, lambda a: a[0])
    count = _count(params, (), None)
    return _paired(
        "AVG",
        params,
        (total, count),
        lambda p: sql("CASE WHEN {1} = 0 THEN {2} ELSE {0}::DOUBLE / {1} END", p[0], p[1], ZERO),
    )


def _paired(
    name: str, params: tuple[s.SqlType, ...], members: Sequence[ResolvedAggregate], finish: Any
) -> ResolvedAggregate:
    """Put aggregates with one part each side by side, with one result of type DOUBLE."""

    def signed(frame: Frame, args: Parts, sign: Sql) -> list[Sql]:
        forms = [m.over_table for m in members if m.over_table is not None]
        return [x for form in forms for x in form.partial(frame, (*args, sign))]

    pair = ResolvedAggregate(
        name=name,
        result_type=s.DOUBLE,
        param_types=params,
        parts=tuple(m.parts[0] for m in members),
        partial=lambda f, a: [m.partial(f, a)[0] for m in members],
        merge=lambda o, p: [m.merge((o[i],), (p[i],))[0] for i, m in enumerate(members)],
        combine=lambda f, p: [m.combine(f, (p[i],))[0] for i, m in enumerate(members)],
        finish=finish,
        grows=any(m.grows for m in members),
    )
    return undoable(pair, signed)


def _deviation(name: str, root: bool) -> Any:
    def build(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
        if params[0] == s.DOUBLE:
            return _double_deviation(name, params, root)
        members = (
            _count(params, (), None),
            _exact_sum(name, params, s.BIGINT, lambda a: a[0]),
            _exact_sum(name, params, s.BIGINT, lambda a: sql("({0})::HUGEINT * ({0})", a[0])),
        )
        return _paired(name, params, members, lambda p: _exact_variance(p, root))

    return build


def _exact_variance(parts: Parts, root: bool) -> Sql:
    """Sample variance from count n, sum and sum of squares q, whole numbers.

    With sum = n·m + r the squared deviations are q − n·m² − 2·m·r − r²/n: no term is larger than q.
    """
    n, total, squares = parts
    variance = sql(
        "(({q} - {n} * {m} * {m} - 2 * {m} * {r})::DOUBLE - {r}::DOUBLE * {r} / {n}) / ({n} - 1)",
        q=squares,
        n=n,
        m=sql("({} // {})", total, n),
        r=sql("({} % {})", total, n),
    )
    result = sql("sqrt({})", variance) if root else variance
    return sql("CASE WHEN {} < 2 THEN {} ELSE {} END", n, ZERO, result)


_MOMENTS = Sql("STRUCT(n DOUBLE, s DOUBLE, q DOUBLE)")
_JOIN_MOMENTS = Sql(
    "lambda a, b: CASE WHEN a.n = 0 THEN b WHEN b.n = 0 THEN a WHEN a.n + b.n = 0 THEN"
    " struct_pack(n := 0::DOUBLE, s := 0::DOUBLE, q := 0::DOUBLE) ELSE struct_pack(n := a.n + b.n, s := a.s + b.s,"
    " q := a.q + b.q + (b.n * a.s - a.n * b.s) ** 2 / (a.n * b.n * (a.n + b.n))) END"
)
_NO_MOMENTS = Sql("struct_pack(n := 0::DOUBLE, s := 0::DOUBLE, q := 0::DOUBLE)")


def _double_deviation(name: str, params: tuple[s.SqlType, ...], root: bool) -> ResolvedAggregate:
    """Deviation of DOUBLEs: count, sum and squared deviations, updated record by record (Youngs and Cramer)."""

    def reduce(values: Sql, start: Sql) -> Sql:
        return sql("coalesce(list_reduce({0}, {1}, {2}), {2})", values, _JOIN_MOMENTS, start)

    def moments(value: Sql, sign: Sql | None = None) -> Sql:
        return sql("struct_pack(n := {}::DOUBLE, s := {}, q := 0::DOUBLE)", sign or lit(1), value)

    variance = "{0}.q / ({0}.n - 1)"
    result = f"sqrt({variance})" if root else variance
    deviation = ResolvedAggregate(
        name=name,
        result_type=s.DOUBLE,
        param_types=params,
        parts=(_MOMENTS,),
        partial=lambda f, a: [f.call("list", moments(a[0]), where=_present(a[0]), ordered=True)],
        merge=lambda o, p: [reduce(p[0], sql("coalesce({}, {})", o[0], _NO_MOMENTS))],
        combine=lambda f, p: [reduce(f.call("list", p[0], ordered=True), _NO_MOMENTS)],
        finish=lambda p: sql("CASE WHEN {0}.n < 2 THEN {1} ELSE " + result + " END", p[0], ZERO),
        grows=True,
    )
    return undoable(
        deviation,
        lambda f, a, sign: [f.call("list", moments(times(sign, a[0]), sign), where=_present(a[0]), ordered=True)],
    )


_CORRELATION_FIELDS = ("n", "x", "y", "xx", "yy", "xy")
_CORRELATION_PART = Sql("STRUCT(n DOUBLE, x DOUBLE, y DOUBLE, xx DOUBLE, yy DOUBLE, xy DOUBLE)")


def _correlation(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    zero = Sql("struct_pack(" + ", ".join(f"{f} := 0::DOUBLE" for f in _CORRELATION_FIELDS) + ")")
    add = Sql("lambda a, b: struct_pack(" + ", ".join(f"{f} := a.{f} + b.{f}" for f in _CORRELATION_FIELDS) + ")")

    def terms(args: Parts, sign: Sql) -> Sql:
        return sql(
            "struct_pack(n := {s}::DOUBLE, x := {s} * {x}, y := {s} * {y}, xx := {s} * {x} * {x},"
            " yy := {s} * {y} * {y}, xy := {s} * {x} * {y})",
            s=sign,
            x=sql("({})::DOUBLE", args[0]),
            y=sql("({})::DOUBLE", args[1]),
        )

    def reduce(values: Sql, start: Sql) -> Sql:
        return sql("coalesce(list_reduce({0}, {1}, {2}), {2})", values, add, start)

    def gather(frame: Frame, args: Parts, sign: Sql) -> list[Sql]:
        return [frame.call("list", terms(args, sign), where=_present(*args), ordered=True)]

    spread = "({0}.n * {0}.xx - {0}.x * {0}.x) * ({0}.n * {0}.yy - {0}.y * {0}.y)"
    finish = (
        "CASE WHEN " + spread + " > 0 THEN ({0}.n * {0}.xy - {0}.x * {0}.y) / (sqrt({0}.n * {0}.xx - {0}.x * {0}.x)"
        " * sqrt({0}.n * {0}.yy - {0}.y * {0}.y)) ELSE 'nan'::DOUBLE END"
    )
    correlation = ResolvedAggregate(
        name="CORRELATION",
        result_type=s.DOUBLE,
        param_types=params,
        parts=(_CORRELATION_PART,),
        partial=lambda f, a: gather(f, a, lit(1)),
        merge=lambda o, p: [reduce(p[0], sql("coalesce({}, {})", o[0], zero))],
        combine=lambda f, p: [reduce(f.call("list", p[0], ordered=True), zero)],
        finish=lambda p: sql(finish, p[0]),
        grows=True,
    )
    return undoable(correlation, gather)


def _extreme(name: str, call: str, merge: str) -> Any:
    def build(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
        return ResolvedAggregate(
            name=name,
            result_type=params[0],
            param_types=params,
            parts=(duck_type(params[0]),),
            partial=lambda f, a: [f.call(call, a[0])],
            merge=lambda o, p: [sql(merge + "({}, {})", o[0], p[0])],
            combine=lambda f, p: [f.call(call, p[0])],
            finish=lambda p: p[0],
        )

    return build


_NUMBERS = tuple(Signature((t,)) for t in (s.INTEGER, s.BIGINT, s.DOUBLE))
_COMPARABLE = tuple(
    Signature((t,))
    for t in (s.INTEGER, s.BIGINT, s.DOUBLE, ANY_DECIMAL, s.DATE, s.TIME, s.TIMESTAMP, s.STRING, s.BYTES)
)
_LISTS = tuple(Signature((s.Array(t),)) for t in (s.INTEGER, s.BIGINT, s.DOUBLE))
_PAIRS = tuple(Signature((t, t)) for t in (s.INTEGER, s.BIGINT, s.DOUBLE))

FUNCTIONS = (
    AggregateFunction(
        "COUNT",
        "Count the rows of a group, or those in which the argument is not null.",
        (Signature(()), Signature((None,))),
        _count,
        undoable=True,
    ),
    AggregateFunction(
        "SUM",
        "Add up a column's values, nulls left out.",
        (*_NUMBERS, Signature((ANY_DECIMAL,))),
        _sum,
        undoable=True,
    ),
    AggregateFunction(
        "SUM_LIST", "Add up the elements of a column's arrays, nulls left out.", _LISTS, _sum_list, undoable=True
    ),
    AggregateFunction(
        "AVG",
        "Give the mean of a column's values, nulls left out; 0 if there is none.",
        _NUMBERS,
        _average,
        undoable=True,
    ),
    AggregateFunction(
        "STDDEV_SAMP",
        "Give the sample variance of a column's values: ksqlDB takes no square root here.",
        _NUMBERS,
        _deviation("STDDEV_SAMP", root=False),
        undoable=True,
    ),
    AggregateFunction(
        "STDDEV_SAMPLE",
        "Give the sample standard deviation of a column's values.",
        _NUMBERS,
        _deviation("STDDEV_SAMPLE", root=True),
        undoable=True,
    ),
    AggregateFunction(
        "CORRELATION",
        "Give the Pearson correlation of two columns; rows in which one is null are left out.",
        _PAIRS,
        _correlation,
        undoable=True,
    ),
    AggregateFunction("MIN", "Give the smallest value of a column.", _COMPARABLE, _extreme("MIN", "min", "least")),
    AggregateFunction("MAX", "Give the largest value of a column.", _COMPARABLE, _extreme("MAX", "max", "greatest")),
)
