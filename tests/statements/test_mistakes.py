"""What a newcomer gets wrong: every rendering points at the place and says what to do."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from streamnb.errors import StreamnbError
from streamnb.workspace import Workspace
from tests.pipelines import workspace

SOURCES = """
CREATE STREAM RATINGS (RATING_ID BIGINT, USER_ID INT, STARS INT, CHANNEL VARCHAR, MESSAGE VARCHAR)
  WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE CUSTOMERS (ID INT PRIMARY KEY, NAME VARCHAR) WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM POOR AS SELECT * FROM RATINGS WHERE STARS < 3;
"""  # noqa: E501


@pytest.fixture(scope="module")
def nb() -> Iterator[Workspace]:
    with workspace() as opened:
        opened(SOURCES)
        yield opened


@pytest.mark.parametrize(
    ("statement", "pointed", "hint"),
    [
        ("SELCT * FROM RATINGS", "SELCT", "did you mean SELECT?"),
        ("SHOW STREAM", "STREAM", "did you mean STREAMS?"),
        ("DESC RATINGS", "DESC", "write DESCRIBE name"),
        ("DESCRIBE STREAM RATINGS", "STREAM", "leave STREAM out: DESCRIBE name"),
        ("DESCRIBE RATING", "RATING", "did you mean RATINGS?"),
        ("SELECT STARZ FROM RATINGS EMIT CHANGES", "STARZ", "did you mean STARS?"),
        ("SELECT * FROM RATINGZ EMIT CHANGES", "RATINGZ", "did you mean RATINGS?"),
        ("SELECT UPPER(CHANNEL) FROM RATINGS EMIT CHANGES", "UPPER(CHANNEL)", "write UCASE"),
        ("SELECT UCSE(CHANNEL) FROM RATINGS EMIT CHANGES", "UCSE(CHANNEL)", "did you mean UCASE"),
        ("SELECT IF(STARS > 3, 1, 2) FROM RATINGS EMIT CHANGES", "IF(STARS > 3, 1, 2)", "write CASE WHEN"),
        ("SELECT CHANNEL FROM RATINGS WHERE COUNT(*) > 3 EMIT CHANGES", "COUNT(*)", "aggregates stand in SELECT"),
        ('SELECT * FROM RATINGS WHERE CHANNEL = "web" EMIT CHANGES', '"web"', "a text is written 'web'."),
        ("SELECT * FROM RATINGS WHERE CHANNEL == 'web' EMIT CHANGES", "=", "equality is written with one ="),
        ("SELECT * FROM RATINGS WHERE CHANNEL = NULL EMIT CHANGES", "CHANNEL = NULL", "use IS NULL"),
        ("SELECT * FROM RATINGS WHERE STARS EMIT CHANGES", "STARS", "compare it with something"),
        ("SELECT * FROM RATINGS EMIT CHANGE", "CHANGE", "write EMIT CHANGES"),
        ("SELECT * FROM RATINGS LIMIT 5 EMIT CHANGES", "EMIT", "the order is FROM, JOIN, WINDOW"),
        ("SELECT * FROM RATINGS ORDER BY STARS EMIT CHANGES", "STARS", "add LIMIT 10"),
        ("SELECT * FROM RATINGS ORDER BY STARS LIMIT 0 EMIT CHANGES", "STARS", "each batch may renew all rows"),
        ("SELECT STARS FROM RATINGS ORDER BY 2 LIMIT 3 EMIT CHANGES", "2", "1 is STARS"),
        ("SELECT DISTINCT STARS FROM RATINGS ORDER BY CHANNEL LIMIT 3 EMIT CHANGES", "CHANNEL", "the result has STARS"),
        ("SELECT STARS FROM RATINGS UNION SELECT STARS, CHANNEL FROM RATINGS EMIT CHANGES", "SELECT STARS, CHANNEL",
         "the first SELECT has STARS"),
        ("SELECT STARS FROM RATINGS UNION ALL SELECT CHANNEL FROM RATINGS EMIT CHANGES",
         "SELECT CHANNEL FROM RATINGS", "write CAST(CHANNEL AS INTEGER)"),
        ("SELECT STARS FROM RATINGS UNION ALL SELECT ID FROM CUSTOMERS EMIT CHANGES", "SELECT ID FROM CUSTOMERS",
         "rows of a table change"),
        ("SELECT * FROM (SELECT STARS FROM RATINGS LIMIT 3) EMIT CHANGES", "(SELECT STARS FROM RATINGS LIMIT 3)",
         "which rows come first"),
        ("SELECT STARZ FROM (SELECT STARS FROM RATINGS) X EMIT CHANGES", "STARZ", "did you mean STARS? X has STARS."),
        ("CREATE STREAM X AS SELECT DISTINCT STARS FROM RATINGS", "SELECT DISTINCT STARS", "GROUP BY with"),
        ("CREATE STREAM X AS SELECT * FROM RATINGS UNION ALL SELECT * FROM RATINGS", "UNION ALL SELECT * FROM RATINGS",
         "write an INSERT INTO"),
        ("CREATE STREAM X AS SELECT * FROM (SELECT STARS FROM RATINGS)", "(SELECT STARS FROM", "CREATE a stre"),
        ("CREATE STREAM X AS SELECT * FROM RATINGS ORDER BY STARS", "STARS", "a SELECT from the"),
        ("SELECT COUNT(DISTINCT CHANNEL) FROM RATINGS EMIT CHANGES", "DISTINCT", "write COUNT_DISTINCT"),
        ("SELECT * FROM RATINGS R, CUSTOMERS C EMIT CHANGES", ",", "sources are joined with JOIN ... ON"),
        ("SELECT R.STARS FROM RATINGS EMIT CHANGES", "R.STARS", "to call RATINGS R, write RATINGS R"),
        ("SELECT * FROM CUSTOMERS C JOIN RATINGS R ON R.USER_ID = C.ID EMIT CHANGES", "JOIN RATINGS", "start with"),
        ("SELECT MESSAGE->X FROM RATINGS EMIT CHANGES", "MESSAGE->X", "a text of JSON is read by EXTRACTJSONFIELD"),
        ("SELECT CAST(STARS AS TEXT) FROM RATINGS EMIT CHANGES", "CAST(STARS AS TEXT)", "did you mean VARCHAR?"),
        ("CREATE STREAM X (A INT)", "X", "add KAFKA_TOPIC='...'"),
        ("CREATE STREAM X (A INTEGR) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON')", "A INTEGR", "did you mean INTEGER?"),
        ("CREATE STREAM X (A INT, A INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON')", "A INT", "give one of them"),
        ('CREATE STREAM X (A INT) WITH (KAFKA_TOPIC="x")', '"x"', "texts stand in single quotes: 'x'"),
        ("CREATE STREAM X (A INT) WITH (TOPIC='x', VALUE_FORMAT='JSON')", "TOPIC='x'", "did you mean KAFKA_TOPIC?"),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='x', KEY='A')", "KEY='A'", "the key is declared with the columns"),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='x', PARTITIONS=0, FORMAT='JSON')", "PARTITIONS=0", "write PART"),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON')", "KAFKA_TOPIC='x'", "topics here: "),
        ("CREATE TABLE RATINGS (A INT PRIMARY KEY) WITH (KAFKA_TOPIC='ratings')", "RATINGS", "choose another name"),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='x', PARTITIONS=1, FORMAT='JSON', RETENTION_MS=-5)",
         "RETENTION_MS=-5", "give milliseconds, or -1"),
        ("CREATE STREAM X AS (SELECT * FROM RATINGS)", "(", "leave the parentheses around the SELECT out"),
        ("CREATE STREAM poor-ratings AS SELECT * FROM RATINGS", "-", "a name with other characters stands in back"),
        ("CREATE VIEW V AS SELECT * FROM RATINGS", "VIEW", "a view that keeps itself up to date is CREATE TABLE"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) N FROM RATINGS GROUP BY CHANNEL HAVING N > 3", "N", "N names"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS GROUP BY CHANNEL WINDOW TUMBLING (SIZE 1 DAY)",
         "WINDOW", "the order is FROM"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS WINDOW TUMBLING (SIZE '5 DAYS') GROUP BY CHANNEL",
         "'5 DAYS'", "a duration stands without quotes: 5 DAYS"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS WINDOW TUMBLING (SIZE 5 WEEKS) GROUP BY CHANNEL",
         "WEEKS", "units are DAYS"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS WINDOW TUMBLING (SIZE 0 DAYS) GROUP BY CHANNEL",
         "TUMBLING", "write SIZE 1 SECOND"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS WINDOW SESSION (0 DAYS) GROUP BY CHANNEL",
         "SESSION", "write SESSION (1 SECOND)"),
        ("CREATE TABLE X AS SELECT CHANNEL, COUNT(*) FROM RATINGS GROUP BY CHANNEL EMIT FINAL", "SELECT", "add a W"),
        ("CREATE TABLE X AS SELECT CHANNEL, SUM(COUNT(*)) FROM RATINGS GROUP BY CHANNEL", "COUNT(*)", "make a table"),
        ("SELECT * FROM RATINGS WHERE STARS = 1 AND EMIT CHANGES", "CHANGES", "something is missing behind AND"),
        ("SELECT STARS, (CHANNEL FROM RATINGS EMIT CHANGES", "FROM", "close the parenthesis"),
        ("SELECT STARS) FROM RATINGS EMIT CHANGES", ")", "it closes no parenthesis"),
        ("SELECT * FROM RATINGS WINDOW TUMBLING (SIZE 1 DAY) EMIT CHANGES", "TUMBLING", "add GROUP BY"),
        ("SELECT * FROM RATINGS PARTITION BY STARS EMIT CHANGES", "STARS", "leave it out, or write CREATE STREAM"),
        ("SELECT * FROM RATINGS WHERE NOT CHANNEL EMIT CHANGES", "NOT CHANNEL", "compare it with something"),
        ("DESCRIBE FUNCTION UPPER", "UPPER", "write UCASE"),
        ("CREATE STREAM X (ROWTIME BIGINT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON')", "ROWTIME", "give the column"),
        ("CREATE STREAM X (A INT HEADERS) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='JSON')", "A INT", "write A ARRAY<"),
        ("CREATE STREAM X (A INT) WITH (KAFKA_TOPIC='x', VALUE_FORMAT='DELIMITED', VALUE_DELIMITER='ab')",
         "VALUE_DELIMITER='ab'", "write one character"),
        ("INSERT INTO RATINGS (STARZ) VALUES (1)", "STARZ", "did you mean STARS?"),
        ("INSERT INTO RATINGS (STARS, STARS) VALUES (1, 2)", "STARS", "name each column once."),
        ("INSERT INTO RATINGS (STARS, ROWOFFSET) VALUES (1, 1)", "ROWOFFSET", "leave it out; ROWTIME is the one"),
        ("INSERT INTO RATINGS (STARS) VALUES (1), (2)", ",", "INSERT takes one row"),
        ("INSERT INTO RATING (STARS) VALUES (1)", "RATING", "did you mean RATINGS?"),
        ("INSERT INTO POR SELECT * FROM RATINGS", "POR", "did you mean POOR?"),
        ("DELETE FROM RATINGS", "DELETE", "a topic only grows"),
        ("DROP STREAM CUSTOMERS", "CUSTOMERS", "write DROP TABLE CUSTOMERS;"),
        ("DROP STREAM RATINGS", "RATINGS", "drop POOR first."),
        ("DROP TABLE IF EXIST CUSTOMERS", "EXIST", "did you mean EXISTS?"),
        ("SET auto.offset.reset = 'earliest'", "auto", "settings stand in single quotes"),
        ("SET 'auto.offset.reset' = 'first'", "'auto.offset.reset'", "give latest or earliest"),
        ("PRINT RATINGS", "RATINGS", "did you mean ratings?"),
        ("TERMINATE POOR", "POOR", "did you mean CSAS_POOR_0?"),
        ("EXPLAIN POOR", "POOR", "did you mean CSAS_POOR_0?"),
        ("EXPLAIN DROP STREAM POOR", "DROP STREAM POOR", "explain a SELECT"),
        ("CREATE SINK CONNECTOR C WITH ('connector.class'='datagen')", "C", "write CREATE SOURCE CONNECTOR C"),
        ("CREATE SOURCE CONNECTOR C WITH ('zzz'='datagen')", "C", "keys: connector.class"),
        ("SELECT TRANSFORM(l, () => 1) FROM RATINGS", ")", "expected"),
        ("PRINT $topic", "$topic", "a variable is written ${name}"),
        ("SELECT STARS::TEXT FROM RATINGS EMIT CHANGES", "::TEXT", "a conversion is written CAST"),
        ("SELECT `STARS FROM RATINGS", "`STARS", "a back quote inside a name"),
        ("SELECT 'open FROM RATINGS", "'open", "a quote inside a text is written twice"),
        ("SELECT", "", "expected"),
        ("SELECT STARS, SUM(STARS) OVER (ORDER BY STARS) FROM RATINGS WERE STARS = 1", "STARS = 1", "this is read as"),
        ("ASSERT VALUES POOR (STARS) VALUES (1)", "VALUES", "ASSERT VALUES is for test files"),
    ],
)  # fmt: skip
def test_mistake_is_pointed_at_and_the_hint_leads_on(nb: Workspace, statement: str, pointed: str, hint: str) -> None:
    with pytest.raises(StreamnbError) as refused:
        nb(f"{statement};")
    error = refused.value
    assert error.text is not None and error.span is not None and error.hint is not None
    assert (error.text[error.span.start :].startswith(pointed), error.hint.startswith(hint)) == (True, True), (
        error.render()
    )
    first = error.render().splitlines()[0]
    assert first.startswith("error: ") and not first.endswith(".")
