"""The vectorised JSON path: equal to the strict decoder on anything, and taken by what real producers write."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.serde import Side
from streamnb.store import Store
from tests.serde.documents import BASE, EDITS, documents, values
from tests.serde.harness import counted, decode_values, side_of, strict

NESTED = s.Struct((s.Field("X", s.INTEGER), s.Field("Y", s.Array(s.STRING))))
TYPES = (
    s.BIGINT,
    s.DOUBLE,
    s.STRING,
    s.Decimal(8, 2),
    s.BOOLEAN,
    s.INTEGER,
    NESTED,
    s.Map(s.STRING, s.DOUBLE),
    s.TIMESTAMP,
    s.BYTES,
)


def assert_paths_agree(store: Store, side: Side, documents: list[bytes]) -> None:
    fast, fast_rejected = decode_values(store, documents, side)
    slow, slow_rejected = decode_values(store, documents, strict(side))
    assert repr(sorted(fast.items())) == repr(sorted(slow.items()))
    assert fast_rejected == slow_rejected


@settings(max_examples=60, deadline=None)
@given(batch=st.lists(documents(), min_size=1, max_size=30), unusual=st.booleans())
def test_fast_path_agrees_with_strict_decoder_on_mutated_documents(
    store: Store, batch: list[bytes], unusual: bool
) -> None:
    side = side_of("JSON", *TYPES)
    side.memory.unusual = unusual
    assert_paths_agree(store, side, [json.dumps(BASE, separators=(",", ":")).encode()] * 3 + batch)


@settings(max_examples=40, deadline=None)
@given(type_=st.sampled_from(TYPES), batch=st.lists(values, min_size=1, max_size=20), unusual=st.booleans())
def test_fast_path_agrees_with_strict_decoder_on_bare_values(
    store: Store, type_: s.SqlType, batch: list[Any], unusual: bool
) -> None:
    side = side_of("JSON", type_, wrapped=False)
    side.memory.unusual = unusual
    assert_paths_agree(store, side, [json.dumps(value).encode() for value in batch])


@pytest.mark.parametrize("unusual", [False, True])
@pytest.mark.parametrize("edit", EDITS)
def test_fast_path_agrees_with_strict_decoder_on_each_edit(store: Store, edit: tuple[str, str], unusual: bool) -> None:
    good = json.dumps(BASE, separators=(",", ":"))
    side = side_of("JSON", *TYPES)
    side.memory.unusual = unusual
    edited = [good.replace(*edit, count).encode() for count in (1, 2, 100)]
    assert_paths_agree(store, side, [good.encode(), *edited, good.encode()])


@pytest.mark.parametrize(
    "write",
    [
        lambda node: json.dumps(node, separators=(",", ":")),
        lambda node: json.dumps(node),
        lambda node: json.dumps(dict(reversed(node.items()))),
        lambda node: json.dumps({n.upper(): v for n, v in node.items() if n != "g"}),
        lambda node: json.dumps(node | {"c": 'é\n"\\/', "j": None, "g": None}, ensure_ascii=False),
        lambda node: f' {{ "A" : {node["a"]}, "c":"{node["c"]}" , "z":null}}\n',
    ],
)
def test_fast_path_vouches_for_documents_of_a_real_producer(store: Store, write: Any) -> None:
    side, asked = counted(side_of("JSON", *TYPES))
    batch = [write(BASE | {"a": n, "c": f"text {n}", "e": n % 2 == 0}).encode() for n in range(10)]
    rows, rejected = decode_values(store, batch, side)
    assert (len(rows), rejected, asked) == (10, [], [])


@pytest.mark.parametrize(
    ("types", "documents"),
    [
        ((s.DOUBLE,), [b'{"a":10}', b'{"a":10.5}', b'{"a":1.0E-5}', b'{"a":1.50}']),
        ((s.Decimal(10, 2),), [b'{"a":10.5}', b'{"a":10}', b'{"a":10.55}']),
        ((s.STRING,), [b'{"a":"\\u00e9"}', b'{"a":"\\/"}', b'{"a":"\\ud83d\\ude00"}']),
        ((s.INTEGER, s.INTEGER), [b'{"a":1,"b":2}', b'{"a":1}', b'{"b":1}', b'{"b":1,"a":2}', b"{}"][:4]),
    ],
)
def test_fast_path_vouches_for_values_written_in_several_ways(
    store: Store, types: tuple[s.SqlType, ...], documents: list[bytes]
) -> None:
    side, asked = counted(side_of("JSON", *types))
    rows, rejected = decode_values(store, documents, side)
    assert (len(rows), rejected, asked) == (len(documents), [], [])


def test_new_layout_is_learned_when_it_becomes_common(store: Store) -> None:
    side, asked = counted(side_of("JSON", s.INTEGER, s.STRING))
    decode_values(store, [b'{"a":1,"b":"x"}'] * 5, side)
    other = [f'{{"b":"y","more":null,"a":{n}}}'.encode() for n in range(50)]
    decode_values(store, other, side)
    assert len(asked) == 50
    asked.clear()
    rows, _ = decode_values(store, other, side)
    assert asked == []
    assert rows[49] == (49, "y", False)


def test_one_field_that_fills_two_columns_reaches_both(store: Store) -> None:
    side = side_of("JSON", s.INTEGER, s.INTEGER, names="aA")
    rows, rejected = decode_values(store, [b'{"a":1}', b'{"a":1,"A":2}', b'{"A":3}'], side)
    assert rows == {0: (1, 1, False), 1: (1, 2, False), 2: (None, 3, False)}
    assert rejected == []


def test_null_document_is_a_null_record(store: Store) -> None:
    rows, rejected = decode_values(store, [b"null", None, b" null ", b'{"a":1}'], side_of("JSON", s.INTEGER))
    assert rows == {0: (None, True), 1: (None, True), 2: (None, True), 3: (1, False)}
    assert rejected == []
