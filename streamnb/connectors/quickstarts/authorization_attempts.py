"""Card payments that ask for authorization, among them bursts on one card, as a thief makes them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamnb.connectors.quickstarts.base import Draw, Field, Ints, Quickstart, Records, cents, choices, integers, text

__all__ = ["AUTHORIZATION_ATTEMPTS"]

CARDS = 10_000
MERCHANTS = ("Corner Books", "Fuel & Go", "Green Grocer", "Metro Transit", "Night Pharmacy", "Toy Barn")
CITIES = ("Austin", "Berlin", "Chennai", "Dublin", "Nairobi", "Quito")

STRETCH = 32
"""Each stretch of this many attempts holds one burst."""
BURST_ROWS = 8


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    cards = rng.integers(0, CARDS, rows)
    amounts = rng.integers(100, 50_000, rows)
    burst = _bursts(rng, rows)
    thieves = np.repeat(rng.integers(0, CARDS, rows // STRETCH), STRETCH)
    return Records(
        (
            Field("attempt_id", integers(draw.index + 1)),
            Field("card_number", text("4000-", _eight_digits(np.where(burst, thieves, cards)))),
            Field("amount", cents(np.where(burst, amounts // 10 + 100, amounts))),
            Field("merchant", choices(MERCHANTS, rng.integers(0, len(MERCHANTS), rows))),
            Field("city", choices(CITIES, rng.integers(0, len(CITIES), rows))),
            Field("attempt_time"),
        )
    )


def _bursts(rng: np.random.Generator, rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """Mark in each stretch ``BURST_ROWS`` attempts in a row, at a random place."""
    starts = np.repeat(rng.integers(0, STRETCH - BURST_ROWS, rows // STRETCH), STRETCH)
    place = np.arange(rows) % STRETCH
    return (place >= starts) & (place < starts + BURST_ROWS)


def _eight_digits(values: Ints) -> pa.Array:
    return pc.utf8_lpad(integers(values), 8, "0")


AUTHORIZATION_ATTEMPTS = Quickstart(
    name="authorization_attempts",
    title=f"card payments; bursts of {BURST_ROWS} on one card look like fraud",
    declaration=(
        "CREATE STREAM AUTHORIZATION_ATTEMPTS (ATTEMPT_ID BIGINT, CARD_NUMBER VARCHAR, AMOUNT DECIMAL(10, 2),"
        " MERCHANT VARCHAR, CITY VARCHAR, ATTEMPT_TIME BIGINT)"
        " WITH (KAFKA_TOPIC='authorization_attempts', VALUE_FORMAT='JSON', TIMESTAMP='ATTEMPT_TIME');"
    ),
    draw=_draw,
)
