"""Lines of syslog from a few hosts, some of them log-ins that somebody guesses at."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from streamnb.connectors.quickstarts.base import Draw, Field, Quickstart, Records, choices, integers, text

__all__ = ["SYSLOG"]

HOSTS = ("rpi-01", "rpi-02", "proxy-a", "db-main", "nas")
GUESSES = ("admin", "oracle", "pi", "guest", "test", "ubnt")
ROUTINE = (
    "(root) CMD (run-parts /etc/cron.hourly)",
    "Started Daily apt upgrade and clean activities.",
    "synchronized to a time server, stratum 2",
    "wlan0: link becomes ready",
    "checkpoint complete: wrote 48 buffers",
)
ROUTINE_TAGS = ("CRON", "systemd", "ntpd", "kernel", "postgres")
ROUTINE_LEVEL, SSHD_LEVEL = 6, 4
GUESS_SHARE = 0.2


def _draw(draw: Draw) -> Records:
    rng, rows = draw.rng, draw.rows
    guessed = rng.random(rows) < GUESS_SHARE
    routine = rng.integers(0, len(ROUTINE), rows)
    names = choices(GUESSES, rng.integers(0, len(GUESSES), rows))
    attack = text(
        "Invalid user ",
        pc.utf8_trim(names, '"'),
        " from 198.51.100.",
        integers(rng.integers(1, 255, rows)),
        " port ",
        integers(rng.integers(1024, 65_536, rows)),
    )
    return Records(
        (
            Field("host", choices(HOSTS, rng.integers(0, len(HOSTS), rows))),
            Field("facility", integers(np.where(guessed, 4, 3))),
            Field("level", integers(np.where(guessed, SSHD_LEVEL, ROUTINE_LEVEL))),
            Field("tag", pc.if_else(guessed, '"sshd"', choices(ROUTINE_TAGS, routine))),
            Field("message", pc.if_else(guessed, attack, choices(ROUTINE, routine))),
            Field("date"),
        )
    )


SYSLOG = Quickstart(
    name="syslog",
    title="lines of syslog; every fifth says 'Invalid user'",
    declaration=(
        "CREATE STREAM SYSLOG (HOST VARCHAR, FACILITY INT, LEVEL INT, TAG VARCHAR, MESSAGE VARCHAR, `DATE` BIGINT)"
        " WITH (KAFKA_TOPIC='syslog', VALUE_FORMAT='JSON');"
    ),
    draw=_draw,
)
