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

from collections.abc import Sequence

from streamnb.backends.duckdb.aggregate_layout import CHUNK_ROWS, GROUPED, RUNNING, Layout, comma
from streamnb.backends.duckdb.aggregate_time import advance_clock, late_count
from streamnb.backends.duckdb.operator import Repeat, Stage
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.functions.aggregate import Frame

__all__ = ["compile_sessions"]

BY_END = Frame(order=ident("we"))


def compile_sessions(layout: Layout, source: Sql, target: Sql) -> Stage:
    """Compile an aggregation in sessions. Output: of each record tombstones in order of session end, then its session."""
    records, outputs = layout.table("r"), layout.table("o")
    plain = sql("SELECT * FROM {} WHERE plain", records)
    steps: list[Sql | Repeat] = [
        *layout.evaluate(source),
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
                tuple(_plain_steps(layout, sql("SELECT * FROM {}", piece))),
            )
        )
    else:
        steps += _plain_steps(layout, plain)
    steps.append(_rounds(layout))
    steps.append(
        advance_clock(
            layout,
            sql(
                "SELECT part, max(st) AS st, count(l.ord) AS late FROM {} LEFT JOIN {} l USING (ord) GROUP BY part",
                records,
                layout.table("l"),
            ),
        )
    )
    if layout.spec.emit_final:
        steps += _final(layout, target)
    else:
        steps.append(_expire(layout))
        steps.append(sql("CREATE OR REPLACE TEMP TABLE {} AS {}", target, _changelog(layout, outputs)))
    late = layout.error(
        "the session is closed, the record is too late for it; its time: ",
        sql("(SELECT r.* FROM {} r JOIN {} USING (ord))", records, layout.table("l")),
        Sql("true"),
        Sql("ts"),
    )
    steps.append(layout.log(source, [late]))
    return Stage(
        (layout.rows, layout.clock),
        tuple(steps),
        layout.shape,
        late=late_count(layout),
        view=None if layout.spec.emit_final else _view(layout),
    )


def _kept_ms(layout: Layout) -> Sql:
    """How long a session is in the store after its end; for EMIT FINAL no longer than it is open."""
    window = layout.window
    return lit(window.size_ms + window.grace_ms if layout.spec.emit_final else window.retention_ms)


def _on(left: str, right: str, columns: Sequence[Sql]) -> Sql:
    return join(" AND ", [sql("{}.{} = {}.{}", Sql(left), c, Sql(right), c) for c in columns])


def _timed_records(layout: Layout, source: Sql) -> Sql:
    """Read the records with the stream time before them (sb) and with them (st)."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, (ord >> 32)::BIGINT AS seq, greatest(sb, ts) AS st FROM (SELECT b.*,"
        " greatest(coalesce(c.st, -1), max(ts) OVER (PARTITION BY b.part ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING"
        " AND 1 PRECEDING)) AS sb FROM ({}) b LEFT JOIN {} c ON c.part = b.part)",
        layout.table("t"),
        layout.records(source),
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
        kept=_kept_ms(layout),
        keys=comma(layout.keys),
        stored=comma([sql("s.{}", k) for k in layout.keys]),
        timed=layout.table("t"),
        rows=layout.rows.name,
        on=_on("s", "g", layout.keys),
    )


def _placed_records(layout: Layout) -> Sql:
    """Find each record's island, whether the island is plain, and the record's round within it."""
    island = comma([*layout.keys, Sql("isl")])
    chunk = sql(", (row_number() OVER (PARTITION BY {} ORDER BY ord) - 1) // {} AS ch", island, lit(CHUNK_ROWS))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {table} AS SELECT t.*, p.isl, p.plain, p.rnd{piece} FROM {timed} t JOIN (SELECT *,"
        " row_number() OVER (PARTITION BY {island} ORDER BY ord) AS rnd{chunk} FROM (SELECT *, bool_and(good) OVER (PARTITION BY"
        " {island}) AS plain FROM (SELECT *, (stored <= 1 AND coalesce(plo <= lo + {gap} AND phi >= lo - {gap} AND"
        " phi > sb - {kept}, true) AND greatest(phi, lo) >= st - {grace} - {gap}) OR ord IS NULL AS good FROM (SELECT *,"
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
        kept=_kept_ms(layout),
    )


def _heads(layout: Layout, records: Sql) -> Sql:
    """Look up the session that each island has so far: the one its first record touches."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {head} AS SELECT s.rowid AS rid, s.*, f.isl FROM {rows} s JOIN (SELECT {keys}, isl,"
        " arg_min(ts, ord) AS ts, arg_min(sb, ord) AS sb FROM ({records}) GROUP BY {keys}, isl) f ON {on} AND {touch}",
        head=layout.table("h"),
        rows=layout.rows.name,
        keys=comma(layout.keys),
        records=records,
        on=_on("s", "f", layout.keys),
        touch=_touches(layout, "f"),
    )


