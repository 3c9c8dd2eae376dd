from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest

from streamnb.engine.relation import Relation, View
from streamnb.schema import BIGINT, STRING, TIMESTAMP, Array
from streamnb.widgets.choice import SELECTED_MAX, SelectedRows
from streamnb.widgets.linking import EVERYTHING, Criteria
from streamnb.widgets.rows import layout_of
from tests.widgets.fake_query import FakeQuery

BY_KEY = View(sort=((0, False),))


class Chosen:
    """The selected rows of a query, and what the other views have heard of them."""

    def __init__(self, query: FakeQuery) -> None:
        self.query = query
        self.heard: list[Criteria] = []
        self.rows = SelectedRows(layout_of(query), self.heard.append)
        self.relation = query.relation()
        self.relation.page(BY_KEY, 0, 10)

    def select(self, **message: object) -> Criteria:
        self.rows.read(self.relation, BY_KEY, message)
        return self.heard[-1]

    def renew(self) -> Criteria:
        self.relation.page(BY_KEY, 0, 10)
        self.rows.renew(self.relation, BY_KEY)
        return self.heard[-1]


def table() -> FakeQuery:
    query = FakeQuery([("K", STRING), ("N", BIGINT)], key_columns=1, is_table=True)
    query.feed.put([("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)])
    return query


def test_rows_of_a_table_are_known_by_their_keys() -> None:
    chosen = Chosen(table())
    assert chosen.select(ids=[2, 1]) == Criteria({"K": frozenset("ab")})
    assert chosen.rows.news(full=False) == {"chosen": {"ids": [1, 2], "text": "a, b"}}
    assert chosen.rows.news(full=False) == {}
    assert chosen.rows.news(full=True) == {"chosen": {"ids": [1, 2], "text": "a, b"}}


def test_rows_are_named_by_window_start_too_and_the_first_few_only() -> None:
    columns = [("K", STRING), ("WINDOWSTART", BIGINT), ("WINDOWEND", BIGINT), ("N", BIGINT)]
    query = FakeQuery(columns, key_columns=1, is_table=True)
    query.feed.put([(key, 0, 1000, 1) for key in "abcde"])
    chosen = Chosen(query)
    assert chosen.select(ids=[3]) == Criteria(
        {"K": frozenset("c"), "WINDOWSTART": frozenset([0]), "WINDOWEND": frozenset([1000])}
    )
    assert chosen.rows.news(full=False)["chosen"]["text"] == "c · 1970-01-01 00:00:00"
    chosen.select(ids=[1, 2, 3, 4, 5])
    assert chosen.rows.news(full=False)["chosen"]["text"].endswith(", c · 1970-01-01 00:00:00 and 2 more")


def test_records_of_a_stream_are_known_by_all_their_plain_values() -> None:
    at = dt.datetime(2018, 3, 28)
    query = FakeQuery([("AT", TIMESTAMP), ("N", BIGINT), ("L", Array(STRING))])
    query.feed.append((at, 1, ["x"]), (at, None, None))
    chosen = Chosen(query)
    assert chosen.select(ids=[2]) == Criteria({"AT": frozenset([at]), "N": frozenset([None])})
    assert chosen.rows.news(full=False) == {"chosen": {"ids": [2], "text": "1 record"}}
    keeps = chosen.heard[-1].keeps(query.columns)
    assert keeps is not None
    assert [keeps(row) for row in query.feed.snapshot().rows] == [False, True]


def test_rows_that_the_page_does_not_have_are_selected_by_their_place() -> None:
    chosen = Chosen(table())
    assert chosen.select(first=1, count=2) == Criteria({"K": frozenset("bc")})


def test_selection_follows_a_row_that_changes_and_ends_with_it() -> None:
    query = table()
    chosen = Chosen(query)
    chosen.select(ids=[1, 2])
    query.feed.put([("b", 9), ("c", 3)])
    assert chosen.renew() == Criteria({"K": frozenset("b")})
    query.feed.put([("c", 3)])
    assert chosen.renew() == EVERYTHING
    assert chosen.rows.news(full=False) == {"chosen": {"ids": [], "text": ""}}
    query.feed.put([("b", 1), ("c", 3)])
    assert chosen.renew() == EVERYTHING


def test_row_without_its_key_is_followed_by_its_values() -> None:
    query = FakeQuery([("N", BIGINT)], is_table=True)
    query._relation = Relation(query.columns, [STRING], is_table=True)
    change = {"vnull": pa.array([False]), "k0": pa.array(["a"])}
    query._relation.add(pa.table({**change, "c0": pa.array([7])}))
    chosen = Chosen(query)
    assert chosen.select(ids=[1]) == Criteria({"N": frozenset([7])})
    query._relation.add(pa.table({**change, "c0": pa.array([8])}))
    assert chosen.renew() == Criteria({"N": frozenset([8])})
    assert chosen.rows.news(full=False)["chosen"]["text"] == "1 row"


def test_page_that_marks_rows_which_are_gone_is_told_so() -> None:
    chosen = Chosen(table())
    chosen.rows.news(full=True)
    assert chosen.select(ids=[77]) == EVERYTHING
    assert chosen.rows.news(full=False) == {"chosen": {"ids": [], "text": ""}}


def test_first_rows_of_too_many_are_taken() -> None:
    query = FakeQuery([("N", BIGINT)])
    query.feed.append(*[(n,) for n in range(SELECTED_MAX + 50)])
    chosen = Chosen(query)
    assert len(chosen.select(first=0, count=SELECTED_MAX + 50).values["N"]) == SELECTED_MAX
    assert len(chosen.select(ids=list(range(1, SELECTED_MAX + 50))).values["N"]) == SELECTED_MAX


@pytest.mark.parametrize("message", [{}, {"ids": None}, {"ids": ["x"]}, {"first": 0, "count": "few"}])
def test_message_that_no_page_sends_is_refused(message: dict[str, object]) -> None:
    with pytest.raises((KeyError, TypeError, ValueError)):
        Chosen(table()).select(**message)
