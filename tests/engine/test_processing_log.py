"""Nothing vanishes: what goes wrong with a record is a row of the processing log."""

from __future__ import annotations

import base64

from tests.pipelines import USERS, live, put, records, rows, run, workspace

LOGGED = "SELECT TYPE, TOPIC, PARTITION, OFFSET, SIDE, MESSAGE, RECORD_B64 FROM KSQL_PROCESSING_LOG;"


def test_malformed_records_are_logged_with_place_and_bytes_and_the_good_ones_go_on() -> None:
    with workspace(ratings=2) as nb:
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        good = {"STARS": 1, "CHANNEL": "web"}
        put(nb, "ratings", [(1, good, 0, 0), (1, b"{broken", 1, 0), (1, good, 2, 0), (b"xy", good, 3, 1)])
        run(nb)
        (type_, *place, message, data), key = sorted(rows(nb, LOGGED), key=lambda row: row[2])
        assert (type_, place, base64.b64decode(data)) == (0, ["ratings", 0, 1, "value"], b"{broken")
        assert message
        assert key[:5] == (0, "ratings", 1, 0, "key")
        assert [off for _, off, *_ in records(nb, "ratings")][-1] == 0
        assert len(records(nb, "COPY")) == 2


def test_a_failing_expression_is_null_and_logged_with_the_place_of_its_record() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM D AS SELECT ID, 10 / STARS AS Q FROM RATINGS;")
        put(nb, "ratings", [(1, {"STARS": 5}), (2, {"STARS": 0}), (3, {"STARS": 2})])
        run(nb)
        assert [value["Q"] for *_, value in records(nb, "D")] == [2, None, 5]
        assert [row[:4] for row in rows(nb, LOGGED)] == [(1, "ratings", 0, 1)]


def test_errors_in_a_join_name_the_topic_of_their_record() -> None:
    with workspace(ratings=1) as nb:
        nb(USERS)
        nb("CREATE STREAM J AS SELECT R.ID, R.STARS, U.NAME FROM RATINGS R LEFT JOIN USERS U ON R.ID = U.ID;")
        put(nb, "ratings", [(1, {"STARS": 5}), (1, b"{")])
        put(nb, "u", [(1, b"nonsense")])
        run(nb)
        assert {row[1:4] for row in rows(nb, LOGGED)} == {("ratings", 0, 1), ("u", 0, 0)}


def test_each_query_logs_its_own_and_a_wrong_type_says_which() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM A AS SELECT * FROM RATINGS; CREATE STREAM B AS SELECT * FROM RATINGS;")
        put(nb, "ratings", [(1, {"STARS": "many"})])
        run(nb)
        logged = rows(nb, "SELECT LOGGER, MESSAGE FROM KSQL_PROCESSING_LOG;")
        assert sorted(row[0] for row in logged) == ["processing.CSAS_A_0", "processing.CSAS_B_1"]
        assert "STARS" in logged[0][1]


def test_the_processing_log_is_a_stream_like_others() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        query = live(nb, "SELECT TOPIC, OFFSET FROM KSQL_PROCESSING_LOG WHERE TYPE = 0 EMIT CHANGES LIMIT 1;")
        put(nb, "ratings", [(1, b"{")])
        run(nb)
        assert query.wait(10) and query.feed.snapshot().rows == [("ratings", 0)]


def test_long_records_are_cut_in_the_log() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE STREAM COPY AS SELECT * FROM RATINGS;")
        put(nb, "ratings", [(1, b"{" * 100_000)])
        run(nb)
        assert len(base64.b64decode(rows(nb, LOGGED)[0][-1])) == 4096
