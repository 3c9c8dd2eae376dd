"""Devices that connect to the wireless access points of a house."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from streamnb.connectors.quickstarts.base import Draw, Field, Ints, Quickstart, Records, choices, integers

__all__ = ["ACCESS_POINTS"]

ACCESS_POINT_NAMES = ("Unifi AP - Attic", "Unifi AP - Study")
DEVICES = (
    ("Attic lights plug", "Espressi", 3, 0.0),
    ("Study light", "Espressi", 2, 1.0),
    ("Fire 01 (Red)", "AmazonTe", 12, 0.4),
    ("Fire 02 (Yellow)", "AmazonTe", 10, 0.7),
    ("Robin's iPhone", "Apple", 9, 0.6),
    ("Robin's Kindle", "AmazonTe", 6, 0.2),
    ("Kitchen radio", "SlimDevi", 4, 0.9),
    ("Hall thermostat", "NestLabs", 3, 0.5),
)
"""Name, device type, how often it connects relative to the others, and how often of these to the study."""

FIRST_EXTRACT_MS = 1_520_121_600_000  # 2018-03-04, a Sunday
DAY_MS = 86_400_000
DAY_COUNTS = (
    *(640, 410, 380, 455, 400, 505, 690),
    *(575, 350, 465, 390, 310, 540, 610),
    *(705, 430, 495, 370, 445, 560, 655),
    *(520, 395, 405, 480, 360, 455, 445),
)
"""Connections on each day of four weeks, 480 on the average: so a chart by day has days to show within minutes."""

HOUR_WEIGHTS = (2, 1, 1, 1, 1, 2, 5, 8, 7, 5, 4, 4, 5, 5, 4, 5, 7, 9, 11, 12, 11, 9, 6, 4)
"""How busy the hours of a day are, relative to each other."""

_DAY_ENDS = np.cumsum(DAY_COUNTS)
_HOUR_ENDS = np.concatenate(([0], np.cumsum(HOUR_WEIGHTS))) / sum(HOUR_WEIGHTS)

Floats = npt.NDArray[np.float64]


def _draw(draw: Draw) -> Records:
    rng = draw.rng
    day, extract_ms = _moments(draw.index, rng.random(draw.rows))
    devices = _devices(day, rng.random(draw.rows))
    in_study = rng.random(draw.rows) < np.array([share for *_, share in DEVICES])[devices]
    return Records(
        (
            Field("AP_NAME", choices(ACCESS_POINT_NAMES, in_study.astype(np.int64))),
            Field("USER_DEVICE_NAME", choices([name for name, *_ in DEVICES], devices)),
            Field("DEVICE_TYPE", choices([kind for _, kind, *_ in DEVICES], devices)),
            Field("SIGNAL_DBM", integers(-rng.integers(35, 90, draw.rows))),
            Field("EXTRACT_TS", integers(extract_ms)),
        )
    )


def _moments(index: Ints, shares: Floats) -> tuple[Ints, Ints]:
    """Return the day of each record, counted from the first, and its time: it goes up with the record's number."""
    cycle, place = np.divmod(index, _DAY_ENDS[-1])
    of_cycle = np.searchsorted(_DAY_ENDS, place, side="right")
    counts = np.array(DAY_COUNTS)[of_cycle]
    nth = place - (_DAY_ENDS[of_cycle] - counts)
    hours = np.interp((nth + shares) / counts, _HOUR_ENDS, np.arange(25))
    day = cycle * len(DAY_COUNTS) + of_cycle
    return day, FIRST_EXTRACT_MS + day * DAY_MS + np.floor(hours / 24 * DAY_MS).astype(np.int64)


def _devices(day: Ints, shares: Floats) -> Ints:
    """Choose a device for each record; each has its busy and its quiet days."""
    number = np.arange(len(DEVICES))
    mood = 1 + 0.6 * np.sin(np.outer(day, 1 + 0.7 * number) + 2 * number)
    ends = np.cumsum(mood * np.array([weight for _, _, weight, _ in DEVICES]), axis=1)
    chosen: Ints = (shares[:, None] * ends[:, -1:] >= ends).sum(axis=1)
    return chosen


ACCESS_POINTS = Quickstart(
    name="access_points",
    title="devices that connect to access points; EXTRACT_TS walks through March 2018, some 480 records a day",
    declaration=(
        "CREATE STREAM ACCESS_POINTS (AP_NAME VARCHAR, USER_DEVICE_NAME VARCHAR, DEVICE_TYPE VARCHAR, SIGNAL_DBM INT,"
        " EXTRACT_TS BIGINT) WITH (KAFKA_TOPIC='access_points', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
)
