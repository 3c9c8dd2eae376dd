"""SELECT over history: what it reads, what it refuses, and how it says so."""

from __future__ import annotations

import decimal
from collections.abc import Iterator
from typing import Any

import pytest

from streamnb.clock import ManualClock
from streamnb.duck import Sql
from streamnb.errors import KsqlError, KsqlStatementError, StreamnbError
from streamnb.results import Rows
from streamnb.schema import BIGINT, DOUBLE, INTEGER, STRING
from streamnb.store import Store
from streamnb.workspace import Workspace
from tests.pipelines import put, rows, run, workspace

RATINGS = [
    (1, {"STARS": 4, "CHANNEL": "ios"}, 1000),
    (2, {"STARS": 1, "CHANNEL": "web"}, 2000),
    (3, {"STARS": 2, "CHANNEL": "ios"}, 12_000),
    (4, {"STARS": None, "CHANNEL": "web"}, 13_000),
]


@pytest.fixture(scope="module")
def nb() -> Iterator[Workspace]:
    """A pipeline with a stream, a plain table, and an unwindowed and a windowed aggregate."""
    with workspace(ratings=2, max_batch_records=3) as nb:
        nb("""
            CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;
            CREATE TABLE RECENT AS
              SELECT CHANNEL, COUNT(*) AS N FROM RATINGS WINDOW TUMBLING (SIZE 10 SECONDS) GROUP BY CHANNEL;
            CREATE TABLE USERS (ID INT PRIMARY KEY, NAME VARCHAR, `nick` VARCHAR)
              WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON', PARTITIONS=1);
        """)
        put(nb, "ratings", RATINGS)
        put(
            nb,
            "users",
            [(1, {"NAME": "a"}), (1, {"NAME": "b", "nick": "x"}), (2, {"NAME": "c"}), (2, None), (None, {})],
        )
        put(nb, "ratings", [(9, b"{broken"), (5, None)])
        run(nb)
        yield nb


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT CHANNEL, SUM(STARS) FROM RATINGS GROUP BY CHANNEL ORDER BY CHANNEL", [("ios", 6), ("web", 1)]),
        ("select distinct channel from ratings order by 1", [("ios",), ("web",)]),
        ("SELECT ID, NAME, `nick` FROM USERS ORDER BY ID", [(1, "b", "x")]),
        ("SELECT * FROM COUNTS ORDER BY N, CHANNEL", [("ios", 2), ("web", 2)]),
        (
            "SELECT * FROM RECENT ORDER BY WINDOWSTART, CHANNEL",
            [("ios", 0, 10_000, 1), ("web", 0, 10_000, 1), ("ios", 10_000, 20_000, 1), ("web", 10_000, 20_000, 1)],
        ),
        (
            "SELECT R.ID, U.NAME FROM RATINGS R LEFT JOIN USERS U ON U.ID = R.ID ORDER BY ALL LIMIT 2",
            [(1, "b"), (2, None)],
        ),
        ("SELECT ID FROM RATINGS UNION ALL SELECT ID FROM USERS ORDER BY 1 DESC LIMIT 2", [(4,), (3,)]),
        ("WITH RATINGS AS (SELECT * FROM RATINGS WHERE STARS > 1) SELECT ID FROM ratings ORDER BY 1", [(1,), (3,)]),
        ("SELECT ID FROM RATINGS WHERE STARS = (SELECT MAX(STARS) FROM RATINGS)", [(1,)]),
        ("SELECT ID, RANK() OVER (ORDER BY STARS DESC) AS R FROM RATINGS QUALIFY R = 1 ORDER BY ID", [(1, 1)]),
        (
            "SELECT MAX(ROWTIME), COUNT(DISTINCT ROWPARTITION), MAX(ROWOFFSET) >= 1 FROM RATINGS ORDER BY 1",
            [(13_000, 2, True)],
        ),
        ('SELECT COUNT(*) FROM topic."ratings" ORDER BY 1', [(6,)]),
        ("SELECT decode(VALUE) FROM topic.ratings WHERE TRY(decode(VALUE)) LIKE '{b%' ORDER BY 1", [("{broken",)]),
        (
            "SELECT TYPE, TOPIC, RECORD_B64 IS NULL FROM KSQL_PROCESSING_LOG ORDER BY ALL LIMIT 1",
            [(0, "ratings", False)],
        ),
        ("FROM (VALUES (1), (2)) t(x) SELECT SUM(x) ORDER BY 1", [(3,)]),
        ("WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT SUM(i) FROM n", [(10,)]),
        ("SELECT x FROM generate_series(1, 3) AS g(x) ORDER BY x DESC LIMIT 1", [(3,)]),
        ("SELECT list_transform([1, 2], lambda x: x + 1), {'a': 1}.a ORDER BY 1", [([2, 3], 1)]),
    ],
)
def test_select_over_history_reads_every_kind_of_source(nb: Workspace, text: str, expected: list[object]) -> None:
    assert rows(nb, text) == expected


