"""Push queries with DISTINCT, UNION, ORDER BY and sub-queries: what they show, and how they go on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamnb.results import Live
from streamnb.workspace import Workspace
from tests.pipelines import USERS, live, put, rows, shown_by, workspace


@pytest.fixture
def nb() -> Iterator[Workspace]:
    with workspace(ratings=1, start=True) as nb:
        nb(USERS)
        yield nb


def names_of_steps(nb: Workspace, text: str) -> list[str]:
    told = rows(nb, f"EXPLAIN {text} EMIT CHANGES;")
    return [part.removeprefix("names in ") for part, _ in told if part.startswith("names in ")]


def test_first_rows_follow_what_comes_and_what_goes(nb: Workspace) -> None:
    query = live(nb, "SELECT NAME FROM USERS ORDER BY NAME LIMIT 2 EMIT CHANGES;")
    put(nb, "u", [(1, {"NAME": "d"}), (2, {"NAME": "b"}), (3, {"NAME": "c"})])
    assert shown_by(query, lambda found: len(found) == 2) == [("b",), ("c",)]
    put(nb, "u", [(2, None)])
    assert shown_by(query, lambda found: ("d",) in found) == [("c",), ("d",)]
    put(nb, "u", [(3, {"NAME": "x"}), (4, {"NAME": "a"})])
    assert shown_by(query, lambda found: ("a",) in found) == [("a",), ("d",)]
    put(nb, "u", [(1, None), (3, None)])
    assert shown_by(query, lambda found: len(found) == 1) == [("a",)]
    changes = query.feed.changes()
    assert (changes[-1].key, changes[-1].tombstone) == ((2,), True)


def test_first_rows_change_only_where_another_row_has_come(nb: Workspace) -> None:
    query = live(nb, "SELECT STARS FROM RATINGS ORDER BY STARS DESC LIMIT 3 EMIT CHANGES;")
    put(nb, "ratings", [(1, {"STARS": s}) for s in (5, 3, 1)])
    shown_by(query, lambda found: len(found) == 3)
    put(nb, "ratings", [(1, {"STARS": 2})])
    assert shown_by(query, lambda found: (2,) in found) == [(5,), (3,), (2,)]
    assert [(c.key, c.row) for c in query.feed.changes()][3:] == [((3,), (2,))]


@pytest.mark.parametrize(
    ("text", "keys", "is_table"),
    [
        ("SELECT DISTINCT STARS, CHANNEL FROM RATINGS", 0, False),
        ("SELECT DISTINCT NAME, ID FROM USERS", 2, True),
        ("SELECT ID FROM RATINGS UNION SELECT ID + 1 FROM RATINGS", 0, False),
        ("SELECT ID FROM USERS UNION ALL SELECT ID + 1 FROM USERS", 0, True),
        ("SELECT ID FROM RATINGS ORDER BY ID LIMIT 1", 0, True),
        ("SELECT ID, N FROM (SELECT ID, COUNT(*) AS N FROM RATINGS GROUP BY ID)", 1, True),
        ("SELECT ID FROM (SELECT ID FROM RATINGS ORDER BY ID LIMIT 1)", 0, True),
    ],
)
def test_result_tells_its_kind_and_its_key(nb: Workspace, text: str, keys: int, is_table: bool) -> None:
    query = live(nb, f"{text} EMIT CHANGES;")
    assert (query.key_columns, query.is_table) == (keys, is_table)


def test_limit_ends_a_query_that_is_not_ordered(nb: Workspace) -> None:
    distinct = live(nb, "SELECT DISTINCT STARS FROM RATINGS EMIT CHANGES LIMIT 2;")
    union = live(nb, "SELECT STARS FROM RATINGS UNION ALL SELECT ID FROM RATINGS EMIT CHANGES LIMIT 3;")
    put(nb, "ratings", [(8, {"STARS": s}) for s in (5, 5, 3, 1)])
    assert distinct.wait(20) and union.wait(20)
    assert distinct.feed.snapshot().rows == [(5,), (3,)]
    assert len(union.feed.snapshot().rows) == 3


def test_union_takes_the_wider_type_and_the_first_names(nb: Workspace) -> None:
    query = live(nb, "SELECT STARS AS S FROM RATINGS UNION ALL SELECT CAST(ID AS BIGINT) FROM RATINGS EMIT CHANGES;")
    assert [(name, str(type_)) for name, type_ in query.columns] == [("S", "BIGINT")]


def test_window_of_a_sub_query_can_be_named_outside(nb: Workspace) -> None:
    put(nb, "ratings", [(1, {"STARS": s}, ts) for s, ts in ((1, 100), (2, 200), (3, 1500))])
    query = live(
        nb,
        "SELECT WINDOWSTART AS W, S FROM (SELECT ID, SUM(STARS) AS S FROM RATINGS WINDOW TUMBLING (SIZE 1 SECOND)"
        " GROUP BY ID) X WHERE S > 2 EMIT CHANGES;",
    )
    assert shown_by(query, lambda found: len(found) == 2) == [(0, 3), (1000, 3)]


def test_record_finds_the_count_of_its_time_in_a_sub_query(nb: Workspace) -> None:
    put(nb, "ratings", [(1, {"STARS": s}, 100 * s) for s in (1, 2, 3)])
    query = live(
        nb,
        "SELECT R.STARS, C.N FROM RATINGS R JOIN (SELECT ID, COUNT(*) AS N FROM RATINGS GROUP BY ID) C ON R.ID = C.ID"
        " EMIT CHANGES;",
    )
    assert shown_by(query, lambda found: len(found) == 3) == [(1, 1), (2, 2), (3, 3)]


def test_two_aggregations_of_one_query_have_states_of_their_own(nb: Workspace) -> None:
    query = live(
        nb,
        "SELECT N, COLLECT_LIST(ID) AS L FROM (SELECT ID, COUNT(*) AS N FROM RATINGS GROUP BY ID) GROUP BY N"
        " EMIT CHANGES;",
    )
    put(nb, "ratings", [(i, {"STARS": 1}) for i in (1, 2, 2)])
    assert sorted(shown_by(query, lambda found: (2, [2]) in found)) == [(1, [1]), (2, [2])]


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("SELECT S + 1 AS T FROM (SELECT STARS AS S, ID FROM RATINGS WHERE ID > 1) WHERE S < 5", ["in0", "project1"]),
        ("SELECT S FROM (SELECT S FROM (SELECT STARS * 2 AS S FROM RATINGS))", ["in0", "project1"]),
        # what can raise, is volatile, or would be computed twice, stands by itself
        ("SELECT S, ID FROM (SELECT ID, 1 / STARS AS S FROM RATINGS)", ["in0", "project1", "project2"]),
        ("SELECT S FROM (SELECT RANDOM() AS S, ID FROM RATINGS)", ["in0", "project1", "project2"]),
        ("SELECT S, S + 1 AS T FROM (SELECT STARS * 2 AS S FROM RATINGS)", ["in0", "project1", "project2"]),
    ],
)
def test_selection_from_a_selection_is_one_step(nb: Workspace, text: str, steps: list[str]) -> None:
    assert names_of_steps(nb, text) == steps


def test_error_of_a_record_in_a_sub_query_is_in_the_processing_log(nb: Workspace) -> None:
    query = live(nb, "SELECT S FROM (SELECT 1 / STARS AS S FROM RATINGS) EMIT CHANGES;")
    put(nb, "ratings", [(1, {"STARS": 0}), (1, {"STARS": 1})])
    assert shown_by(query, lambda found: len(found) == 2) == [(None,), (1,)]
    log = live(nb, "SELECT MESSAGE FROM KSQL_PROCESSING_LOG EMIT CHANGES LIMIT 1;")
    assert log.wait(20)
    [(message,)] = log.feed.snapshot().rows
    assert "Error computing column S" in str(message)


def test_queries_with_the_same_clauses_live_side_by_side(nb: Workspace) -> None:
    text = "SELECT DISTINCT STARS FROM RATINGS EMIT CHANGES;"
    queries: list[Live] = [live(nb, text), live(nb, text)]
    put(nb, "ratings", [(1, {"STARS": 4})])
    assert [shown_by(query, lambda found: len(found) == 1) for query in queries] == [[(4,)], [(4,)]]


def test_push_query_on_a_table_goes_on_when_its_query_is_paused_and_resumed(nb: Workspace) -> None:
    nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
    query = live(nb, "SELECT CHANNEL, N FROM COUNTS ORDER BY N DESC LIMIT 1 EMIT CHANGES;")
    put(nb, "ratings", [(1, {"CHANNEL": "web"})])
    assert shown_by(query, lambda found: found == [("web", 1)]) == [("web", 1)]
    nb("PAUSE CTAS_COUNTS_0;")
    put(nb, "ratings", [(1, {"CHANNEL": "ios"}), (1, {"CHANNEL": "ios"})])
    nb("RESUME CTAS_COUNTS_0;")
    assert shown_by(query, lambda found: found == [("ios", 2)]) == [("ios", 2)]


@pytest.mark.parametrize(("reset", "expected"), [("earliest", [(1,), (2,)]), ("latest", [(3,), (4,)])])
def test_limit_counts_from_where_a_query_starts(nb: Workspace, reset: str, expected: list[tuple[int]]) -> None:
    put(nb, "ratings", [(1, {"STARS": 1}), (2, {"STARS": 2})])
    put(nb, "u", [(1, {"NAME": "a"}), (2, {"NAME": "b"})])
    nb(f"SET 'auto.offset.reset'='{reset}';")
    stream = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES LIMIT 2;")
    table = live(nb, "SELECT ID FROM USERS EMIT CHANGES LIMIT 2;")
    put(nb, "ratings", [(3, {"STARS": 1}), (4, {"STARS": 2})])
    put(nb, "u", [(3, {"NAME": "a"}), (4, {"NAME": "b"})])
    assert stream.wait(20) and table.wait(20)
    assert (stream.feed.snapshot().rows, table.feed.snapshot().rows) == (expected, expected)
