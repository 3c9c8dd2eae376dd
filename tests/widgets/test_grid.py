from __future__ import annotations

from typing import Any

import pytest

from streamnb.errors import StreamnbError
from streamnb.widgets.grid import arrange


def test_items_go_two_abreast_and_the_last_one_takes_the_row() -> None:
    grid, placed = arrange(None, ["tiles", "table", "chart"])
    assert grid.rows == (("0", "1"), ("2", "2"))
    assert placed == {"0": "tiles", "1": "table", "2": "chart"}


def test_size_is_rows_by_columns_and_may_stay_partly_empty() -> None:
    grid, placed = arrange("2x3", ["a", "b", "c", "d"])
    assert (len(grid.rows), grid.columns, list(placed.values())) == (2, 3, ["a", "b", "c", "d"])


def test_rows_of_counts_share_one_grid() -> None:
    grid, _ = arrange([3, 2], list("abcde"))
    assert grid.rows == (("0", "0", "1", "1", "2", "2"), ("3", "3", "3", "4", "4", "4"))


@pytest.mark.parametrize("layout", [[["a", "a"], ["b", "c"]], ["a a", "b c"]])
def test_areas_take_the_items_in_reading_order(layout: Any) -> None:
    grid, placed = arrange(layout, ["chart", "tiles", "table"])
    assert placed == {"a": "chart", "b": "tiles", "c": "table"}
    assert grid.places == {"a": (1, 1, 2, 3), "b": (2, 1, 3, 2), "c": (2, 2, 3, 3)}


def test_areas_take_the_items_of_a_mapping_by_name() -> None:
    _, placed = arrange(["left right", ". right"], {"right": "table", "left": "tiles"})
    assert placed == {"left": "tiles", "right": "table"}


@pytest.mark.parametrize(
    ("layout", "items", "message"),
    [
        ("2x2", list("abcde"), "the layout has 4 places, and there are 5 items"),
        ("two", ["a"], "layout 'two' is no size"),
        ("0x2", ["a"], "layout '0x2' is no size"),
        ([2, 0], list("abc"), "a row of the layout has 1 to 24 items"),
        (["a a", "b"], ["x", "y"], "row 2 of the layout has 1 places, row 1 has 2"),
        (["a b", "b a"], ["x", "y"], "area a of the layout is no rectangle"),
        (["a b a"], ["x", "y"], "area a of the layout is no rectangle"),
        (["a b"], ["x"], "the layout has 2 places, and there are 1 items"),
        (["a b"], {"a": 1, "c": 2}, "item c has no area in the layout"),
        (["a b"], {"a": 1}, "area b has no item in the layout"),
        ([], ["x"], "the layout has no rows"),
        ([2, "a"], ["x"], "the layout mixes counts and areas"),
        (None, [], "the dashboard has no items"),
    ],
)
def test_layout_that_does_not_fit_says_why(layout: Any, items: Any, message: str) -> None:
    with pytest.raises(StreamnbError) as refused:
        arrange(layout, items)
    assert refused.value.message == message
