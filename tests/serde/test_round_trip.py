"""Encoding and decoding are inverse, for every format and type; the texts written are ksqlDB's."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal as D
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.duck import duck_type, ident, join, sql
from streamnb.serde import Side, encode
from streamnb.serde.arrow import arrow_array
from streamnb.store import Store
from tests.serde.harness import counted, decode_values, side_of, strict

STRUCT = s.Struct((s.Field("X", s.INTEGER), s.Field("y z", s.Array(s.DOUBLE)), s.Field("T", s.TIMESTAMP)))
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
doubles = st.floats(allow_nan=False).map(lambda x: x + 0.0)
STRATEGIES: dict[s.SqlType, st.SearchStrategy[Any]] = {
    s.BOOLEAN: st.booleans(),
    s.INTEGER: st.integers(-(2**31), 2**31 - 1),
    s.BIGINT: st.integers(-(2**63), 2**63 - 1),
    s.DOUBLE: doubles,
    s.STRING: texts,
    s.BYTES: st.binary(max_size=6),
    s.DATE: st.integers(-100_000, 1_000_000),
    s.TIME: st.integers(0, 86_399_999).map(lambda ms: ms * 1000),
    s.TIMESTAMP: st.integers(-(10**13), 10**14).map(lambda ms: ms * 1000),
    s.Decimal(10, 2): st.decimals(D("-99999999.99"), D("99999999.99"), places=2).map(lambda d: d + 0),
    s.Decimal(38, 18): st.integers(-(10**38) + 1, 10**38 - 1).map(
        lambda n: D((int(n < 0), tuple(map(int, str(abs(n)))), -18))
    ),
    s.Decimal(3, 3): st.decimals(D("-0.999"), D("0.999"), places=3).map(lambda d: d + 0),
}
NESTED: dict[s.SqlType, st.SearchStrategy[Any]] = {
    s.Array(s.STRING): st.lists(st.none() | texts, max_size=3),
    s.Array(s.Array(s.Decimal(10, 2))): st.lists(st.lists(STRATEGIES[s.Decimal(10, 2)], max_size=2), max_size=2),
    s.Map(s.STRING, s.DATE): st.dictionaries(texts, st.none() | STRATEGIES[s.DATE], max_size=3).map(
        lambda m: [*m.items()]
    ),
    s.Map(s.STRING, s.Array(s.BYTES)): st.dictionaries(
        texts, st.lists(st.binary(max_size=3), max_size=2), max_size=2
    ).map(lambda m: [*m.items()]),
    STRUCT: st.fixed_dictionaries(
        {
            "X": st.none() | STRATEGIES[s.INTEGER],
            "y z": st.none() | st.lists(doubles, max_size=2),
            "T": st.none() | STRATEGIES[s.TIMESTAMP],
        }
    ),
    s.Array(STRUCT): st.just([{"X": 1, "y z": [1e-7, 1e21], "T": 5000}, None]),
}


def encode_rows(store: Store, side: Side, rows: list[tuple[Any, ...]]) -> list[bytes | None]:
    """Encode Python rows (dates and times as integers)."""
    arrays = [arrow_array(values, c.type) for values, c in zip(zip(*rows, strict=True), side.columns, strict=True)]
    names = [f"v{n}" for n, _ in enumerate(arrays)]
    store.register("rows_given", pa.table([pa.array(range(len(rows))), *arrays], names=["i", *names]))
    casts = [sql("{0}::{1} AS {0}", ident(n), duck_type(c.type)) for n, c in zip(names, side.columns, strict=True)]
    store.execute(sql("CREATE OR REPLACE TEMP TABLE rows_typed AS SELECT i, {} FROM rows_given", join(", ", casts)))
    store.unregister("rows_given")
    encoded = encode(side, [ident(n) for n in names])
    return [row[0] for row in store.rows(sql("SELECT {} FROM rows_typed ORDER BY i", encoded))]


def typed_rows(store: Store) -> list[tuple[Any, ...]]:
    return store.rows(sql("SELECT * EXCLUDE (i) FROM rows_typed ORDER BY i"))


def assert_round_trip(store: Store, side: Side, rows: list[tuple[Any, ...]]) -> None:
    """Encode rows, decode them by both paths and compare them with what went in."""
    encoded = encode_rows(store, side, rows)
    expected = [(n, *row, False) for n, row in enumerate(typed_rows(store))]
    for reading in (side, strict(side)):
        decoded, rejected = decode_values(store, encoded, reading)
        assert rejected == []
        assert repr([(n, *row) for n, row in sorted(decoded.items())]) == repr(expected)


@pytest.mark.parametrize("type_", [*STRATEGIES, *NESTED], ids=str)
def test_json_round_trip_keeps_every_value(store: Store, type_: s.SqlType) -> None:
    strategy = st.none() | (STRATEGIES | NESTED)[type_]

    @settings(max_examples=8, deadline=None, database=None)
    @given(rows=st.lists(st.tuples(strategy, st.just(1)), min_size=1, max_size=10))
    def check(rows: list[tuple[Any, ...]]) -> None:
        assert_round_trip(store, side_of("JSON", type_, s.INTEGER), rows)

    check()


@pytest.mark.parametrize("type_", [*STRATEGIES, *NESTED], ids=str)
def test_bare_json_round_trip_keeps_every_value(store: Store, type_: s.SqlType) -> None:
    strategy = (STRATEGIES | NESTED)[type_]

    @settings(max_examples=5, deadline=None, database=None)
    @given(rows=st.lists(st.tuples(strategy), min_size=1, max_size=10))
    def check(rows: list[tuple[Any, ...]]) -> None:
        assert_round_trip(store, side_of("JSON", type_, wrapped=False), rows)

    check()


@pytest.mark.parametrize("delimiter", [",", "\t", " ", "|", ".", "]"])
def test_delimited_round_trip_keeps_every_value(store: Store, delimiter: str) -> None:
    strategies = list(STRATEGIES.values())
    side = side_of("DELIMITED", s.STRING, *STRATEGIES, names="ABCDEFGHIJKLM", delimiter=delimiter)
    empty = ("", b"")  # both are written like null

    @settings(max_examples=8, deadline=None, database=None)
    @given(
        rows=st.lists(
            st.tuples(texts, *(st.none() | strategy.filter(lambda v: v not in empty) for strategy in strategies)),
            min_size=1,
            max_size=5,
        )
    )
    def check(rows: list[tuple[Any, ...]]) -> None:
        assert_round_trip(store, side, [(row[0] or "x", *row[1:]) for row in rows])

    check()


@pytest.mark.parametrize("type_", [s.INTEGER, s.BIGINT, s.DOUBLE, s.STRING, s.BYTES], ids=str)
def test_kafka_round_trip_keeps_every_value(store: Store, type_: s.SqlType) -> None:
    @settings(max_examples=10, deadline=None, database=None)
    @given(rows=st.lists(st.tuples(STRATEGIES[type_]), min_size=1, max_size=10))
    def check(rows: list[tuple[Any, ...]]) -> None:
        assert_round_trip(store, side_of("KAFKA", type_, wrapped=False), rows)

    check()


@settings(max_examples=30, deadline=None)
@example(values=[5e-324, -5e-324])
@given(values=st.lists(doubles.filter(math.isfinite), min_size=1, max_size=40))
def test_doubles_are_written_as_java_writes_them(store: Store, values: list[float]) -> None:
    cells = encode_rows(store, side_of("DELIMITED", s.INTEGER, s.DOUBLE), [(1, v) for v in values])
    assert [cell.decode()[2:] for cell in cells if cell] == [java_double(v) for v in values]


def java_double(value: float) -> str:
    """Write a double as Java 19 and later do."""
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        plain = format(D(repr(value)), "f")
        return plain if "." in plain else plain + ".0"
    sign, digits, _ = D(repr(value)).normalize().as_tuple()
    text = "49" if abs(value) == 5e-324 else "".join(map(str, digits))
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{D(repr(value)).adjusted()}"


def test_json_text_is_compact_with_explicit_nulls_and_scales(store: Store) -> None:
    side = side_of(
        "JSON", s.STRING, s.Decimal(10, 2), s.DATE, s.TIME, s.TIMESTAMP, s.BYTES, s.DOUBLE, s.Array(s.INTEGER)
    )
    rows = [
        ('q"\\\n\x00é/', D("1.10"), 10, 10_000, -1000, b"ab", 1e10, [1, None]),
        (None, None, None, None, None, None, math.nan, None),
    ]
    assert encode_rows(store, side, rows) == [
        '{"A":"q\\"\\\\\\n\\u0000é/","B":1.10,"C":10,"D":10,"E":-1,"F":"YWI=","G":1.0E10,"H":[1,null]}'.encode(),
        b'{"A":null,"B":null,"C":null,"D":null,"E":null,"F":null,"G":"NaN","H":null}',
    ]


def test_bare_null_is_encoded_as_null(store: Store) -> None:
    assert encode_rows(store, side_of("JSON", s.INTEGER, wrapped=False), [(None,), (1,)]) == [None, b"1"]
    assert encode_rows(store, side_of("KAFKA", s.STRING), [(None,), ("a",)]) == [None, b"a"]


def test_kafka_bytes_are_those_of_kafka_serialisers(store: Store) -> None:
    assert encode_rows(store, side_of("KAFKA", s.INTEGER), [(-2,)]) == [b"\xff\xff\xff\xfe"]
    assert encode_rows(store, side_of("KAFKA", s.BIGINT), [(1,)]) == [b"\0\0\0\0\0\0\0\x01"]
    assert encode_rows(store, side_of("KAFKA", s.DOUBLE), [(-1.5,)]) == [b"\xbf\xf8\0\0\0\0\0\0"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (("foo", -10), b"foo,-10"),
        (("-1", 5), b'"-1",5'),
        (("é", 5), '"é",5'.encode()),
        (("a b", 5), b"a b,5"),
        (("a ", 5), b'"a ",5'),
        (('a"b', 5), b'"a""b",5'),
        (("a,b", 5), b'"a,b",5'),
        (("a\nb", 5), b'"a\nb",5'),
        (("", 5), b'"",5'),
        ((None, None), b","),
    ],
)
def test_delimited_text_is_quoted_only_where_commons_csv_quotes(
    store: Store, row: tuple[Any, ...], expected: bytes
) -> None:
    assert encode_rows(store, side_of("DELIMITED", s.STRING, s.INTEGER), [row]) == [expected]


def test_own_documents_are_vouched_for_by_the_fast_path(store: Store) -> None:
    types = (s.STRING, s.Decimal(10, 2), s.DATE, s.TIME, s.TIMESTAMP, s.BYTES, s.DOUBLE, STRUCT)
    nested = {"X": 1, "y z": [1.5], "T": None}
    side, asked = counted(side_of("JSON", *types[:7]))
    encoded = encode_rows(store, side, [("é\n", D("1.10"), 10, 10_000, -1000, b"ab", 2.5)] * 3)
    decode_values(store, encoded, side)
    assert asked == []
    assert json.loads(encode_rows(store, side_of("JSON", STRUCT), [(nested,)])[0] or b"") == {"A": nested}


def test_field_names_and_dates_are_typed_values(store: Store) -> None:
    encode_rows(store, side_of("JSON", s.DATE, s.TIME, s.TIMESTAMP), [(10, 10_000, 1_000_000)])
    assert typed_rows(store) == [(dt.date(1970, 1, 11), dt.time(0, 0, 0, 10_000), dt.datetime(1970, 1, 1, 0, 0, 1))]
