"""Users of the website, with their level: a table, keyed by user_id."""

from __future__ import annotations

import numpy as np

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, int_keys, integers
from streamnb.connectors.quickstarts.people import FIRST_NAMES

__all__ = ["USERS"]

ROWS = 40
CITIES = (
    ("Palo Alto", "en_US"), ("Leeds", "en_GB"), ("Lagos", "en_NG"), ("Lyon", "fr_FR"), ("Bremen", "de_DE"),
    ("Osaka", "ja_JP"), ("Recife", "pt_BR"), ("Pune", "en_IN"),
)  # fmt: skip
LEVELS = ("Silver", "Gold", "Platinum")


def _draw(draw: Draw) -> Records:
    ids = np.where(draw.index < ROWS, draw.index + 1, draw.rng.integers(1, ROWS + 1, draw.rows))
    shared = draw.shared_rng()
    names = shared.integers(0, len(FIRST_NAMES), ROWS)[ids - 1]
    cities = shared.integers(0, len(CITIES), ROWS)[ids - 1]
    levels = draw.rng.choice(len(LEVELS), draw.rows, p=(0.5, 0.3, 0.2))
    return Records(
        (
            Field("user_id", integers(ids)),
            Field("name", choices(FIRST_NAMES, names)),
            Field("locale", choices([locale for _, locale in CITIES], cities)),
            Field("address_city", choices([city for city, _ in CITIES], cities)),
            Field("elite", choices([level[0] for level in LEVELS], levels)),
            Field("level", choices(LEVELS, levels)),
        ),
        keys=int_keys(ids),
    )


USERS = Quickstart(
    name="users",
    title=f"a table of {ROWS} users with their level, then updates of it",
    declaration=(
        "CREATE TABLE USERS (USER_ID INT PRIMARY KEY, NAME VARCHAR, LOCALE VARCHAR, ADDRESS_CITY VARCHAR,"
        " ELITE VARCHAR, LEVEL VARCHAR) WITH (KAFKA_TOPIC='users', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
    table_rows=ROWS,
)