def _touches(layout: Layout, record: str) -> Sql:
    """Whether a session (s) is in the store and within the gap of a record."""
    return sql(
        "s.we >= {record}.ts - {gap} AND s.ws <= {record}.ts + {gap} AND s.we > {record}.sb - {kept}",
        record=Sql(record),
        gap=lit(layout.window.size_ms),
        kept=_kept_ms(layout),
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


def _judge(layout: Layout, changes: Sql) -> Sql:
    """Add the results, and ``pass``: whether HAVING holds (always for EMIT FINAL, which asks at the end)."""
    finished = sql("SELECT *, we AS ts, {} FROM ({})", comma(layout.named_results()), changes)
    if not layout.tracks_shown:
        return sql("SELECT *, true AS pass FROM ({})", finished)
    return sql("SELECT *, coalesce({}.v, false) AS pass FROM ({})", layout.judged(), finished)


def _write(layout: Layout, changed: Sql) -> Sql:
    """Insert the changed rows that a condition of the caller's selects."""
    values = [Sql("we") if n == "rt" else Sql("pass") if n == "shown" else ident(n) for n, _ in layout.rows.columns]
    return sql(
        "INSERT INTO {} ({}) SELECT {} FROM {}", layout.rows.name, layout.rows.column_names, comma(values), changed
    )


def _was_shown(layout: Layout, relation: str) -> Sql:
    column = sql("{}.shown", Sql(relation)) if layout.tracks_shown else Sql("true")
    return sql("{}.rid IS NOT NULL AND {} AS was_shown", Sql(relation), column)


def _plain_steps(layout: Layout, records: Sql) -> list[Sql]:
    """Work out all plain islands at once: each is one session that grows."""
    changed = layout.table("n")
    island = [*layout.keys, Sql("isl")]
    over = sql("PARTITION BY {} ORDER BY ord", comma(island))
    if layout.every:
        partial = sql(
            "SELECT {}, ord, part, min(ts) OVER running AS low, max(ts) OVER running AS high, min(ts) OVER earlier AS plow,"
            " max(ts) OVER earlier AS phigh, lead(ord) OVER ({over}) IS NULL AS is_last, {} FROM ({}) WINDOW running AS"
            " ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW), earlier AS ({over} ROWS BETWEEN UNBOUNDED"
            " PRECEDING AND 1 PRECEDING)",
            comma(island),
            comma(layout.partials(RUNNING)),
            records,
            over=over,
        )
    else:
        partial = sql(
            "SELECT {0}, max(ord) AS ord, max(part) AS part, min(ts) AS low, max(ts) AS high, NULL::BIGINT AS plow,"
            " NULL::BIGINT AS phigh, true AS is_last, {1} FROM ({2}) GROUP BY {0}",
            comma(island),
            comma(layout.partials(GROUPED)),
            records,
        )
    merged = sql(
        "SELECT {}, p.ord, p.part, p.is_last, s.rid, least(s.ws, p.low) AS ws, greatest(s.we, p.high) AS we,"
        " least(s.ws, p.plow) AS pws, greatest(s.we, p.phigh) AS pwe, {}, {} FROM ({}) p LEFT JOIN {} s ON {}",
        comma([sql("p.{}", c) for c in island]),
        _was_shown(layout, "s"),
        comma(layout.merges()),
        partial,
        layout.table("h"),
        _on("s", "p", island),
    )
    before = sql("coalesce(lag(pass) OVER ({}), was_shown)", over) if layout.every else Sql("was_shown")
    same = Sql("pws = ws AND pwe = we AND ws = we" if layout.every else "pws = ws AND pwe = we")
    return [
        _heads(layout, records),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS before, coalesce({}, false) AS same FROM ({})",
            changed,
            before,
            same,
            _judge(layout, merged),
        ),
        sql(
            "DELETE FROM {rows} WHERE rowid IN (SELECT rid FROM {n} UNION ALL {equal})",
            rows=layout.rows.name,
            n=changed,
            equal=_equal(layout, sql("(SELECT * FROM {} WHERE is_last)", changed)),
        ),
        _write(layout, sql("{} WHERE is_last", changed)),
        *([] if layout.spec.emit_final else [_plain_outputs(layout, changed)]),
    ]


