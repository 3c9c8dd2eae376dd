"""DELIMITED lines against the rules of Commons CSV and ksqlDB."""

from __future__ import annotations

from decimal import Decimal as D
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamnb import schema as s
from streamnb.serde import Undecodable
from streamnb.serde.csv_line import split_line
from streamnb.store import Store
from tests.serde.harness import decode_values, side_of, strict

TYPES = (s.INTEGER, s.STRING, s.DOUBLE, s.Decimal(8, 2), s.BOOLEAN, s.BYTES, s.TIMESTAMP)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("a,b", ["a", "b"]),
        ("a,", ["a", ""]),
        (",", ["", ""]),
        ('"a,b",c', ["a,b", "c"]),
        ('"a""b" ,c', ['a"b', "c"]),
        ('a"b,c', ['a"b', "c"]),
        ('"a\nb",c\nd', ["a\nb", "c"]),
        ("\n\r\na,b\r\nc", ["a", "b"]),
        (" a , b ", [" a ", " b "]),
        ("", []),
        ("\n", []),
    ],
)
def test_line_is_split_as_commons_csv_splits_it(line: str, cells: list[str]) -> None:
    assert split_line(line, ",") == cells


@pytest.mark.parametrize("line", ['"a', '"a"b,c', '"a""'])
def test_line_is_refused_when_its_quotes_do_not_close(line: str) -> None:
    with pytest.raises(Undecodable):
        split_line(line, ",")


def test_cells_are_converted_and_empty_ones_are_null(store: Store) -> None:
    lines = [b'7,"x, y",1.5e3,12.5,TRUE,YWI=,1500', b",,,,,,", b'"8",a,"2","-1",no,"YWI=","0"']
    rows, rejected = decode_values(store, lines, side_of("DELIMITED", *TYPES[:6]))
    assert [r.message for r in rejected] == ["Column count mismatch on deserialization. expected: 6, got: 7"] * 3
    rows, rejected = decode_values(store, lines, side_of("DELIMITED", *TYPES))
    assert rejected == []
    assert rows[0][:6] == (7, "x, y", 1500.0, D("12.50"), True, b"ab")
    assert rows[1] == (None,) * 7 + (False,)
    assert rows[2][:6] == (8, "a", 2.0, D("-1.00"), False, b"ab")


def test_invalid_utf8_is_replaced(store: Store) -> None:
    rows, rejected = decode_values(store, [b"\xff,1"], side_of("DELIMITED", s.STRING, s.INTEGER))
    assert (rows, rejected) == ({0: ("\ufffd", 1, False)}, [])


CELLS = (
    "|7|07|+7| 7|7.5|1e3|-0|-0.0|.5|5.|1_000|0x10|NaN|nan|Infinity|1d|2147483648|1e400|12345.678|999999.99|"
    '9999999|true|True|no|YWI=|YW|x|"|"7"|"a""b"|"a"b|\n|\r\n7|é|1500|-1|99999999999999999999|10000000000000000'
)
cells = st.sampled_from(CELLS.split("|"))


@settings(max_examples=40, deadline=None)
@given(
    lines=st.lists(
        st.lists(cells, min_size=6, max_size=8).map(",".join) | st.lists(cells, max_size=3).map(",".join), min_size=1
    ),
    delimiter=st.sampled_from([",", ",", "|", "."]),
)
def test_fast_path_agrees_with_strict_decoder(store: Store, lines: list[str], delimiter: str) -> None:
    side = side_of("DELIMITED", *TYPES, delimiter=delimiter)
    documents: list[Any] = [line.replace(",", delimiter).encode() for line in lines]
    fast, fast_rejected = decode_values(store, documents, side)
    slow, slow_rejected = decode_values(store, documents, strict(side))
    assert repr(sorted(fast.items())) == repr(sorted(slow.items()))
    assert fast_rejected == slow_rejected


@settings(max_examples=30, deadline=None)
@given(column=st.sampled_from(TYPES), values=st.lists(cells, min_size=1, max_size=20))
def test_fast_path_agrees_with_strict_decoder_on_single_cells(
    store: Store, column: s.SqlType, values: list[str]
) -> None:
    side = side_of("DELIMITED", column, s.INTEGER)
    documents: list[Any] = [f"{value},1".encode() for value in values]
    fast, fast_rejected = decode_values(store, documents, side)
    slow, slow_rejected = decode_values(store, documents, strict(side))
    assert repr(sorted(fast.items())) == repr(sorted(slow.items()))
    assert fast_rejected == slow_rejected