def test_columns_are_named_as_written_and_folded_like_the_stream_sql(nb: Workspace) -> None:
    result = nb.sql('select channel, count(*), avg(stars) as mean, 1 as "one" from ratings group by channel')
    assert result.columns == (("CHANNEL", STRING), ("COUNT(*)", BIGINT), ("MEAN", DOUBLE), ("one", INTEGER))


def test_wide_integers_become_bigint_when_they_fit_and_decimal_when_not(nb: Workspace) -> None:
    result = nb.sql("SELECT SUM(STARS) AS A, SUM(9000000000000000000) AS B FROM RATINGS")
    assert [str(type_) for _, type_ in result.columns] == ["BIGINT", "DECIMAL(38, 0)"]
    assert result.rows == [(7, decimal.Decimal(36_000_000_000_000_000_000))]


def test_result_converts_to_pandas_and_arrow(nb: Workspace) -> None:
    result = nb.sql("SELECT ID, CHANNEL FROM RATINGS ORDER BY ID LIMIT 1")
    assert result.df().to_dict("records") == [{"ID": 1, "CHANNEL": "ios"}]
    assert result.arrow().column_names == ["ID", "CHANNEL"]


def test_records_that_do_not_decode_are_counted_in_the_answer(nb: Workspace) -> None:
    result = nb.sql("SELECT COUNT(*) FROM RATINGS")
    assert result.rows == [(4,)]
    assert result.final_message is not None and result.final_message.startswith("1 records could not be decoded")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL HAVING COUNT(*) > 1", [("ios", 2), ("web", 2)]),
        ("SELECT R.ID, U.NAME FROM RATINGS R JOIN USERS U ON U.ID = R.ID", [(1, "b")]),
        ("SELECT ID, NAME FROM USERS", [(1, "b")]),  # ksqlDB calls it not queryable
        ("SELECT ID, STRUCT_PACK(a := ID).a AS A FROM USERS", [(1, 1)]),
        ("SELECT MAX(ID) OVER () FROM USERS", [(1,)]),
    ],
)
def test_what_pull_queries_refuse_is_answered_over_history(
    nb: Workspace, text: str, expected: list[tuple[object, ...]]
) -> None:
    result = nb(text)
    assert isinstance(result, Rows) and sorted(result.rows) == expected
    assert sorted(nb.sql(text).rows) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT STARZ, COUNT(*) FROM RATINGS GROUP BY STARZ", "column STARZ does not exist"),
        ("SELECT STARZ FROM RATINGS", "column STARZ is not in stream RATINGS"),
        ("SELECT ID FROM RATINGS WINDOW TUMBLING (SIZE 1 DAY) GROUP BY ID", "Pull queries don't support WINDOW"),
        ("SELECT ID FROM (SELECT ID FROM RATINGS EMIT CHANGES)", "Pull queries don't support SELECT in FROM"),
        ("SELECT ID FROM RATINGS LIMIT -1", "Pull queries don't support negative integers"),
    ],
)
def test_error_is_the_more_helpful_one_where_neither_answers(nb: Workspace, text: str, message: str) -> None:
    with pytest.raises(StreamnbError) as refused:
        nb(text)
    assert message in refused.value.render()


