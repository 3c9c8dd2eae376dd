from __future__ import annotations

import datetime as dt
import gc

import pytest

from streamnb.schema import BIGINT, STRING, TIMESTAMP
from streamnb.widgets import linking
from streamnb.widgets.linking import EVERYTHING, Criteria, Selection, selection_of
from tests.widgets.fake_query import FakeQuery

COLUMNS = [("NAME", STRING), ("AT", TIMESTAMP), ("N", BIGINT)]
ROW = ("a", dt.datetime(1970, 1, 1, 0, 0, 5), 3)


@pytest.mark.parametrize(
    ("criteria", "kept"),
    [
        (Criteria({"NAME": frozenset("ab")}), True),
        (Criteria({"NAME": frozenset("b")}), False),
        (Criteria({}, {"AT": (5000, 5001)}), True),
        (Criteria({}, {"AT": (0, 5000)}), False),
        (Criteria({"NAME": frozenset("a")}, {"N": (3, 4)}), True),
        (Criteria({}, {"N": (3.5, 4)}), False),
    ],
)
def test_criteria_keep_rows_by_values_and_spans(criteria: Criteria, kept: bool) -> None:
    test = criteria.keeps(COLUMNS)
    assert test is not None
    assert test(ROW) is kept


def test_columns_that_a_view_does_not_have_restrict_it_not() -> None:
    assert Criteria({"OTHER": frozenset("a")}).keeps(COLUMNS) is None


def test_null_lies_in_no_span() -> None:
    test = Criteria({}, {"N": (0, 10)}).keeps(COLUMNS)
    assert test is not None
    assert not test(("a", None, None))


def test_selection_restricts_all_views_but_its_own() -> None:
    selection, told = Selection(), []
    chart, table = object(), object()
    selection.join(chart, lambda: told.append("chart"))
    selection.join(table, lambda: told.append("table"))
    criteria = Criteria({"NAME": frozenset("a")})
    selection.choose(chart, criteria)
    selection.choose(chart, criteria)
    assert told == ["table"]
    assert (selection.criteria(table), selection.criteria(chart)) == (criteria, EVERYTHING)


def test_two_selections_restrict_a_third_view_together() -> None:
    selection, views = Selection(), [object(), object(), object()]
    selection.choose(views[0], Criteria({"NAME": frozenset("ab")}, {"N": (0, 5)}))
    selection.choose(views[1], Criteria({"NAME": frozenset("bc")}, {"N": (3, 9)}))
    assert selection.criteria(views[2]) == Criteria({"NAME": frozenset("b")}, {"N": (3, 5)})


def test_view_that_leaves_takes_its_selection_along() -> None:
    selection, views = Selection(), [object(), object()]
    selection.choose(views[0], Criteria({"NAME": frozenset("a")}))
    selection.leave(views[0])
    assert selection.criteria(views[1]) == EVERYTHING


def test_views_of_a_query_share_its_selection_and_nobody_else_does() -> None:
    query = FakeQuery(COLUMNS)
    assert selection_of(query) is selection_of(query)
    assert selection_of(query) is not selection_of(FakeQuery(COLUMNS))
    place = id(query)
    del query
    gc.collect()
    assert place not in linking._selections