def _equal(layout: Layout, changed: Sql) -> Sql:
    """Find the stored rows that a new session replaces although it did not touch them: those past their retention."""
    return sql(
        "SELECT s.rowid FROM {} s JOIN {} n ON {}",
        layout.rows.name,
        changed,
        _on("s", "n", [*layout.keys, Sql("ws"), Sql("we")]),
    )


def _plain_outputs(layout: Layout, changed: Sql) -> Sql:
    keys, values = layout.keys, layout.shape.value_columns()
    return sql(
        "INSERT INTO {} BY NAME SELECT ord, 0 AS kind, pws AS ws, pwe AS we, true AS vnull, true AS prev, {} FROM {}"
        " WHERE pwe IS NOT NULL AND NOT same AND before UNION ALL BY NAME SELECT ord, 1 AS kind, ws, we,"
        " NOT pass AS vnull, same AND before AS prev, {}, {} FROM {} WHERE pass OR (same AND before)",
        layout.table("o"),
        comma(keys),
        changed,
        comma(keys),
        comma(_if_passed(values)),
        changed,
    )


def _if_passed(values: Sequence[Sql]) -> list[Sql]:
    return [sql("CASE WHEN pass THEN {0} END AS {0}", v) for v in values]


def _rounds(layout: Layout) -> Repeat:
    """Take the other islands record by record: one record of each island a round."""
    current, touched, changed = layout.table("c"), layout.table("q"), layout.table("n")
    records, rows = layout.table("r"), layout.rows.name
    return Repeat(
        sql("SELECT max(rnd) FROM {} WHERE NOT plain", records),
        sql("CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE NOT plain AND rnd = ?", current, records),
        (
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.*, c.ord FROM {} s JOIN {} c ON {} AND {}",
                touched,
                rows,
                current,
                _on("s", "c", layout.keys),
                _touches(layout, "c"),
            ),
            _merge_touched(layout, touched, current),
            sql(
                "INSERT INTO {} SELECT ord FROM {} WHERE ord NOT IN (SELECT ord FROM {})",
                layout.table("l"),
                current,
                changed,
            ),
            sql(
                "DELETE FROM {} WHERE rowid IN (SELECT q.rid FROM {} q SEMI JOIN {n} n USING (ord) UNION ALL {})",
                rows,
                touched,
                _equal(layout, changed),
                n=changed,
            ),
            _write(layout, changed),
            *([] if layout.spec.emit_final else [_round_outputs(layout, touched, changed)]),
        ),
    )


