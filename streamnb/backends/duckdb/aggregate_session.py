"""GROUP BY in session windows as the statements of one micro-batch.

Theory of operation. A record joins every session of its group that lies within the gap and is still in the store (by
the stream time before the record); they become one session, the old ones leave tombstones. The records of a batch and
the stored sessions of their groups fall into *islands*, more than a gap apart: nothing crosses from one to another. An
island is *plain* when each of its records, as it arrives, touches the one session that the island has so far, alive and
in time. Then the session just grows, and all plain islands are worked out at once. The others go in rounds, one record
of each island a round, by the rule itself.

Changes gather in the table ``o``: (ord, kind 0 tombstone or 1 row, window, prev = the same window was shown before).
"""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_changes import judged_having
from streamnb.backends.duckdb.aggregate_layout import Layout, comma, show
from streamnb.backends.duckdb.aggregate_records import (
    CHUNK_ROWS,
    error_rows,
    evaluate_apart,
    group_probes,
    log_failures,
    read_records,
)
from streamnb.backends.duckdb.aggregate_session_parts import kept_ms, matches
from streamnb.backends.duckdb.aggregate_session_plain import plain_steps
from streamnb.backends.duckdb.aggregate_session_rounds import rounds
from streamnb.backends.duckdb.operator import Stage
from streamnb.backends.duckdb.steps import Repeat
from streamnb.duck import Sql, lit, sql

__all__ = ["compile_sessions"]


def compile_sessions(layout: Layout, source: Sql, target: Sql) -> Stage:
    """Compile an aggregation in sessions.

    Output of each record: tombstones of the sessions it merged, in order of their end, then its session.
    """
    records, outputs = layout.table("r"), layout.table("o")
    plain = sql("SELECT * FROM {} WHERE plain", records)
    steps: list[Sql | Repeat] = [
        *evaluate_apart(layout, source),
        _timed_records(layout, source),
        _placed_records(layout),
        _empty_outputs(layout),
        sql("CREATE OR REPLACE TEMP TABLE {} (ord HUGEINT)", layout.table("l")),
    ]
    if layout.chunked:
        piece = layout.table("c")
        steps.append(
            Repeat(
                sql("SELECT max(ch) + 1 FROM {} WHERE plain", records),
                sql("CREATE OR REPLACE TEMP TABLE {} AS {} AND ch = ? - 1", piece, plain),
                tuple(plain_steps(layout, sql("SELECT * FROM {}", piece))),
            )
        )
    else:
        steps += plain_steps(layout, plain)
    steps.append(rounds(layout))
    steps.append(
        layout.clock.take(
            sql(
                "SELECT part, max(st) AS st, count(l.ord) AS late FROM {} LEFT JOIN {} l USING (ord) GROUP BY part",
                records,
                layout.table("l"),
            )
        )
    )
    if layout.spec.emit_final:
        steps += _final(layout, target)
    else:
        steps.append(_expire(layout))
        steps.append(show(target, _changelog(layout, outputs)))
    late = error_rows(
        layout,
        "the session is closed, the record is too late for it; its time: ",
        sql("(SELECT r.* FROM {} r JOIN {} USING (ord))", records, layout.table("l")),
        Sql("true"),
        Sql("ts"),
    )
    steps.append(log_failures(layout, source, [late]))
    return Stage(
        (layout.rows, layout.clock.rows),
        tuple(steps),
        layout.shape,
        late=layout.clock.late,
        view=None if layout.spec.emit_final else _view(layout),
        probes=group_probes(layout, source),
    )


def _timed_records(layout: Layout, source: Sql) -> Sql:
    """Read the records with the stream time before them (sb) and with them (st)."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, (ord >> 32)::BIGINT AS seq, greatest(sb, ts) AS st FROM"
        " (SELECT b.*,"
        " greatest(coalesce(c.st, -1), max(ts) OVER (PARTITION BY b.part ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING"
        " AND 1 PRECEDING)) AS sb FROM ({}) b LEFT JOIN {} c ON c.part = b.part)",
        layout.table("t"),
        read_records(layout, source),
        layout.clock.name,
    )


def _islands(layout: Layout) -> Sql:
    """Select records and live sessions (ord is null) as intervals, with their island's number within the group."""
    return sql(
        "SELECT *, sum(brk) OVER ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS isl FROM (SELECT *, CASE"
        " WHEN lo > max(hi) OVER ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + {gap} THEN 1 ELSE 0 END AS"
        " brk FROM (SELECT {keys}, ord, ts AS lo, ts AS hi, sb, st, NULL::BIGINT AS rid FROM {timed} UNION ALL SELECT"
        " {stored}, NULL, s.ws, s.we, NULL, NULL, s.rowid FROM {rows} s JOIN (SELECT {keys}, min(sb) AS sb FROM {timed}"
        " GROUP BY {keys}) g ON {on} WHERE s.we > g.sb - {kept}))",
        over=sql("PARTITION BY {} ORDER BY lo, hi, ord NULLS FIRST, rid", comma(layout.keys)),
        gap=lit(layout.window.size_ms),
        kept=kept_ms(layout),
        keys=comma(layout.keys),
        stored=comma([sql("s.{}", k) for k in layout.keys]),
        timed=layout.table("t"),
        rows=layout.rows.name,
        on=matches("s", "g", layout.keys),
    )


