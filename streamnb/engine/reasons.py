"""Why records failed: an expression that failed inside TRY() is evaluated again, for that record alone."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.backends.duckdb.operator import Probe
from streamnb.duck import lit, sql
from streamnb.store import DatabaseError, Store, reason_of

__all__ = ["find_reasons"]

REASONS_MAX = 20
TEXT_MAX = 300


def find_reasons(
    store: Store, probes: Sequence[Probe], failed: Sequence[tuple[int, str]]
) -> dict[tuple[int, str], str]:
    """Find the reasons of the first few failures, each given by the record's number and its message.

    The record goes to a connection of its own: an error there leaves the caller's transaction alone.
    """
    reasons: dict[tuple[int, str], str] = {}
    wanted = [f for f in dict.fromkeys(failed) if any(p.message == f[1] for p in probes)][:REASONS_MAX]
    if not wanted:
        return reasons
    aside = store.cursor()
    try:
        for seq, message in wanted:
            for probe in probes:
                reason = _reason(store, aside, probe, seq) if probe.message == message else None
                if reason is not None:
                    reasons[seq, message] = reason
                    break
    finally:
        aside.close()
    return reasons


def _reason(store: Store, aside: Store, probe: Probe, seq: int) -> str | None:
    aside.register("failed_record", store.arrow(sql("SELECT * FROM {} WHERE seq = {}", probe.source, lit(seq))))
    try:
        aside.rows(sql("SELECT {} FROM failed_record", probe.expression))
    except DatabaseError as error:
        return reason_of(error)[:TEXT_MAX]
    finally:
        aside.unregister("failed_record")
    return None
