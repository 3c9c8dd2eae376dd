from __future__ import annotations

import datetime as dt
import decimal

import pytest

from streamnb.schema import BIGINT, DOUBLE, STRING, TIMESTAMP, Array
from streamnb.widgets.cells import cell_text, column_kind, instant_ms


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        (True, "true"),
        (5, "5"),
        (2.5, "2.5"),
        (float("nan"), "nan"),
        (decimal.Decimal("1E+2"), "100"),
        (dt.datetime(2018, 3, 28, 12, 51, 0, 274000), "2018-03-28 12:51:00.274"),
        (dt.date(2018, 3, 28), "2018-03-28"),
        (b"\x00\xff", "AP8="),
        (["a", None, 1], '["a", null, 1]'),
        ({"K": {"L": [b"\x00"]}}, "{K: {L: [AA==]}}"),
    ],
)
def test_cell_text_writes_each_kind_of_value(value: object, text: str | None) -> None:
    assert cell_text(value) == text


def test_cell_text_is_bounded_however_large_the_value() -> None:
    nested = [["x" * 10_000] * 10_000] * 10_000
    assert [len(cell_text(v, chars_max=50) or "") for v in ("x" * 10_000, b"x" * 10_000, nested)] == [50, 50, 50]


def test_window_bounds_are_drawn_as_instants() -> None:
    assert cell_text(1_540_000_000_000, column_kind("WINDOWSTART", BIGINT)) == "2018-10-20 01:46:40"


def test_column_kinds_follow_the_schema() -> None:
    kinds = [column_kind("X", type_) for type_ in (STRING, DOUBLE, TIMESTAMP, Array(STRING))]
    assert kinds == ["text", "number", "time", "nested"]


def test_instants_come_from_numbers_datetimes_and_dates() -> None:
    aware = dt.datetime(1970, 1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert [instant_ms(v) for v in (5, dt.date(1970, 1, 2), aware, "x", None)] == [5.0, 86_400_000.0, 0.0, None, None]
