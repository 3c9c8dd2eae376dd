"""Push and pull queries as users see them."""

from __future__ import annotations

import threading

import pytest

from streamnb.errors import KsqlError
from streamnb.results import Rows
from tests.pipelines import RECENT, USERS, live, put, rows, run, workspace

THREE = [(i, {"STARS": i, "CHANNEL": "web" if i % 2 else "ios"}) for i in range(1, 4)]


def test_push_query_with_a_limit_ends_by_itself() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT ID, STARS FROM RATINGS EMIT CHANGES LIMIT 2;")
        put(nb, "ratings", THREE)
        assert query.wait(10)
        assert (query.state, query.feed.snapshot().rows) == ("DONE", [(1, 1), (2, 2)])
        assert query.df().to_dict("list") == {"ID": [1, 2], "STARS": [1, 2]}


def test_push_query_over_a_stream_appends_and_over_an_aggregate_keeps_one_row_a_key() -> None:
    with workspace(ratings=1) as nb:
        stream = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES;")
        table = live(nb, "SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL EMIT CHANGES;")
        assert (stream.is_table, table.is_table, table.key_columns) == (False, True, 1)
        for part in (THREE[:2], THREE[2:]):
            before = (stream.feed.snapshot().version, table.feed.snapshot().version)
            put(nb, "ratings", part)
            assert stream.feed.wait(before[0], 10) and table.feed.wait(before[1], 10)
        assert stream.feed.snapshot().rows == [(1,), (2,), (3,)]
        assert sorted(table.feed.snapshot().rows) == [("ios", 1), ("web", 2)]


def test_push_query_over_a_materialised_table_starts_with_its_changelog() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        put(nb, "ratings", THREE)
        run(nb)
        query = live(nb, "SELECT * FROM COUNTS WHERE N > 1 EMIT CHANGES;")
        assert query.feed.wait(0, 10)
        assert query.feed.snapshot().rows == [("web", 2)]


def test_stop_ends_the_thread_and_keeps_what_was_shown() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES;")
        put(nb, "ratings", THREE)
        assert query.feed.wait(0, 10)
        query.stop()
        assert query.wait(0) and nb.lives() == []
        assert query.name not in " ".join(t.name for t in threading.enumerate())
        assert len(query.arrow()) == 3
        query.stop()


def test_a_slow_reader_sees_the_newest_rows_and_the_whole_count() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES;")
        put(nb, "ratings", [(i, {"STARS": 1}) for i in range(12_000)])
        seen = 0
        while query.feed.total < 12_000:
            assert query.feed.wait(seen, 10)
            seen = query.feed.snapshot().version
        snapshot = query.feed.snapshot()
        assert (snapshot.total, len(snapshot.rows), snapshot.rows[-1]) == (12_000, 10_000, (11_999,))


def test_push_query_survives_records_that_do_not_decode() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES LIMIT 2;")
        put(nb, "ratings", [THREE[0], (2, b"{broken"), THREE[2]])
        assert query.wait(10)
        assert query.feed.snapshot().rows == [(1,), (3,)]


def test_push_query_reports_why_it_failed() -> None:
    with workspace(ratings=1) as nb:
        query = live(nb, "SELECT ID FROM RATINGS EMIT CHANGES;")
        nb.pipeline.engine.log.delete_topic("ratings")
        nb.pipeline.engine.appended()
        assert query.wait(10)
        assert query.state == "ERROR" and "ratings" in (query.error or "")


def test_pull_query_looks_up_a_materialised_table() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        put(nb, "ratings", THREE)
        assert rows(nb, "SELECT * FROM COUNTS;") == []
        run(nb)
        assert rows(nb, "SELECT N, N * 2 AS M FROM COUNTS WHERE CHANNEL = 'web';") == [(2, 4)]


def test_pull_query_counts_the_rows_of_tables() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        nb(
            "CREATE TABLE WINDOWS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WINDOW TUMBLING (SIZE 1 HOUR)"
            " GROUP BY CHANNEL;"
        )
        put(nb, "ratings", THREE)
        run(nb)
        assert rows(nb, "SELECT COUNT(*), SUM(N) FROM COUNTS;") == [(2, 3)]
        assert rows(nb, "SELECT COUNT(*) FROM WINDOWS;") == [(2,)]


def test_pull_query_on_windows_sees_their_bounds() -> None:
    with workspace(ratings=1) as nb:
        nb(RECENT)
        put(nb, "ratings", [(1, {"CHANNEL": "web"}, 100), (2, {"CHANNEL": "web"}, 2500)])
        run(nb)
        assert rows(nb, "SELECT * FROM RECENT WHERE CHANNEL = 'web' AND WINDOWSTART > 1000;") == [
            ("web", 2000, 3000, 1)
        ]


def test_pull_query_reads_a_stream_to_its_end_whatever_the_batch() -> None:
    with workspace(ratings=2, max_batch_records=2) as nb:
        put(nb, "ratings", [(i, {"STARS": i}) for i in range(7)])
        result = nb("SELECT ID FROM RATINGS WHERE STARS > 1;")
        assert isinstance(result, Rows)
        assert (sorted(result.rows), result.final_message) == ([(2,), (3,), (4,), (5,), (6,)], "Query Completed")
        limited = nb("SELECT ID FROM RATINGS LIMIT 3;")
        assert isinstance(limited, Rows) and (len(limited.rows), limited.final_message) == (3, "Limit Reached")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT * FROM USERS;", "isn't queryable"),
        ("SELECT CHANNEL, COUNT(*) FROM RATINGS GROUP BY CHANNEL;", "Pull queries don't support GROUP BY"),
        ("SELECT * FROM RATINGS R JOIN USERS U ON R.ID = U.ID;", "Pull queries don't support JOIN"),
        ("SELECT * FROM RATINGS PARTITION BY STARS;", "PARTITION BY"),
        ("SELECT * FROM RATINGS ORDER BY STARS;", "line 1:29: Syntax Error"),
        ("SELECT DISTINCT STARS FROM RATINGS EMIT CHANGES;", "Syntax error at or near 'DISTINCT'"),
        ("SELECT ID FROM RATINGS UNION ALL SELECT ID FROM USERS;", "line 1:30: Syntax Error"),
        ("SELECT ID FROM (SELECT ID FROM RATINGS) EMIT CHANGES;", "line 1:16: Syntax Error"),
    ],
)
def test_pull_queries_refuse_what_ksqldb_refuses_where_only_its_language_counts(text: str, message: str) -> None:
    with workspace(ratings=1, strict=True) as nb:
        nb(USERS)
        with pytest.raises(KsqlError, match=message):
            nb(text)
