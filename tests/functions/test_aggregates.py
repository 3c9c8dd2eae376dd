"""Aggregate functions: which arguments they take, and what they make of a group's values."""

from __future__ import annotations

import datetime
import decimal
import math
from typing import Any

import pytest

from streamnb import schema as s
from streamnb.backends.duckdb.operator import Mode
from streamnb.errors import KsqlFunctionError
from streamnb.functions.aggregate import aggregate_functions, is_aggregate, resolve_aggregate
from streamnb.store import DatabaseError
from tests.backends.aggregate_harness import Runner, aggregate_call, column, cut
from tests.oracle.aggregate import Record

NUMBERS = [3, None, 1, 3, 2]


def grouped(
    name: str, type_: s.SqlType, values: list[Any], *constants: Any, size: int = 2, limit: int | None = None
) -> Any:
    """Aggregate one group's values, cut into batches of a size, and return the last result."""
    runner = Runner([aggregate_call(name, column("v0", type_), constants=constants, limit=limit)], values=(type_,))
    records = [Record(i, 0, i, "a", (value,)) for i, value in enumerate(values)]
    outputs = [output for batch in cut(records, [size]) for output in runner.batch(batch)]
    last = outputs[-1].values
    assert last is not None
    return last[0]


@pytest.mark.parametrize(
    ("name", "constants", "expected"),
    [
        ("COUNT", (), 4),
        ("SUM", (), 9),
        ("AVG", (), 2.25),
        ("MIN", (), 1),
        ("MAX", (), 3),
        ("STDDEV_SAMP", (), 11 / 12),
        ("STDDEV_SAMPLE", (), math.sqrt(11 / 12)),
        ("TOPK", (2,), [3, 3]),
        ("TOPKDISTINCT", (2,), [3, 2]),
        ("COLLECT_LIST", (), [3, None, 1, 3, 2]),
        ("COLLECT_SET", (), [3, None, 1, 2]),
        ("COUNT_DISTINCT", (), 3),
        ("LATEST_BY_OFFSET", (), 2),
        ("LATEST_BY_OFFSET", (2,), [3, 2]),
        ("LATEST_BY_OFFSET", (4, False), [None, 1, 3, 2]),
        ("EARLIEST_BY_OFFSET", (), 3),
        ("EARLIEST_BY_OFFSET", (2,), [3, 1]),
        ("EARLIEST_BY_OFFSET", (2, False), [3, None]),
        ("ATTR", (), None),
    ],
)
@pytest.mark.parametrize("size", [1, 5])
def test_aggregate_of_integers(name: str, constants: tuple[Any, ...], expected: Any, size: int) -> None:
    result = grouped(name, s.INTEGER, NUMBERS, *constants, size=size)
    assert result == (pytest.approx(expected, rel=1e-12) if isinstance(expected, float) else expected)


@pytest.mark.parametrize(
    ("name", "type_", "values", "expected"),
    [
        ("SUM", s.DOUBLE, [0.1, None, 0.2, 0.3], 0.1 + 0.2 + 0.3),
        ("AVG", s.DOUBLE, [None], 0.0),
        ("SUM", s.INTEGER, [None], 0),
        ("MAX", s.STRING, ["b", "a", None], "b"),
        ("MIN", s.BYTES, [b"\x80", b"\x7f"], b"\x7f"),
        ("MAX", s.DATE, [datetime.date(2020, 1, 2), datetime.date(2021, 1, 1)], datetime.date(2021, 1, 1)),
        ("STDDEV_SAMP", s.DOUBLE, [2.5, 3.5, None, 7.0], 5.583333333333333),
        ("STDDEV_SAMP", s.BIGINT, [9_000_000_000_000_000_000, 9_000_000_000_000_000_002], 2.0),
        ("HISTOGRAM", s.STRING, ["b", "a", None, "b"], {"b": 2, "a": 1}),
        ("ATTR", s.STRING, ["x", "x"], "x"),
        ("ATTR", s.STRING, ["x", None], None),
        ("ATTR", s.Array(s.INTEGER), [[1, 2], [1, 2]], [1, 2]),
        ("SUM_LIST", s.Array(s.INTEGER), [[1, None, 2], None, [4]], 7),
        ("SUM_LIST", s.Array(s.DOUBLE), [[0.5, None], [0.25]], 0.75),
        ("TOPK", s.STRING, [None], None),
        ("COLLECT_LIST", s.Array(s.INTEGER), [[1], [2, 3]], [[1], [2, 3]]),
    ],
)
def test_aggregate_of_other_types(name: str, type_: s.SqlType, values: list[Any], expected: Any) -> None:
    constants = (3,) if name == "TOPK" else ()
    result = grouped(name, type_, values, *constants)
    if name == "TOPK":
        expected = []
    if isinstance(expected, float):
        assert result == pytest.approx(expected, rel=1e-12)
    else:
        assert result == expected


def test_latest_value_is_null_when_nulls_are_not_ignored() -> None:
    assert grouped("LATEST_BY_OFFSET", s.INTEGER, [1, None], False) is None
    assert grouped("EARLIEST_BY_OFFSET", s.INTEGER, [None, 1], False) is None


def test_whole_sum_wraps_around_as_in_java() -> None:
    assert grouped("SUM", s.INTEGER, [2**31 - 1, 1]) == -(2**31)
    assert grouped("SUM", s.BIGINT, [2**63 - 1, 2]) == -(2**63) + 1
    assert grouped("SUM", s.BIGINT, [-(2**63), -1]) == 2**63 - 1


