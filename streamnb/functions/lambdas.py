"""Scalar functions that apply a lambda to the elements of an array or the entries of a map."""

from __future__ import annotations

from streamnb import schema as s
from streamnb.duck import Sql, duck_type, sql
from streamnb.functions.declare import Call, Function, fill, in_sql

__all__ = ["FUNCTIONS"]

_CATEGORY = "lambda"


# ksqlDB folds a map in the order of Java's HashMap: by bucket, and within a bucket as the entries came. The number of
# buckets is the power of two of which the entries fill three quarters at most.
_HASH = (
    "list_reduce(list_transform(string_split(pair.key, ''), lambda letter: unicode(letter)::BIGINT),"
    " lambda hash, letter: (hash * 31 + letter) & 4294967295, 0::BIGINT)"
)
_BUCKETS = "(1::BIGINT << ceil(log2(greatest(cardinality({0}), 1) / 0.75))::BIGINT)"
_BUCKET = (
    f"list_transform([CASE WHEN pair.key = '' THEN 0 ELSE {_HASH} END],"
    f" lambda hash: xor(hash, hash >> 16) & ({_BUCKETS} - 1))[1]"
)
_HASH_ORDER = (
    "list_transform(list_sort(list_transform(map_entries({0}), lambda pair, place:"
    f" struct_pack(bucket := {_BUCKET}, place := place, pair := pair))), lambda sorted: sorted.pair)"
)


def _entry_parts(name: Sql) -> tuple[Sql, Sql]:
    return sql("{}.key", name), sql("{}.value", name)


def _transform_array(call: Call) -> Sql:
    function = call.function(1)
    name = function.names[0]
    return sql("list_transform({}, lambda {}: {})", call.sql(0), name, function.body((name,)))


def _transform_map(call: Call) -> Sql:
    """Make every entry anew; as in ksqlDB, two entries with the same new key are an error."""
    keys, values = call.function(1), call.function(2)
    name = keys.names[0]
    parts = _entry_parts(name)
    return sql(
        "map_from_entries(list_transform(map_entries({}), lambda {}: struct_pack(k := {}, v := {})))",
        call.sql(0),
        name,
        keys.body(parts),
        values.body(parts),
    )


def _filter_array(call: Call) -> Sql:
    function = call.function(1)
    name = function.names[0]
    return sql("list_filter({}, lambda {}: {})", call.sql(0), name, function.body((name,)))


def _filter_map(call: Call) -> Sql:
    function = call.function(1)
    name = function.names[0]
    body = function.body(_entry_parts(name))
    return sql("map_from_entries(list_filter(map_entries({}), lambda {}: {}))", call.sql(0), name, body)


def _reduce(call: Call, items: Sql, item_type: Sql, parts: int) -> Sql:
    """Fold a list from the left.

    DuckDB keeps the state in the type of the elements, so that state and element travel together in a struct.
    """
    assert call.returns is not None
    state_type = duck_type(call.returns)
    function = call.function(2)
    state, item = function.names[0], function.names[1]
    element = sql("{}.item", item)
    args = (sql("{}.state", state), *((element,) if parts == 1 else _entry_parts(element)))
    wrapped = sql(
        "list_transform({}, lambda {}: struct_pack(state := NULL::{}, item := {}))", items, item, state_type, item
    )
    step = sql("struct_pack(state := CAST({} AS {}), item := {})", function.body(args), state_type, element)
    return fill(
        "CASE WHEN {0} IS NOT NULL THEN list_reduce(coalesce({1}, []), lambda {2}, {3}: {4},"
        " struct_pack(state := CAST({0} AS {5}), item := NULL::{6})).state END",
        [call.sql(1), wrapped, state, item, step, state_type, item_type],
    )


def _reduce_array(call: Call) -> Sql:
    array = call.types[0]
    assert isinstance(array, s.Array)
    return _reduce(call, call.sql(0), duck_type(array.element), 1)


def _reduce_map(call: Call) -> Sql:
    given = call.types[0]
    assert isinstance(given, s.Map)
    entry = sql('STRUCT("key" {}, "value" {})', duck_type(given.key), duck_type(given.value))
    entries = fill(_HASH_ORDER if given.key == s.STRING else "map_entries({0})", [call.sql(0)])
    return _reduce(call, entries, entry, 2)


FUNCTIONS: tuple[Function, ...] = (
    Function(
        "FILTER",
        _CATEGORY,
        "Keeps the elements or entries for which a lambda is true.",
        (
            in_sql("(values ARRAY<T>, (T) => BOOLEAN) -> ARRAY<T>", _filter_array),
            in_sql("(map MAP<K, V>, (K, V) => BOOLEAN) -> MAP<K, V>", _filter_map),
        ),
    ),
    Function(
        "REDUCE",
        _CATEGORY,
        "Folds the elements or entries into one value, starting with a state.",
        (
            in_sql("(values ARRAY<T>, state S, (S, T) => S) -> S", _reduce_array, can_raise=True),
            in_sql("(map MAP<K, V>, state S, (S, K, V) => S) -> S", _reduce_map, can_raise=True),
        ),
    ),
    Function(
        "TRANSFORM",
        _CATEGORY,
        "Applies a lambda to every element, or one to the key and one to the value of every entry.",
        (
            in_sql("(values ARRAY<T>, (T) => R) -> ARRAY<R>", _transform_array),
            in_sql("(map MAP<K, V>, (K, V) => R, (K, V) => T) -> MAP<R, T>", _transform_map, can_raise=True),
        ),
    ),
)
