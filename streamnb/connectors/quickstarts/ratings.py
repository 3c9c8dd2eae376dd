"""Ratings of flights: who gave how many stars, where, and what they said."""

from __future__ import annotations

import numpy as np

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, integers
from streamnb.connectors.quickstarts.customers import CUSTOMERS

__all__ = ["RATINGS"]

CHANNELS = ("web", "ios", "android", "phone")
POOR = (
    "worst. flight. ever. #neveragain",
    "three hours late and not a word of why",
    "my bag went to another continent",
    "the seat did not recline, the one in front did",
    "no coffee left by row 12",
)
FAIR = (
    "it was fine, I suppose",
    "the landing was smooth, the boarding was not",
    "as expected, nothing more",
)
GOOD = (
    "the crew made my day",
    "early, clean and friendly: well done!",
    "best legroom I have had in years",
    "kids got to see the cockpit, thank you",
    "check-in took two minutes, will fly again",
)
MESSAGES = POOR + FAIR + GOOD
_FIRST_MESSAGE = np.array([0, 0, 0, len(POOR), len(POOR) + len(FAIR), len(POOR) + len(FAIR)])
_MESSAGE_COUNT = np.array([0, len(POOR), len(POOR), len(FAIR), len(GOOD), len(GOOD)])


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    stars = rng.integers(1, 6, rows)
    messages = _FIRST_MESSAGE[stars] + rng.integers(0, 1 << 30, rows) % _MESSAGE_COUNT[stars]
    return Records(
        (
            Field("rating_id", integers(draw.index + 1)),
            Field("user_id", integers(rng.integers(1, (CUSTOMERS.table_rows or 0) + 1, rows))),
            Field("stars", integers(stars)),
            Field("route_id", integers(rng.integers(1, 10_000, rows))),
            Field("rating_time"),
            Field("channel", choices(CHANNELS, rng.integers(0, len(CHANNELS), rows))),
            Field("message", choices(MESSAGES, messages)),
        )
    )


RATINGS = Quickstart(
    name="ratings",
    title="ratings of flights; USER_ID is a customer's ID",
    declaration=(
        "CREATE STREAM RATINGS (RATING_ID BIGINT, USER_ID INT, STARS INT, ROUTE_ID INT, RATING_TIME BIGINT,"
        " CHANNEL VARCHAR, MESSAGE VARCHAR)"
        " WITH (KAFKA_TOPIC='ratings', VALUE_FORMAT='JSON', TIMESTAMP='RATING_TIME');"
    ),
    draw=_draw,
)
