"""The statements of the talk of 2018, exactly as its slides have them."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from tests.pipelines import rows, workspace

SOURCES = """
CREATE STREAM RATINGS (RATING_ID BIGINT, USER_ID INT, STARS INT, CHANNEL VARCHAR, MESSAGE VARCHAR)
  WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE CUSTOMERS (ID INT PRIMARY KEY, EMAIL VARCHAR, CLUB_STATUS VARCHAR)
  WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM SYSLOG (HOST VARCHAR, MESSAGE VARCHAR) WITH (KAFKA_TOPIC='syslog', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM CLICKSTREAM (USERID INT, PAGE VARCHAR, ACTION VARCHAR)
  WITH (KAFKA_TOPIC='clickstream', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE TABLE USERS (USER_ID INT PRIMARY KEY, LEVEL VARCHAR)
  WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM AUTHORIZATION_ATTEMPTS (CARD_NUMBER VARCHAR)
  WITH (KAFKA_TOPIC='attempts', VALUE_FORMAT='JSON', PARTITIONS=1);
CREATE STREAM PAGEVIEWS_JSON (USERID VARCHAR, PAGEID VARCHAR)
  WITH (KAFKA_TOPIC='pageviews', VALUE_FORMAT='JSON', PARTITIONS=1);
"""

PRINTED = """
CREATE STREAM POOR_RATINGS AS SELECT * FROM ratings WHERE STARS < 3;
CREATE STREAM SYSLOG_INVALID_USERS AS SELECT HOST, MESSAGE FROM SYSLOG WHERE MESSAGE LIKE '%Invalid user%';
CREATE STREAM vip_actions AS
  SELECT userid, page, action FROM clickstream c LEFT JOIN users u ON c.userid = u.user_id WHERE u.level = 'Platinum';
CREATE TABLE possible_fraud AS
  SELECT card_number, count(*) FROM authorization_attempts WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY card_number
  HAVING count(*) > 3;
"""


def test_statements_run_as_printed() -> None:
    with workspace() as nb:
        nb(SOURCES + PRINTED)
        assert [row[3] for row in rows(nb, "SHOW QUERIES;")] == [
            "POOR_RATINGS", "SYSLOG_INVALID_USERS", "VIP_ACTIONS", "POSSIBLE_FRAUD",
        ]  # fmt: skip
        assert rows(nb, "DESCRIBE possible_fraud;") == [
            ("CARD_NUMBER", "STRING  (primary key)"),
            ("KSQL_COL_0", "BIGINT"),
        ]


@pytest.mark.parametrize(
    ("printed", "hint"),
    [
        (
            "CREATE STREAM J AS SELECT * FROM RATINGS LEFT JOIN CUSTOMERS ON R.ID = C.ID;",
            "to call RATINGS R, write RATINGS R where it is read.",
        ),
        (
            "CREATE STREAM J AS SELECT * FROM RATINGS R LEFT JOIN CUSTOMERS C ON R.ID = C.ID;",
            "R has RATING_ID, USER_ID, STARS, CHANNEL, MESSAGE.",
        ),
        (
            "CREATE STREAM UNHAPPY_PLATINUM_CUSTOMERS AS SELECT * FROM RATINGS_WITH_CUSTOMER_DATA WHERE STARS < 3;",
            "did you mean R_STARS?",
        ),
        (
            "CREATE STREAM V AS SELECT userid FROM clickstream c LEFT JOIN users u ON c.userid = u.user_id"
            " WHERE u.level = \"Platinum';",
            "texts stand in single quotes: 'Platinum'",
        ),
        (
            "CREATE STREAM pageviews WITH (PARTITIONS=4, VALUE_FORMAT='AVRO') AS SELECT * FROM pageviews_json;",
            "use one of DELIMITED, JSON",
        ),
    ],
)
def test_statement_that_cannot_run_as_printed_leads_to_the_form_that_does(printed: str, hint: str) -> None:
    with workspace() as nb:
        nb(SOURCES)
        nb("CREATE STREAM RATINGS_WITH_CUSTOMER_DATA AS"
           " SELECT * FROM RATINGS R LEFT JOIN CUSTOMERS C ON R.USER_ID = C.ID;")  # fmt: skip
        with pytest.raises(KsqlError) as refused:
            nb(printed)
        assert refused.value.span is not None and refused.value.hint is not None
        assert refused.value.hint.startswith(hint)
