"""Pieces that both ways of working out sessions share."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.backends.duckdb.aggregate_changes import judged_having
from streamnb.backends.duckdb.aggregate_layout import Layout, comma
from streamnb.duck import Sql, ident, join, lit, sql

__all__ = ["equal_rows", "if_passed", "judge", "kept_ms", "matches", "touches", "write_sessions"]


def kept_ms(layout: Layout) -> Sql:
    """How long a session is in the store after its end; for EMIT FINAL no longer than it is open."""
    window = layout.window
    return lit(window.size_ms + window.grace_ms if layout.spec.emit_final else window.retention_ms)


def matches(left: str, right: str, columns: Sequence[Sql]) -> Sql:
    return join(" AND ", [sql("{}.{} = {}.{}", Sql(left), c, Sql(right), c) for c in columns])


def touches(layout: Layout, record: str) -> Sql:
    """Whether a session (s) is in the store and within the gap of a record."""
    return sql(
        "s.we >= {record}.ts - {gap} AND s.ws <= {record}.ts + {gap} AND s.we > {record}.sb - {kept}",
        record=Sql(record),
        gap=lit(layout.window.size_ms),
        kept=kept_ms(layout),
    )


def judge(layout: Layout, changes: Sql) -> Sql:
    """Add the results, and ``pass``: whether HAVING holds (always for EMIT FINAL, which asks at the end)."""
    finished = sql("SELECT *, we AS ts, {} FROM ({})", comma(layout.named_results()), changes)
    if not layout.tracks_shown:
        return sql("SELECT *, true AS pass FROM ({})", finished)
    return sql("SELECT *, coalesce({}.v, false) AS pass FROM ({})", judged_having(layout), finished)


def write_sessions(layout: Layout, changed: Sql) -> Sql:
    """Insert the changed rows that a condition of the caller's selects."""
    values = [Sql("we") if n == "rt" else Sql("pass") if n == "shown" else ident(n) for n, _ in layout.rows.columns]
    return sql(
        "INSERT INTO {} ({}) SELECT {} FROM {}", layout.rows.name, layout.rows.column_names, comma(values), changed
    )


def equal_rows(layout: Layout, changed: Sql) -> Sql:
    """Find the stored rows that a new session replaces although it did not touch them: those past their retention."""
    return sql(
        "SELECT s.rowid FROM {} s JOIN {} n ON {}",
        layout.rows.name,
        changed,
        matches("s", "n", [*layout.keys, Sql("ws"), Sql("we")]),
    )


def if_passed(values: Sequence[Sql]) -> list[Sql]:
    return [sql("CASE WHEN pass THEN {0} END AS {0}", v) for v in values]
