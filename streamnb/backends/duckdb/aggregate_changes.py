"""The rows that an aggregation changes: partials merged with the states before, and what HAVING says of them."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_layout import GROUPED, RUNNING, Layout, comma
from streamnb.duck import Sql, ident, join, sql
from streamnb.state.tables import key_hash

__all__ = ["changed_rows", "judged_having", "with_having"]


def changed_rows(
    layout: Layout, records: Sql, *, where: Sql | None = None, found: Sql | None = None, since: Sql | None = None
) -> Sql:
    """Select the changed rows: rid (old row), ord, part, identity, rt, parts as a, old shown, and off, hdr, wi.

    Part, off, hdr and wi, which an output takes from a record, are those of the newest one, or of each where every
    change leaves the operator; these also tell whether they are their row's last, and over a table ``emit``.
    The old rows are looked up in the state, or are those of a relation ``found``; ``since`` is the start of the lowest
    window that they can have.
    """
    condition = sql(" WHERE {}", where) if where is not None else Sql("")
    rank = [ident("wi")] if layout.overlaps else []
    extra = [*rank, ident("emit")] if layout.spec.input_is_table else rank
    if layout.every:
        over = sql("PARTITION BY {} ORDER BY ord", comma(layout.identity))
        partial = sql(
            "SELECT {}, max(ts) OVER running AS rt, lead(ord) OVER ({}) IS NULL AS is_last, {} FROM {}{}"
            " WINDOW running AS ({} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            comma(layout.identity, extra, Sql("ord"), Sql("part"), Sql("off"), Sql("hdr")),
            over,
            comma(layout.partials(RUNNING)),
            records,
            condition,
            over,
        )
        carried = [*extra, Sql("off"), Sql("hdr"), Sql("is_last")]
    else:
        carried = [*rank, Sql("off"), Sql("hdr")]
        # one struct of them all would take as long as everything else
        newest = [sql("arg_max_null({0}, ord) AS {0}", c) for c in (Sql("part"), *carried)]
        partial = sql(
            "SELECT {}, max(ord) AS ord, max(ts) AS rt, {}, {} FROM {}{} GROUP BY {}",
            comma(layout.identity),
            comma(newest),
            comma(layout.partials(GROUPED)),
            records,
            condition,
            comma(layout.identity),
        )
    columns = [sql("p.{}", c) for c in (*layout.identity, Sql("ord"), Sql("part"), *carried)]
    shown = [Sql("s.shown AS was_shown")] if layout.tracks_shown else []
    bound = sql(" WHERE ws >= {}", since) if since is not None else Sql("")  # DuckDB skips what lies below
    stored, same = found or sql("(SELECT rowid AS rid, * FROM {}{})", layout.rows.name, bound), layout.identity
    if layout.hashes:
        hashed = key_hash(layout.keys)
        partial = sql("SELECT *, {} AS h FROM ({})", hashed, partial)
        columns.append(Sql("p.h"))
    if layout.hashes and found is None:
        stored = sql(
            "(SELECT rowid AS rid, * FROM {} WHERE h IN (SELECT {} FROM {}))", layout.rows.name, hashed, records
        )
        same = [Sql("h"), *same]
    return sql(
        "SELECT s.rid, {} FROM ({}) p LEFT JOIN {} s ON {}",
        comma(columns, Sql("greatest(s.rt, p.rt) AS rt"), shown, layout.merges()),
        partial,
        stored,
        join(" AND ", [sql("s.{0} = p.{0}", c) for c in same]),
    )


def with_having(layout: Layout, changes: Sql) -> Sql:
    """Add to changed rows their results, ``pass`` (HAVING holds), ``raised``, and ``prev`` (the row was shown)."""
    if layout.having is None:
        return changes
    finished = sql(
        "SELECT *, rt AS ts, {} FROM ({})",
        comma(layout.window_end(), layout.named_results()),
        changes,
    )
    before = Sql("coalesce(was_shown, false)")
    shown = Sql("pass")
    if layout.every:
        over = sql("OVER (PARTITION BY {} ORDER BY ord)", comma(layout.identity))
        before = sql("coalesce(lag(pass) {}, was_shown, false)", over)
        if layout.spec.input_is_table:
            # a step within one group is two records, of which the first one does not show
            skipped = sql("coalesce(lag(pass, 2) {}, was_shown, false)", over)
            before = sql("CASE WHEN lag(emit) {} = false THEN {} ELSE {} END", over, skipped, before)
            shown = Sql("CASE WHEN emit THEN pass ELSE prev END")
    return sql(
        "SELECT *, {} AS shown FROM (SELECT * EXCLUDE (held), {} AS prev FROM (SELECT *,"
        " coalesce(held.v, false) AS pass, held IS NULL AS raised FROM (SELECT *, {} AS held FROM ({}))))",
        shown,
        before,
        judged_having(layout),
        finished,
    )


def judged_having(layout: Layout) -> Sql:
    """HAVING in a struct, NULL when it raised."""
    if layout.having is None:
        return Sql("struct_pack(v := true)")
    return layout.having.attempt if layout.having.can_raise else sql("struct_pack(v := {})", layout.having.sql)
