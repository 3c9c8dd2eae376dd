"""Aggregates that pick values by their place: first, last, largest few, the one value all rows share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.errors import KsqlFunctionError
from streamnb.functions.aggregate import (
    ANY_DECIMAL,
    AggregateFunction,
    Frame,
    Parts,
    ResolvedAggregate,
    Signature,
    first_occurrences,
)

HUGEINT = Sql("HUGEINT")


def _by_offset(name: str, latest: bool) -> Any:
    """Build LATEST_BY_OFFSET or EARLIEST_BY_OFFSET; constants: how many (a list then), whether nulls are skipped."""

    def build(params: tuple[s.SqlType, ...], constants: tuple[Any, ...], _: int | None) -> ResolvedAggregate:
        count = next((c for c in constants if not isinstance(c, bool)), None)
        ignore_nulls = next((c for c in constants if isinstance(c, bool)), True)
        if count is None:
            return _one_by_offset(name, params, latest, ignore_nulls)
        if count < 1:
            raise KsqlFunctionError(
                f"earliestN must be 1 or greater, but was {count}"
                if not latest
                else f"latestN must be 1 or greater, but was {count}",
                summary=f"{name} takes at least one value, not {count}",
            )
        return _several_by_offset(name, params, latest, ignore_nulls, count)

    return build


def _one_by_offset(name: str, params: tuple[s.SqlType, ...], latest: bool, ignore_nulls: bool) -> ResolvedAggregate:
    """Keep one value and the place of its record; the place decides when sessions merge."""
    pick = "arg_max_null" if latest else "arg_min_null"
    place = "max" if latest else "min"

    def partial(frame: Frame, args: Parts) -> list[Sql]:
        where = sql("({}) IS NOT NULL", args[0]) if ignore_nulls else None
        return [
            frame.call(place, frame.order, where=where),
            frame.call(pick, args[0], frame.order, where=where),
        ]

    def merge(old: Parts, new: Parts) -> list[Sql]:
        first, second = (new, old) if latest else (old, new)
        return [
            sql("coalesce({}, {})", first[0], second[0]),
            sql("CASE WHEN {} IS NOT NULL THEN {} ELSE {} END", first[0], first[1], second[1]),
        ]

    return ResolvedAggregate(
        name=name,
        result_type=params[0],
        param_types=params,
        parts=(HUGEINT, duck_type(params[0])),
        partial=partial,
        merge=merge,
        combine=lambda f, p: [f.call(place, p[0]), f.call(pick, p[1], p[0])],
        finish=lambda p: p[1],
    )


def _several_by_offset(
    name: str, params: tuple[s.SqlType, ...], latest: bool, ignore_nulls: bool, count: int
) -> ResolvedAggregate:
    """Keep the first or last few values with the places of their records."""
    entry = sql("STRUCT(q HUGEINT, v {})", duck_type(params[0]))
    window = Sql(f"[-{count}:]" if latest else f"[:{count}]")
    empty = sql("[]::{}[]", entry)

    def partial(frame: Frame, args: Parts) -> list[Sql]:
        where = sql("({}) IS NOT NULL", args[0]) if ignore_nulls else None
        value = sql("struct_pack(q := {}, v := {})", frame.order, args[0])
        return [sql("({}){}", frame.call("list", value, where=where, ordered=True), window)]

    return ResolvedAggregate(
        name=name,
        result_type=s.Array(params[0]),
        param_types=params,
        parts=(sql("{}[]", entry),),
        partial=partial,
        merge=lambda o, p: [sql("(coalesce({0}, {2}) || coalesce({1}, {2})){3}", o[0], p[0], empty, window)],
        combine=lambda f, p: [sql("(list_sort(flatten({}))){}", f.call("list", p[0]), window)],
        finish=lambda p: sql("list_transform({}, lambda e: e.v)", p[0]),
        grows=True,
    )


def _topk(params: tuple[s.SqlType, ...], constants: tuple[Any, ...], _: int | None) -> ResolvedAggregate:
    """Keep the largest few values; with more columns, structs of them, the earlier record first among equals."""
    count = int(constants[0])
    extra = [(f"col{i}", t) for i, t in enumerate(params[1:])]
    if not extra:
        return _top_values("TOPK", params, count, distinct=False)
    result = s.Struct((s.Field("sort_col", params[0]), *(s.Field(n, t) for n, t in extra)))
    fields = [sql("{} {}", ident(n), duck_type(t)) for n, t in extra]
    part = sql("STRUCT(s {}, o HUGEINT, {})[]", duck_type(params[0]), join(", ", fields))
    empty = sql("[]::{}", part)
    limit = Sql(f"[:{count}]")

    def partial(frame: Frame, args: Parts) -> list[Sql]:
        columns = [sql("{} := {}", ident(n), a) for (n, _), a in zip(extra, args[1:], strict=True)]
        value = sql("struct_pack(s := {}, o := -{}, {})", args[0], frame.order, join(", ", columns))
        return [frame.call("max", value, lit(count), where=sql("({}) IS NOT NULL", args[0]))]

    shown = join(", ", [sql("{0} := e.{0}", ident(n)) for n, _ in extra])
    return ResolvedAggregate(
        name="TOPK",
        result_type=s.Array(result),
        param_types=params,
        parts=(part,),
        partial=partial,
        merge=lambda o, p: [
            sql("list_reverse_sort(coalesce({0}, {2}) || coalesce({1}, {2})){3}", o[0], p[0], empty, limit)
        ],
        combine=lambda f, p: [sql("list_reverse_sort(flatten({})){}", f.call("list", p[0]), limit)],
        finish=lambda p: sql('list_transform({}, lambda e: struct_pack("sort_col" := e.s, {}))', p[0], shown),
    )


def _topk_distinct(params: tuple[s.SqlType, ...], constants: tuple[Any, ...], _: int | None) -> ResolvedAggregate:
    return _top_values("TOPKDISTINCT", params, int(constants[0]), distinct=True)


def _top_values(name: str, params: tuple[s.SqlType, ...], count: int, distinct: bool) -> ResolvedAggregate:
    part = sql("{}[]", duck_type(params[0]))
    empty = sql("[]::{}", part)
    limit = Sql(f"[:{count}]")

    def best(values: Sql) -> Sql:
        return sql("list_reverse_sort({}){}", sql("list_distinct({})", values) if distinct else values, limit)

    return ResolvedAggregate(
        name=name,
        result_type=s.Array(params[0]),
        param_types=params,
        parts=(part,),
        partial=lambda f, a: [f.call("max", a[0], lit(count), where=sql("({}) IS NOT NULL", a[0]), distinct=distinct)],
        merge=lambda o, p: [best(sql("(coalesce({0}, {2}) || coalesce({1}, {2}))", o[0], p[0], empty))],
        combine=lambda f, p: [best(sql("flatten({})", f.call("list", p[0])))],
        finish=lambda p: p[0],
    )


def _attr(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    """Keep at most two different values, null being one: the result exists while there is only one."""
    part = sql("{}[]", duck_type(params[0]))
    empty = sql("[]::{}", part)

    def partial(frame: Frame, args: Parts) -> list[Sql]:
        null = frame.call("bool_or", sql("({}) IS NULL", args[0]))
        low, high = frame.call("min", args[0]), frame.call("max", args[0])
        return [
            sql(
                "CASE WHEN {null} THEN [NULL::{type}] ELSE {empty} END || CASE WHEN {low} IS NULL THEN {empty}"
                " WHEN {low} IS DISTINCT FROM {high} THEN [{low}, {high}] ELSE [{low}] END",
                null=null,
                low=low,
                high=high,
                empty=empty,
                type=duck_type(params[0]),
            )
        ]

    attr = ResolvedAggregate(
        name="ATTR",
        result_type=params[0],
        param_types=params,
        parts=(part,),
        partial=partial,
        merge=lambda o, p: [sql("{}[:2]", first_occurrences(sql("(coalesce({}, {}) || {})", o[0], empty, p[0])))],
        combine=lambda f, p: [sql("{}[:2]", first_occurrences(sql("flatten({})", f.call("list", p[0], ordered=True))))],
        finish=lambda p: sql("CASE WHEN len({0}) = 1 THEN {0}[1] END", p[0]),
    )
    return replace(attr, over_table=_attr_over_table(attr, duck_type(params[0])))


def _attr_over_table(attr: ResolvedAggregate, type_: Sql) -> ResolvedAggregate:
    """Keep all different values with their numbers of rows, so that rows can be taken back."""
    part = sql("STRUCT(v {}, n BIGINT)[]", type_)
    empty = sql("[]::{}", part)

    def merge(old: Parts, new: Parts) -> list[Sql]:
        given = sql("(coalesce({}, {}) || coalesce({}, {}))", old[0], empty, new[0], empty)
        return [
            sql(
                "list_filter(list_transform({values}, lambda t: struct_pack(v := t, n := list_sum(list_transform("
                "list_filter({given}, lambda g: g.v IS NOT DISTINCT FROM t), lambda g: g.n))::BIGINT)),"
                " lambda e: e.n > 0)",
                values=first_occurrences(sql("list_transform({}, lambda g: g.v)", given)),
                given=given,
            )
        ]

    return replace(
        attr,
        parts=(part,),
        partial=lambda f, a: [f.call("list", sql("struct_pack(v := {}, n := {}::BIGINT)", a[0], a[1]), ordered=True)],
        merge=merge,
        finish=lambda p: sql("CASE WHEN len({0}) = 1 THEN {0}[1].v END", p[0]),
        grows=True,
    )


_OFFSETS = (
    Signature((None,)),
    Signature((None,), (s.BOOLEAN,)),
    Signature((None,), (s.INTEGER,)),
    Signature((None,), (s.INTEGER, s.BOOLEAN)),
)

FUNCTIONS = (
    AggregateFunction(
        "LATEST_BY_OFFSET",
        "Give a column's value in the latest record by offset, or its last n values; nulls are skipped unless FALSE.",
        _OFFSETS,
        _by_offset("LATEST_BY_OFFSET", latest=True),
    ),
    AggregateFunction(
        "EARLIEST_BY_OFFSET",
        "Give a column's value in the earliest record by offset, or its first n values; nulls are skipped unless"
        " FALSE.",
        _OFFSETS,
        _by_offset("EARLIEST_BY_OFFSET", latest=False),
    ),
    AggregateFunction(
        "TOPK",
        "Give a column's k largest values, largest first; with more columns, structs that hold those too.",
        tuple(Signature((t,), (s.INTEGER,), variadic=True) for t in (s.INTEGER, s.BIGINT, s.DOUBLE, s.STRING)),
        _topk,
    ),
    AggregateFunction(
        "TOPKDISTINCT",
        "Give a column's k largest different values, largest first.",
        tuple(
            Signature((t,), (s.INTEGER,))
            for t in (s.INTEGER, s.BIGINT, s.DOUBLE, s.STRING, ANY_DECIMAL, s.DATE, s.TIME, s.TIMESTAMP, s.BYTES)
        ),
        _topk_distinct,
    ),
    AggregateFunction(
        "ATTR",
        "Give a column's value if it is the same in all rows of the group, else null.",
        (Signature((None,)),),
        _attr,
        undoable=True,
    ),
)
