"""ASSERT TOPIC and ASSERT SCHEMA."""

from __future__ import annotations

import pytest

from streamnb.errors import KsqlError
from streamnb.results import Message
from tests.pipelines import workspace


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("ASSERT TOPIC ratings;", "Topic ratings exists."),
        ("ASSERT TOPIC 'ratings' WITH (PARTITIONS=2, REPLICAS=1) TIMEOUT 0 SECONDS;", "Topic ratings exists."),
        ("ASSERT NOT EXISTS TOPIC users TIMEOUT 0 SECONDS;", "Topic users does not exist."),
    ],
)
def test_assertion_that_holds_is_confirmed(statement: str, answer: str) -> None:
    with workspace(ratings=2) as nb:
        result = nb(statement)
        assert isinstance(result, Message)
        assert result.text == answer


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("ASSERT TOPIC users TIMEOUT 0 SECONDS;", "Topic users does not exist."),
        ("ASSERT TOPIC RATINGS TIMEOUT 0 SECONDS;", "Topic RATINGS does not exist."),
        ("ASSERT NOT EXISTS TOPIC ratings TIMEOUT 1 MILLISECONDS;", "Topic ratings exists."),
        (
            "ASSERT TOPIC ratings WITH (PARTITIONS=3) TIMEOUT 0 SECONDS;",
            "Mismatched configuration for topic ratings: For config partitions, expected 3 got 2",
        ),
        ("ASSERT TOPIC ratings WITH (FOO=3);", "Cannot assert unknown topic property: FOO."),
        ("ASSERT TOPIC ratings WITH (REPLICAS='x');", "Invalid value for configuration REPLICAS: Not a number of type"),
        ("ASSERT SCHEMA SUBJECT 'ratings-value';", "Cannot check schemas: no schema registry is configured."),
        ("ASSERT SCHEMA;", "ASSERT SCHEMA needs a subject name or a schema id."),
    ],
)
def test_assertion_that_fails_says_what_there_is(statement: str, message: str) -> None:
    with workspace(ratings=2) as nb, pytest.raises(KsqlError) as refused:
        nb(statement)
    assert refused.value.message.startswith(message)
    assert refused.value.span is not None