def _merge_touched(layout: Layout, touched: Sql, current: Sql) -> Sql:
    """Merge each current record, unless it is late, with the sessions it touches: those first, by their end."""
    window = layout.window
    combined = []
    for i, call in enumerate(layout.spec.calls):
        values = call.aggregate.combine(BY_END, layout.parts_of(i, "a"))
        combined += [sql("{} AS {}", v, n) for v, n in zip(values, layout.parts_of(i, "a"), strict=True)]
    point = Sql("bool_or(shown AND ws = we)") if layout.tracks_shown else Sql("bool_or(ws = we)")
    old = sql(
        "SELECT ord, min(ws) AS low, max(we) AS high, {} AS point, {} FROM {} GROUP BY ord",
        point,
        comma(combined),
        touched,
    )
    partial = sql(
        "SELECT {0}, ord, max(part) AS part, max(ts) AS at, max(st) AS st, {1} FROM {2} GROUP BY {0}, ord",
        comma(layout.keys),
        comma(layout.partials(GROUPED)),
        current,
    )
    merged = sql(
        "SELECT {}, p.ord, p.part, least(p.at, s.low) AS ws, greatest(p.at, s.high) AS we, coalesce(s.point, false) AS"
        " point, {} FROM ({}) p LEFT JOIN ({}) s USING (ord) WHERE greatest(p.at, s.high) >= p.st - {}",
        comma([sql("p.{}", k) for k in layout.keys]),
        comma(layout.merges()),
        partial,
        old,
        lit(window.grace_ms + window.size_ms),
    )
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, point AND ws = we AS same FROM ({})",
        layout.table("n"),
        _judge(layout, merged),
    )


def _round_outputs(layout: Layout, touched: Sql, changed: Sql) -> Sql:
    shown = Sql(" AND q.shown") if layout.tracks_shown else Sql("")
    keys = layout.keys
    return sql(
        "INSERT INTO {o} BY NAME SELECT n.ord, 0 AS kind, q.ws, q.we, true AS vnull, true AS prev, {qk} FROM {q} q"
        " JOIN {n} n USING (ord) WHERE NOT (q.ws = q.we AND n.ws = n.we){shown} UNION ALL BY NAME SELECT ord, 1 AS kind, ws,"
        " we, NOT pass AS vnull, same AS prev, {k}, {v} FROM {n} WHERE pass OR same",
        o=layout.table("o"),
        qk=comma([sql("q.{}", k) for k in keys]),
        q=touched,
        n=changed,
        shown=shown,
        k=comma(keys),
        v=comma(_if_passed(layout.shape.value_columns())),
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
        "SELECT r.seq, row_number() OVER (PARTITION BY r.seq ORDER BY o.ord, o.kind, o.we, o.ws, {}) - 1 AS sub, r.part,"
        " r.off, o.we AS ts, r.hdr, o.vnull, {} FROM ({}) o JOIN {} r ON r.ord = o.ord ORDER BY seq, sub",
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
        _kept_ms(layout),
    )


def _final(layout: Layout, target: Sql) -> list[Sql]:
    """Emit each session at the first record that closes it: no later record can reach it any more."""
    closed, records = layout.table("f"), layout.table("r")
    finished = sql("SELECT *, rt AS ts, {} FROM {}", comma(layout.named_results()), closed)
    if layout.having is not None:
        finished = sql("SELECT * FROM (SELECT *, {} AS h FROM ({})) WHERE h.v", layout.judged(), finished)
    return [
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.*, c.ord FROM {} s ASOF JOIN (SELECT part, st,"
            " min(ord) AS ord FROM {} GROUP BY part, st) c ON c.part = s.part AND c.st > s.we + {}",
            closed,
            layout.rows.name,
            records,
            lit(layout.window.grace_ms + layout.window.size_ms),
        ),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT r.seq, row_number() OVER (PARTITION BY r.seq ORDER BY f.ord, f.we,"
            " f.ws, {}) - 1 AS sub, r.part, r.off, f.ts, r.hdr, false AS vnull, {} FROM ({}) f JOIN {} r ON r.ord = f.ord"
            " ORDER BY seq, sub",
            target,
            comma([sql("f.{}", k) for k in layout.keys]),
            comma([sql("f.{}", c) for c in (Sql("ws"), Sql("we"), *layout.keys, *layout.shape.value_columns())]),
            finished,
            records,
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
        _kept_ms(layout),
        shown,
    )
