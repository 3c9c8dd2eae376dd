"""The airline's customers, as a change capture of a MySQL table would deliver them: a table, keyed by id."""

from __future__ import annotations

import numpy as np

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, int_keys, integers
from streamnb.connectors.quickstarts.people import FIRST_NAMES, LAST_NAMES

__all__ = ["CUSTOMERS"]

ROWS = 100
STATUSES = ("bronze", "silver", "gold", "platinum")
STATUS_SHARES = (0.3, 0.3, 0.2, 0.2)
GENDERS = ("Female", "Male", "Other")
COMMENTS = (
    "prefers the aisle",
    "vegetarian meals",
    "flies with a cello",
    "asks for the newest aircraft",
    "collects boarding passes",
    "always on the first flight of the day",
)
EMAILS = tuple(f"{f}.{s}@example.com".lower().replace("ö", "o") for f in FIRST_NAMES for s in LAST_NAMES)
"""The address of each pair of a first and a last name."""


def _draw(draw: Draw) -> Records:
    ids = np.where(draw.index < ROWS, draw.index + 1, draw.rng.integers(1, ROWS + 1, draw.rows))
    shared = draw.shared_rng()
    first = shared.integers(0, len(FIRST_NAMES), ROWS)[ids - 1]
    last = shared.integers(0, len(LAST_NAMES), ROWS)[ids - 1]
    gender = shared.choice(len(GENDERS), ROWS, p=(0.47, 0.47, 0.06))[ids - 1]
    return Records(
        (
            Field("id", integers(ids)),
            Field("first_name", choices(FIRST_NAMES, first)),
            Field("last_name", choices(LAST_NAMES, last)),
            Field("email", choices(EMAILS, first * len(LAST_NAMES) + last)),
            Field("gender", choices(GENDERS, gender)),
            Field("club_status", choices(STATUSES, draw.rng.choice(len(STATUSES), draw.rows, p=STATUS_SHARES))),
            Field("comments", choices(COMMENTS, draw.rng.integers(0, len(COMMENTS), draw.rows))),
        ),
        keys=int_keys(ids),
    )


CUSTOMERS = Quickstart(
    name="customers",
    title=f"a table of {ROWS} customers with their club status, then updates of it",
    declaration=(
        "CREATE TABLE CUSTOMERS (ID INT PRIMARY KEY, FIRST_NAME VARCHAR, LAST_NAME VARCHAR, EMAIL VARCHAR,"
        " GENDER VARCHAR, CLUB_STATUS VARCHAR, COMMENTS VARCHAR)"
        " WITH (KAFKA_TOPIC='customers', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
    table_rows=ROWS,
)