def test_pull_queries_stay_ours(nb: Workspace) -> None:
    result = nb("SELECT * FROM COUNTS WHERE CHANNEL = 'ios';")
    assert isinstance(result, Rows) and result.rows == [("ios", 2)] and result.key_columns == 1


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * FROM read_csv('/etc/passwd') ORDER BY 1",
        "SELECT read_text('/etc/passwd') ORDER BY 1",
        "SELECT * FROM '/etc/passwd' ORDER BY 1",
        "SELECT getenv('HOME') ORDER BY 1",
        "SELECT * FROM glob('/*') ORDER BY 1",
        "SELECT * FROM duckdb_settings() ORDER BY 1",
        "SELECT * FROM duckdb_secrets ORDER BY 1",
        "SELECT * FROM pragma_database_size() ORDER BY 1",
        "SELECT * FROM sqlite_master ORDER BY 1",
        "SELECT * FROM information_schema.tables ORDER BY 1",
        "SELECT * FROM streamnb.statements ORDER BY 1",
        "SELECT * FROM log.topic ORDER BY 1",
        'SELECT * FROM temp."history:RATINGS" ORDER BY 1',
        "SELECT * FROM query('SELECT 1') ORDER BY 1",
        "SELECT * FROM query_table('RATINGS') ORDER BY 1",
        "SELECT nextval('x') ORDER BY 1",
        "SELECT current_setting('memory_limit') ORDER BY 1",
        "SELECT main.getenv('HOME') ORDER BY 1",
        "SELECT ID FROM RATINGS ORDER BY (SELECT getenv('HOME'))",
        "WITH x AS (SELECT * FROM read_json('a')) SELECT * FROM x",
        "SELECT list_transform(['a'], lambda x: read_text(x)) ORDER BY 1",
        "SELECT json_execute_serialized_sql('{}') ORDER BY 1",
        "SELECT write_log('x') ORDER BY 1",
        "SELECT * FROM RATINGS, LATERAL (SELECT * FROM read_blob('x')) ORDER BY 1",
    ],
)
def test_nothing_reaches_files_settings_or_the_engines_own_tables(nb: Workspace, text: str) -> None:
    for door in (nb, nb.sql):
        with pytest.raises(KsqlError, match=r"does not exist|Can't find any functions"):
            door(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1; SELECT 2",
        "DROP STREAM RATINGS",
        "COPY RATINGS TO 'x'",
        "ATTACH 'x'",
        "SET threads = 1",
        "WITH x AS (SELECT 1) INSERT INTO COUNTS SELECT * FROM x",
        "WITH x AS (DELETE FROM COUNTS RETURNING *) SELECT * FROM x",
        "SELECT * FROM (DESCRIBE RATINGS)",
        "SELECT * FROM (SHOW TABLES)",
        "SELECT $1",
        "SELECT ?",
        "",
    ],
)
def test_sql_takes_one_select_and_nothing_else(nb: Workspace, text: str) -> None:
    with pytest.raises(KsqlError):
        nb.sql(text)
    assert len(nb.sql("SELECT * FROM COUNTS").rows) == 2


def test_names_and_literals_cannot_break_out(nb: Workspace) -> None:
    assert nb.sql("""SELECT 'it''s"; DROP TABLE x; --' AS "a""b" """).rows == [("it's\"; DROP TABLE x; --",)]


