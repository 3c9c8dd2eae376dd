"""Aggregates that keep the values themselves: lists, sets, counts per value."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.functions.aggregate import (
    AggregateFunction,
    Frame,
    Parts,
    ResolvedAggregate,
    Signature,
    first_occurrences,
)

HISTOGRAM_ENTRIES_MAX = 1000


def _slice(limit: int | None) -> Sql:
    return Sql("") if limit is None or limit < 0 else Sql(f"[:{limit}]")


def _collect(name: str, distinct: bool) -> Any:
    def build(params: tuple[s.SqlType, ...], _: tuple[Any, ...], limit: int | None) -> ResolvedAggregate:
        part = sql("{}[]", duck_type(params[0]))
        empty = sql("[]::{}", part)

        def bounded(values: Sql) -> Sql:
            return sql("({}){}", first_occurrences(values) if distinct else values, _slice(limit))

        collect = ResolvedAggregate(
            name=name,
            result_type=s.Array(params[0]),
            param_types=params,
            parts=(part,),
            partial=lambda f, a: [
                f.call("list", sorted_maps(a[0], params[0]), ordered=True)
                if distinct
                else sql("({}){}", f.call("list", a[0], ordered=True), _slice(limit))
            ],
            merge=lambda o, p: [bounded(sql("(coalesce({0}, {2}) || coalesce({1}, {2}))", o[0], p[0], empty))],
            combine=lambda f, p: [bounded(sql("flatten({})", f.call("list", p[0], ordered=True)))],
            finish=lambda p: p[0],
            grows=True,
        )
        return collect if distinct else replace(collect, over_table=_list_over_table(collect, part, limit))

    return build


def sorted_maps(value: Sql, type_: s.SqlType, depth: int = 0) -> Sql:
    """Put the entries of all maps in a value in the order of their keys: equal maps are equal to DuckDB then."""
    if not _holds_map(type_):
        return value
    item = ident(f"m{depth}")
    if isinstance(type_, s.Array):
        inner = sorted_maps(item, type_.element, depth + 1)
        return sql("list_transform({}, lambda {}: {})", value, item, inner)
    if isinstance(type_, s.Struct):
        fields = [
            sql("{} := {}", ident(f.name), sorted_maps(sql("({}).{}", value, ident(f.name)), f.type, depth))
            for f in type_.fields
        ]
        return sql("CASE WHEN ({}) IS NOT NULL THEN struct_pack({}) END", value, join(", ", fields))
    assert isinstance(type_, s.Map)
    inner = sorted_maps(sql("{}.value", item), type_.value, depth + 1)
    entries = sql(
        "list_transform(list_sort(map_entries({})), lambda {}: struct_pack(k := {}.key, v := {}))",
        value,
        item,
        item,
        inner,
    )
    return sql("CASE WHEN ({}) IS NOT NULL THEN map_from_entries({}) END", value, entries)


def _holds_map(type_: s.SqlType) -> bool:
    if isinstance(type_, s.Array):
        return _holds_map(type_.element)
    return isinstance(type_, s.Map) or (isinstance(type_, s.Struct) and any(_holds_map(f.type) for f in type_.fields))


def _list_over_table(collect: ResolvedAggregate, part: Sql, limit: int | None) -> ResolvedAggregate:
    """Take rows back from a list: the last entry equal to the old value goes, if there is one."""
    place = "len(a.l) + 1 - list_position(list_reverse(a.l), b.l[1])"
    step = Sql(
        "lambda a, b: struct_pack(l := CASE WHEN b.s > 0 THEN (a.l || b.l){} WHEN list_position(a.l, b.l[1]) IS NULL OR"
        " list_position(a.l, b.l[1]) = 0 THEN a.l ELSE list_filter(a.l, lambda e, i: i <> " + place + ") END, s := 1)"
    )

    def merge(old: Parts, new: Parts) -> list[Sql]:
        start = sql("struct_pack(l := coalesce({}, []::{}), s := 1)", old[0], part)
        reduce = "list_reduce(coalesce({}, []), " + step.format(_slice(limit)) + ", {}).l"
        return [sql(reduce, new[0], start)]

    return replace(
        collect,
        partial=lambda f, a: [
            f.call("list", sql("struct_pack(l := [{}]::{}, s := {})", a[0], part, a[1]), ordered=True)
        ],
        merge=merge,
    )


def _signed_counts(old: Parts, new: Parts) -> list[Sql]:
    """Add signed counts per entry (text t, number n) to a map and drop the entries that come to nothing."""
    given = sql("coalesce({}, [])", new[0])
    counted = sql("coalesce(map_entries({}), [])", old[0])
    entries = sql(
        "list_filter(list_transform({keys}, lambda t: struct_pack(k := t, v := (coalesce({old}[t], 0) +"
        " coalesce(list_sum(list_transform(list_filter({given}, lambda g: g.t = t), lambda g: g.n)), 0))::BIGINT)),"
        " lambda e: e.v > 0)",
        keys=first_occurrences(
            sql(
                "(list_transform({}, lambda e: e.key) || list_transform({}, lambda g: g.t))",
                counted,
                given,
            )
        ),
        old=old[0],
        given=given,
    )
    return [sql("map_from_entries({}[:{}])", entries, lit(HISTOGRAM_ENTRIES_MAX))]


def _histogram(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    """Count per text, for the first thousand texts seen."""
    part = Sql("MAP(VARCHAR, BIGINT)")
    texts = sql("[]::VARCHAR[]")

    def merge(old: Parts, new: Parts) -> list[Sql]:
        seen = sql("coalesce(map_keys({}), {})", old[0], texts)
        given = sql("coalesce({}, {})", new[0], texts)
        keys = sql("{}[:{}]", first_occurrences(sql("({} || {})", seen, given)), lit(HISTOGRAM_ENTRIES_MAX))
        return [
            sql(
                "map_from_entries(list_transform({keys}, lambda t: struct_pack(k := t,"
                " v := coalesce({old}[t], 0) + len(list_filter({given}, lambda g: g = t)))))",
                keys=keys,
                old=old[0],
                given=given,
            )
        ]

    def combine(frame: Frame, parts: Parts) -> list[Sql]:
        entries = sql("flatten({})", frame.call("list", sql("map_entries({})", parts[0]), ordered=True))
        keys = first_occurrences(sql("list_transform({}, lambda e: e.key)", entries))
        return [
            sql(
                "map_from_entries(list_transform({keys}[:{limit}], lambda t: struct_pack(k := t, v := list_sum("
                "list_transform(list_filter({entries}, lambda e: e.key = t), lambda e: e.value))::BIGINT)))",
                keys=keys,
                limit=lit(HISTOGRAM_ENTRIES_MAX),
                entries=entries,
            )
        ]

    histogram = ResolvedAggregate(
        name="HISTOGRAM",
        result_type=s.Map(s.STRING, s.BIGINT),
        param_types=params,
        parts=(part,),
        partial=lambda f, a: [f.call("list", a[0], where=sql("({}) IS NOT NULL", a[0]), ordered=True)],
        merge=merge,
        combine=combine,
        finish=lambda p: p[0],
        grows=True,
    )
    over_table = replace(
        histogram,
        partial=lambda f, a: [
            f.call(
                "list",
                sql("struct_pack(t := {}, n := {}::BIGINT)", a[0], a[1]),
                where=sql("({}) IS NOT NULL", a[0]),
                ordered=True,
            )
        ],
        merge=_signed_counts,
    )
    return replace(histogram, over_table=over_table)


def _count_distinct(params: tuple[s.SqlType, ...], _: tuple[Any, ...], __: int | None) -> ResolvedAggregate:
    part = sql("{}[]", duck_type(params[0]))
    empty = sql("[]::{}", part)
    return ResolvedAggregate(
        name="COUNT_DISTINCT",
        result_type=s.BIGINT,
        param_types=params,
        parts=(part,),
        partial=lambda f, a: [f.call("list", a[0], where=sql("({}) IS NOT NULL", a[0]), distinct=True)],
        merge=lambda o, p: [sql("list_distinct(coalesce({0}, {2}) || coalesce({1}, {2}))", o[0], p[0], empty)],
        combine=lambda f, p: [sql("list_distinct(flatten({}))", f.call("list", p[0]))],
        finish=lambda p: sql("len({})::BIGINT", p[0]),
        grows=True,
    )


_ANY = (Signature((None,)),)

FUNCTIONS = (
    AggregateFunction(
        "COLLECT_LIST",
        "Gather a column's values in an array, nulls included.",
        _ANY,
        _collect("COLLECT_LIST", False),
        undoable=True,
    ),
    AggregateFunction(
        "COLLECT_SET", "Gather a column's different values in an array.", _ANY, _collect("COLLECT_SET", True)
    ),
    AggregateFunction(
        "HISTOGRAM",
        "Count how often each text occurs, for the first 1000 texts.",
        (Signature((s.STRING,)),),
        _histogram,
        undoable=True,
    ),
    AggregateFunction("COUNT_DISTINCT", "Count a column's different values, exactly.", _ANY, _count_distinct),
)
