"""Devices that connect to the wireless access points of a house."""

from __future__ import annotations

import numpy as np

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, integers

__all__ = ["ACCESS_POINTS"]

ACCESS_POINT_NAMES = ("Unifi AP - Attic", "Unifi AP - Study")
DEVICES = (
    ("Attic lights plug", "Espressi", 3),
    ("Study light", "Espressi", 2),
    ("Fire 01 (Red)", "AmazonTe", 12),
    ("Fire 02 (Yellow)", "AmazonTe", 10),
    ("Robin's iPhone", "Apple", 9),
    ("Robin's Kindle", "AmazonTe", 6),
    ("Kitchen radio", "SlimDevi", 4),
    ("Hall thermostat", "NestLabs", 3),
)
"""Name, device type, and how often it connects relative to the others."""

FIRST_EXTRACT_MS = 1_520_121_600_000  # 2018-03-04
EXTRACT_STEP_MS = 180_000
"""EXTRACT_TS moves on by three minutes a record, so that a chart by day has days to show within minutes."""


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    weights = np.array([weight for _, _, weight in DEVICES], dtype=np.float64)
    devices = rng.choice(len(DEVICES), rows, p=weights / weights.sum())
    return Records(
        (
            Field("AP_NAME", choices(ACCESS_POINT_NAMES, rng.integers(0, len(ACCESS_POINT_NAMES), rows))),
            Field("USER_DEVICE_NAME", choices([name for name, _, _ in DEVICES], devices)),
            Field("DEVICE_TYPE", choices([kind for _, kind, _ in DEVICES], devices)),
            Field("SIGNAL_DBM", integers(-rng.integers(35, 90, rows))),
            Field("EXTRACT_TS", integers(FIRST_EXTRACT_MS + draw.index * EXTRACT_STEP_MS)),
        )
    )


ACCESS_POINTS = Quickstart(
    name="access_points",
    title="devices that connect to access points; EXTRACT_TS walks through March 2018, three minutes a record",
    declaration=(
        "CREATE STREAM ACCESS_POINTS (AP_NAME VARCHAR, USER_DEVICE_NAME VARCHAR, DEVICE_TYPE VARCHAR, SIGNAL_DBM INT,"
        " EXTRACT_TS BIGINT) WITH (KAFKA_TOPIC='access_points', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
)
