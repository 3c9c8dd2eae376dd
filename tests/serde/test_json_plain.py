"""Plain JSON by C code: what it vouches for is what the strict decoder says, and producers write such documents."""

from __future__ import annotations

import json
import math
import os
import random
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.native import native
from streamnb.serde.base import Undecodable
from streamnb.serde.json_plain import decode_plain, has_plain_types
from streamnb.serde.json_strict import record_decoder
from streamnb.serde.registry import format_named
from tests.serde.documents import BASE, EDITS, documents
from tests.serde.harness import side_of

COLUMNS = tuple(
    s.Column(name, type_)
    for name, type_ in zip("ABCEF", (s.BIGINT, s.DOUBLE, s.STRING, s.BOOLEAN, s.INTEGER), strict=True)
)
NULLS = [None] * len(COLUMNS)
strict = record_decoder(COLUMNS, bare=False)


@pytest.fixture(autouse=True)
def compiled() -> None:
    if native() is None and "CI" not in os.environ:
        pytest.skip("the C code is not compiled: no C compiler was there when streamnb was installed")
    assert native() is not None


def decoded(batch: list[bytes | None], columns: tuple[s.Column, ...] = COLUMNS) -> list[list[Any] | None]:
    """Decode documents; None stands for one that is not plain."""
    arrays, plain, doubtful = decode_plain(columns, pa.array(batch, pa.binary()))
    for array in (*arrays, plain):
        array.validate(full=True)
    rows = zip(*(array.to_pylist() for array in arrays), strict=True)
    found = [list(row) if ok else None for row, ok in zip(rows, plain.to_pylist(), strict=True)]
    assert found.count(None) == doubtful
    return found


def assert_agrees(batch: list[bytes]) -> None:
    for document, found in zip(batch, decoded(list(batch)), strict=True):
        if found is None:
            continue
        try:
            wanted = strict(document)
        except Undecodable as error:
            raise AssertionError(f"{document!r} was taken for plain: {error}") from error
        assert repr(found) == repr(NULLS if wanted is None else wanted), document


@settings(max_examples=300, deadline=None)
@given(batch=st.lists(documents(), min_size=1, max_size=30))
def test_plain_decoder_agrees_with_the_strict_one_on_mutated_documents(batch: list[bytes]) -> None:
    assert_agrees(batch)


@pytest.mark.parametrize("edit", EDITS)
def test_plain_decoder_agrees_with_the_strict_one_on_each_edit(edit: tuple[str, str]) -> None:
    good = json.dumps(BASE, separators=(",", ":"))
    assert_agrees([good.replace(*edit, count).encode() for count in (1, 2, 100)])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=20))
def test_plain_decoder_reads_doubles_to_the_last_bit(numbers: list[float]) -> None:
    found = decoded([json.dumps({"b": number}).encode() for number in numbers])
    for number, row in zip(numbers, found, strict=True):
        assert row is None or row[1] == number
        if number == 0 or 1e-250 < abs(number) < 1e250:
            assert row is not None and math.copysign(1, row[1]) == (1 if number == 0 else math.copysign(1, number))


def test_plain_decoder_reads_doubles_of_any_length_as_python_does() -> None:
    draw = random.Random(7)

    def digits(most: int) -> int:
        return draw.randrange(10 ** draw.randrange(1, most))

    texts = [f"{digits(25)}.{digits(14)}e{draw.randrange(-60, 60)}" for _ in range(5_000)]
    found = decoded([f'{{"b":{text}}}'.encode() for text in texts])
    wrong = [t for t, row in zip(texts, found, strict=True) if row is not None and row[1] != float(t)]
    assert wrong == []
    assert found.count(None) < len(found) // 10


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=4)), min_size=1, max_size=20), st.booleans())
def test_plain_decoder_reads_all_texts(pairs: list[tuple[str, str]], ascii_only: bool) -> None:
    batch = [json.dumps({"x": y, "c": c}, ensure_ascii=ascii_only).encode() for c, y in pairs]
    assert [row and row[2] for row in decoded(list(batch))] == [c for c, _ in pairs]


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*'"\\/bfnrtu0deDE8cf', "\\u", "\\ud83d", "\\ude00", "é"]), max_size=12))
def test_plain_decoder_takes_any_escapes(parts: list[str]) -> None:
    assert_agrees([('{"c":"' + "".join(parts) + '","a":1}').encode()])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=12), min_size=1, max_size=20))
def test_plain_decoder_takes_any_bytes_in_a_text(parts: list[bytes]) -> None:
    assert_agrees([b'{"c":"' + part + b'","a":1}' for part in parts])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40), min_size=1, max_size=20))
def test_plain_decoder_takes_any_bytes(batch: list[bytes]) -> None:
    assert_agrees(batch)


def test_plain_decoder_vouches_for_documents_of_real_producers() -> None:
    fields = {name: BASE[name] for name in "abcef"}
    batch = [
        json.dumps(fields, separators=(",", ":")),
        json.dumps(fields),
        json.dumps(dict(reversed(fields.items()))),
        json.dumps({name.upper(): value for name, value in fields.items()}),
        json.dumps(fields | {"c": "Grüße, 東京 🚀"}, ensure_ascii=False),
        json.dumps(fields | {"c": "Grüße, 東京 🚀"}),
        json.dumps(fields | {"nested": {"x": [1, 2.5, {"y": None}], "z": "t"}, "b": 0.30000000000000004}),
        json.dumps(dict.fromkeys(fields)),
        "{}",
        "null",
    ]
    found = decoded([text.encode() for text in batch])
    assert None not in found
    assert found[0] == found[1] == found[2] == found[3] == [7, 1.5, "text", True, 3]
    assert found[4] == found[5] == [7, 1.5, "Grüße, 東京 🚀", True, 3]
    assert found[7] == found[8] == found[9] == NULLS


def test_rows_of_a_slice_are_its_own() -> None:
    documents_ = pa.array([b'{"a":1}', None, b"{", b'{"a":2,"c":"x"}', b'{"a":3}'], pa.binary()).slice(1, 3)
    arrays, plain, doubtful = decode_plain(COLUMNS, documents_)
    assert arrays[0].to_pylist() == [None, None, 2]
    assert arrays[2].to_pylist() == [None, None, "x"]
    assert (plain.to_pylist(), doubtful) == ([True, False, True], 1)


def test_columns_outlive_the_call_that_made_them() -> None:
    arrays = [decode_plain(COLUMNS, pa.array([b'{"c":"%d"}' % n] * 1_000, pa.binary()))[0][2] for n in range(50)]
    assert [array[-1].as_py() for array in arrays] == [str(n) for n in range(50)]


def test_topic_of_other_documents_is_left_to_sql() -> None:
    side = side_of("JSON", s.INTEGER, s.STRING)
    json_format = format_named("JSON")
    assert json_format.decode_ahead(side, pa.array([b'{"a":1}'] * 100, pa.binary()))
    assert json_format.decode_ahead(side, pa.array([b'{"a":"1"}'] * 100, pa.binary())) == {}
    assert not side.memory.plain


@pytest.mark.parametrize(
    "columns",
    [
        (s.Column("A", s.Decimal(4, 2)),),
        (s.Column("A", s.Array(s.STRING)),),
        (s.Column("A", s.INTEGER), s.Column("a", s.INTEGER)),
        (),
    ],
)
def test_columns_that_c_does_not_know_are_left_to_sql(columns: tuple[s.Column, ...]) -> None:
    assert not has_plain_types(columns)