def _placed_records(layout: Layout) -> Sql:
    """Find each record's island, whether the island is plain, and the record's round within it."""
    island = comma([*layout.keys, Sql("isl")])
    chunk = sql(", (row_number() OVER (PARTITION BY {} ORDER BY ord) - 1) // {} AS ch", island, lit(CHUNK_ROWS))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {table} AS SELECT t.*, p.isl, p.plain, p.rnd{piece} FROM {timed} t JOIN"
        " (SELECT *,"
        " row_number() OVER (PARTITION BY {island} ORDER BY ord) AS rnd{chunk} FROM (SELECT *, bool_and(good)"
        " OVER (PARTITION BY"
        " {island}) AS plain FROM (SELECT *, (stored <= 1 AND coalesce(plo <= lo + {gap} AND phi >= lo - {gap} AND"
        " phi > sb - {kept}, true) AND greatest(phi, lo) >= st - {grace} - {gap}) OR ord IS NULL AS good FROM"
        " (SELECT *,"
        " min(lo) OVER before AS plo, max(hi) OVER before AS phi, count(rid) OVER (PARTITION BY {island}) AS stored"
        " FROM ({islands}) WINDOW before AS (PARTITION BY {island} ORDER BY ord NULLS FIRST, rid ROWS BETWEEN UNBOUNDED"
        " PRECEDING AND 1 PRECEDING)))) WHERE ord IS NOT NULL) p USING (ord)",
        table=layout.table("r"),
        timed=layout.table("t"),
        piece=Sql(", p.ch") if layout.chunked else Sql(""),
        chunk=chunk if layout.chunked else Sql(""),
        island=island,
        islands=_islands(layout),
        gap=lit(layout.window.size_ms),
        grace=lit(layout.window.grace_ms),
        kept=kept_ms(layout),
    )


def _empty_outputs(layout: Layout) -> Sql:
    """Create the table of changes."""
    columns = dict(layout.rows.columns)
    keys = [sql("{} {}", k, columns[k.strip('"')]) for k in layout.keys]
    values = layout.shape.typed_values()
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} ({})",
        layout.table("o"),
        comma(Sql("ord HUGEINT, kind INTEGER, ws BIGINT, we BIGINT, vnull BOOLEAN, prev BOOLEAN"), keys, values),
    )


def _changelog(layout: Layout, outputs: Sql) -> Sql:
    """Number the changes; for the last change per key only, leave out what the batch has undone itself."""
    changes = sql("SELECT * FROM {}", outputs)
    if not layout.every:
        identity = comma([*layout.keys, Sql("ws"), Sql("we")])
        changes = sql(
            "SELECT * FROM {0} QUALIFY row_number() OVER (PARTITION BY {1} ORDER BY ord DESC, kind DESC) = 1 AND NOT"
            " (vnull AND NOT first_value(prev) OVER (PARTITION BY {1} ORDER BY ord, kind))",
            outputs,
            identity,
        )
    return sql(
        "SELECT r.seq, row_number() OVER (PARTITION BY r.seq ORDER BY o.ord, o.kind, o.we, o.ws, {}) - 1 AS sub,"
        " r.part,"
        " r.off, o.we AS ts, r.hdr, o.vnull, {} FROM ({}) o JOIN {} r ON r.ord = o.ord",
        comma([sql("o.{}", k) for k in layout.keys]),
        comma([sql("o.{}", c) for c in (Sql("ws"), Sql("we"), *layout.keys, *layout.shape.value_columns())]),
        changes,
        layout.table("r"),
    )


def _expire(layout: Layout) -> Sql:
    """Drop the sessions that have left the store."""
    return sql(
        "DELETE FROM {} USING {} c WHERE {}.part = c.part AND we <= c.st - {}",
        layout.rows.name,
        layout.clock.name,
        layout.rows.name,
        kept_ms(layout),
    )


def _final(layout: Layout, target: Sql) -> list[Sql]:
    """Emit each session at the first record that closes it: no later record can reach it any more."""
    closed, records = layout.table("f"), layout.table("r")
    finished = sql("SELECT *, rt AS ts, {} FROM {}", comma(layout.named_results()), closed)
    if layout.having is not None:
        finished = sql("SELECT * FROM (SELECT *, {} AS h FROM ({})) WHERE h.v", judged_having(layout), finished)
    return [
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.*, c.ord FROM {} s ASOF JOIN (SELECT part, st,"
            " min(ord) AS ord FROM {} GROUP BY part, st) c ON c.part = s.part AND c.st > s.we + {}",
            closed,
            layout.rows.name,
            records,
            lit(layout.window.grace_ms + layout.window.size_ms),
        ),
        show(
            target,
            sql(
                "SELECT r.seq, row_number() OVER (PARTITION BY r.seq ORDER BY f.ord, f.we, f.ws, {}) - 1 AS sub,"
                " r.part, r.off, f.ts, r.hdr, false AS vnull, {} FROM ({}) f JOIN {} r ON r.ord = f.ord",
                comma([sql("f.{}", k) for k in layout.keys]),
                comma([sql("f.{}", c) for c in (Sql("ws"), Sql("we"), *layout.keys, *layout.shape.value_columns())]),
                finished,
                records,
            ),
        ),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", layout.rows.name, closed),
    ]


def _view(layout: Layout) -> Sql:
    """The query for the sessions as they are now."""
    shown = Sql(" AND shown") if layout.tracks_shown else Sql("")
    return sql(
        "SELECT {} FROM {} s JOIN {} c ON s.part = c.part WHERE s.we > c.st - {}{}",
        comma(layout.keys, Sql("ws, we, rt AS ts"), layout.named_results()),
        layout.rows.name,
        layout.clock.name,
        kept_ms(layout),
        shown,
    )