@pytest.mark.parametrize(
    ("text", "rendered"),
    [
        (
            "SELECT ID, STARZ\nFROM RATINGS ORDER BY ID",
            "error: column STARZ does not exist\n  1 | SELECT ID, STARZ\n    |            ^^^^^\n"
            "hint: did you mean STARS? columns here: ID, STARS, CHANNEL.",
        ),
        (
            "SELECT * FROM RATING ORDER BY ID",
            "error: stream or table RATING does not exist\n  1 | SELECT * FROM RATING ORDER BY ID\n"
            "    |               ^^^^^^\nhint: did you mean RATINGS? streams and tables here: "
            "COUNTS, KSQL_PROCESSING_LOG, RATINGS, RECENT, USERS.",
        ),
        (
            "SELECT UCAS(CHANNEL) FROM RATINGS ORDER BY 1",
            "error: function UCAS is not one of DuckDB's\n  1 | SELECT UCAS(CHANNEL) FROM RATINGS ORDER BY 1\n"
            "    |        ^^^^\nhint: did you mean UCASE? over history there are DuckDB's functions that compute; "
            "none reaches files or settings.",
        ),
        (
            "SELECT * FROM topic.rating ORDER BY 1",
            "error: topic RATING does not exist\n  1 | SELECT * FROM topic.rating ORDER BY 1\n"
            "    |                     ^^^^^^\nhint: did you mean ratings? topics here: COUNTS, RECENT, "
            "ksql_processing_log, ratings, users.",
        ),
        (
            "WITH x AS (SELECT 1) SELECT * FROM x LIMIT 1 2",
            "error: syntax error at or behind '2'\n  1 | WITH x AS (SELECT 1) SELECT * FROM x LIMIT 1 2\n"
            "    |                                              ^\n"
            "hint: this is read as a SELECT of DuckDB's over history; look at the word before.",
        ),
        (
            "SELECT STARS FRM RATINGS",
            "error: FRM is not expected here\n  1 | SELECT STARS FRM RATINGS\n"
            "    |              ^^^\nhint: did you mean FROM?",
        ),
    ],
)
def test_errors_point_into_the_text(nb: Workspace, text: str, rendered: str) -> None:
    with pytest.raises(KsqlError) as refused:
        nb(text)
    assert refused.value.render() == rendered


def test_comments_do_not_reach_duckdb(nb: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    ran = Store.rows

    def rows_seen(store: Store, text: Sql, *rest: Any) -> list[tuple[Any, ...]]:
        seen.append(text)
        return ran(store, text, *rest)

    monkeypatch.setattr(Store, "rows", rows_seen)

    result = rows(nb, "SELECT STARS /* secret */ + 1 /* secret */ FROM RATINGS -- secret\n ORDER BY 1;")

    assert result
    assert not [text for text in seen if "secret" in text]


def test_a_nul_character_is_refused(nb: Workspace) -> None:
    with pytest.raises(KsqlStatementError, match="NUL character"):
        nb.sql("SELECT 'a\x00b'")


def test_errors_in_a_script_point_at_their_line(nb: Workspace) -> None:
    with pytest.raises(KsqlStatementError) as refused:
        nb("SHOW STREAMS;\nSELECT DISTINCT STARZ FROM RATINGS;")
    assert "  2 | SELECT DISTINCT STARZ FROM RATINGS;\n    |                 ^^^^^" in refused.value.render()


def test_history_sees_one_tick_in_all_its_relations() -> None:
    with workspace(ratings=1) as nb:
        nb("CREATE TABLE COUNTS AS SELECT CHANNEL, COUNT(*) AS N FROM RATINGS GROUP BY CHANNEL;")
        put(nb, "ratings", RATINGS)
        query = "SELECT (SELECT COUNT(*) FROM RATINGS), (SELECT COALESCE(SUM(N), 0) FROM COUNTS) ORDER BY 1"
        assert rows(nb, query) == [(4, 0)]
        run(nb)
        assert rows(nb, query) == [(4, 4)]


def test_a_pull_query_with_a_wrong_limit_is_told_so_by_our_grammar(nb: Workspace) -> None:
    with pytest.raises(KsqlError, match="LIMIT") as refused:
        nb("SELECT * FROM COUNTS LIMIT some;")
    assert "Binder" not in refused.value.message


def test_what_ksqldb_rejects_is_rejected_without_history() -> None:
    strict = Workspace("memory://", clock=ManualClock(0), settings={}, start=False, history=False)
    with strict as nb:
        with pytest.raises(KsqlError, match="Syntax Error"):
            nb("SELECT * FROM KSQL_PROCESSING_LOG ORDER BY ROWTIME;")
        assert nb.sql("SELECT * FROM KSQL_PROCESSING_LOG ORDER BY ROWTIME").rows == []