def test_decimal_sum_keeps_its_type_and_stops_the_query_when_it_does_not_fit() -> None:
    type_ = s.Decimal(4, 2)
    assert grouped("SUM", type_, [decimal.Decimal("10.01"), decimal.Decimal("89.98")]) == decimal.Decimal("99.99")
    with pytest.raises(DatabaseError, match="overflow"):
        grouped("SUM", type_, [decimal.Decimal("10.01"), decimal.Decimal("89.99")])


def test_collected_values_stop_at_the_limit() -> None:
    assert grouped("COLLECT_LIST", s.INTEGER, [1, 2, 3, 4], limit=3, size=1) == [1, 2, 3]
    assert grouped("COLLECT_SET", s.INTEGER, [1, 1, 2, 3], limit=2, size=4) == [1, 2]


def test_collected_set_knows_equal_maps_by_their_entries_in_any_order() -> None:
    maps = s.Map(s.STRING, s.BIGINT)
    same = [{"a": 1, "b": 2}, {"b": 2, "a": 1}, {"b": 2}, None]
    assert grouped("COLLECT_SET", maps, same, size=1) == [{"a": 1, "b": 2}, {"b": 2}, None]
    type_ = s.Array(s.Struct((s.Field("M", maps),)))
    nested = [[{"M": {"a": 1, "b": 2}}], [{"M": {"b": 2, "a": 1}}], None]
    assert grouped("COLLECT_SET", type_, nested, size=4) == [nested[0], None]


def test_topk_with_more_columns_gives_structs_with_the_earlier_record_first() -> None:
    call = aggregate_call("TOPK", column("v0", s.INTEGER), column("v1", s.STRING), constants=[2])
    runner = Runner([call], values=(s.INTEGER, s.STRING), mode=Mode.LAST)
    values: list[tuple[Any, ...]] = [(0, "zero"), (100, "one"), (None, "two"), (100, None)]
    [output] = runner.batch([Record(i, 0, i, "a", v) for i, v in enumerate(values)])
    assert output.values == ([{"sort_col": 100, "col0": "one"}, {"sort_col": 100, "col0": None}],)
    assert str(call.aggregate.result_type) == "ARRAY<STRUCT<`sort_col` INTEGER, `col0` STRING>>"


def test_correlation_is_not_a_number_until_both_columns_vary() -> None:
    call = aggregate_call("CORRELATION", column("v0", s.DOUBLE), column("v1", s.DOUBLE))
    runner = Runner([call], values=(s.DOUBLE, s.DOUBLE))
    values = [(1.0, 10.0), (2.0, 20.0), (None, 5.0), (3.0, 15.0)]
    outputs = runner.batch([Record(i, 0, i, "a", v) for i, v in enumerate(values)])
    results = [output.values[0] for output in outputs if output.values is not None]
    assert math.isnan(results[0])
    assert results[1:] == pytest.approx([1.0, 1.0, 0.5])


def test_running_partials_of_a_hot_key_are_taken_in_pieces() -> None:
    values = [0.1 * i for i in range(700)]
    runner = Runner([aggregate_call("SUM", column("v0", s.DOUBLE))], values=(s.DOUBLE,))
    outputs = runner.batch([Record(i, 0, i, "a", (v,)) for i, v in enumerate(values)])
    expected, total = [], 0.0
    for value in values:
        total += value
        expected.append((total,))
    assert [output.values for output in outputs] == expected


def test_names_of_aggregates_are_known_in_any_case() -> None:
    assert is_aggregate("topkDistinct")
    assert not is_aggregate("UCASE")
    assert len(aggregate_functions()) == 18
    assert all(f.doc.endswith(".") and f.signatures for f in aggregate_functions().values())


def test_functions_that_a_table_can_use_say_so() -> None:
    over_tables = {name for name, function in aggregate_functions().items() if function.undoable}
    assert over_tables == {
        "ATTR", "AVG", "COLLECT_LIST", "CORRELATION", "COUNT", "HISTOGRAM", "STDDEV_SAMP", "STDDEV_SAMPLE", "SUM",
        "SUM_LIST",
    }  # fmt: skip


def test_arguments_are_converted_to_the_nearest_wider_type() -> None:
    assert resolve_aggregate("AVG", [s.Decimal(4, 2)]).param_types == (s.DOUBLE,)
    assert resolve_aggregate("SUM", [s.Decimal(4, 2)]).result_type == s.Decimal(4, 2)
    assert resolve_aggregate("CORRELATION", [s.INTEGER, s.BIGINT]).param_types == (s.BIGINT, s.BIGINT)


def test_arguments_that_no_signature_takes_are_refused_with_the_alternatives() -> None:
    with pytest.raises(KsqlFunctionError) as caught:
        resolve_aggregate("SUM", [s.STRING])
    assert caught.value.message.startswith(
        "Function 'SUM' does not accept parameters (STRING).\nValid alternatives are:"
    )
    assert "SUM(BIGINT)" in caught.value.message


def test_constant_that_is_a_column_is_refused() -> None:
    with pytest.raises(KsqlFunctionError) as caught:
        resolve_aggregate("EARLIEST_BY_OFFSET", [s.INTEGER, s.INTEGER], texts=["F1", "F0"])
    assert caught.value.message == (
        "Parameter 2 passed to function EARLIEST_BY_OFFSET must be a literal constant, but was expression: 'F0'"
    )


def test_unknown_aggregate_suggests_a_name() -> None:
    with pytest.raises(KsqlFunctionError) as caught:
        resolve_aggregate("COLECT_LIST", [s.STRING])
    assert caught.value.hint == "did you mean COLLECT_LIST?"
