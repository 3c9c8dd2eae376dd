"""GROUP BY in session windows as the statements of one micro-batch.

Theory of operation. A record joins every session of its group that lies within the gap and is still in the store (by
the stream time before the record); they become one session, the old ones leave tombstones. A group is *plain* in a
batch when its records come in order of time, none is late, and none is older than the end of its newest session: a
record can then touch that one session only, so that sessions are runs between breaks, and all groups are worked out at
once. The other groups go in rounds, one record of each group a round, by the rule itself.

Changes gather in the table ``o``: (ord, kind 0 tombstone or 1 row, window, prev = the same window was shown before).
"""

from __future__ import annotations

from collections.abc import Sequence

from streamnb.backends.duckdb.aggregate_layout import GROUPED, RUNNING, Layout, comma
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
        _heads(layout, layout.table("t")),
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
                (_heads(layout, piece), *_plain_steps(layout, sql("SELECT * FROM {}", piece))),
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
    """Read the records with the stream time before them (sb) and with them (st), and the time of the group's last."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {table} AS SELECT *, (ord >> 32)::BIGINT AS seq, greatest(sb, ts) AS st,"
        " lag(ts) OVER (PARTITION BY {keys} ORDER BY ord) AS lt FROM (SELECT b.*, greatest(coalesce(c.st, -1),"
        " max(ts) OVER (PARTITION BY b.part ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS sb"
        " FROM ({records}) b LEFT JOIN {clock} c ON c.part = b.part)",
        table=layout.table("t"),
        keys=comma(layout.keys),
        records=layout.records(source),
        clock=layout.clock.name,
    )


def _heads(layout: Layout, records: Sql) -> Sql:
    """Look up the newest session of each group among the records."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.* FROM {} s SEMI JOIN {} t ON {}"
        " QUALIFY row_number() OVER (PARTITION BY {} ORDER BY we DESC, ws DESC) = 1",
        layout.table("h"),
        layout.rows.name,
        records,
        _on("s", "t", layout.keys),
        comma([sql("s.{}", k) for k in layout.keys]),
    )


def _placed_records(layout: Layout) -> Sql:
    """Find the plain groups, the breaks between their sessions, and each record's round within its group."""
    window = layout.window
    group = comma(layout.keys)
    chunk = [sql("(row_number() OVER (PARTITION BY {} ORDER BY ord) - 1) // 256 AS ch", group)]
    return sql(
        "CREATE OR REPLACE TEMP TABLE {table} AS SELECT *, sum(brk) OVER running AS isl, row_number() OVER running AS rnd{ch}"
        " FROM (SELECT *, bool_and(ts >= coalesce(pe, ts) AND ts + {gap} + {grace} > sb) OVER (PARTITION BY {group}) AS"
        " plain, CASE WHEN pe >= ts - {gap} AND pe > sb - {kept} THEN 0 ELSE 1 END AS brk FROM (SELECT t.*,"
        " coalesce(t.lt, h.we) AS pe FROM {timed} t LEFT JOIN {heads} h ON {on}))"
        " WINDOW running AS (PARTITION BY {group} ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
        table=layout.table("r"),
        ch=sql(", {}", comma(chunk)) if layout.chunked else Sql(""),
        gap=lit(window.size_ms),
        grace=lit(window.grace_ms),
        kept=_kept_ms(layout),
        group=group,
        timed=layout.table("t"),
        heads=layout.table("h"),
        on=_on("t", "h", layout.keys),
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
    """Work out all plain groups at once: a session is a run of records without a break between them."""
    changed = layout.table("n")
    identity = [*layout.keys, Sql("isl")]
    over = sql("PARTITION BY {} ORDER BY ord", comma(identity))
    if layout.every:
        partial = sql(
            "SELECT {}, ord, part, min(ts) OVER running AS first, ts AS last, lag(ts) OVER ({over}) AS before,"
            " first_value(brk) OVER running = 0 AS joins, lead(ord) OVER ({over}) IS NULL AS is_last, {} FROM ({})"
            " WINDOW running AS ({over} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
            comma(identity),
            comma(layout.partials(RUNNING)),
            records,
            over=over,
        )
    else:
        partial = sql(
            "SELECT {0}, max(ord) AS ord, max(part) AS part, min(ts) AS first, max(ts) AS last, NULL::BIGINT AS before,"
            " arg_min(brk, ord) = 0 AS joins, true AS is_last, {1} FROM ({2}) GROUP BY {0}",
            comma(identity),
            comma(layout.partials(GROUPED)),
            records,
        )
    merged = sql(
        "SELECT {}, p.ord, p.part, p.is_last, s.rid, coalesce(s.ws, p.first) AS ws, p.last AS we,"
        " coalesce(p.before, s.we) AS ended, {}, {} FROM ({}) p LEFT JOIN {} s ON {} AND p.joins",
        comma([sql("p.{}", c) for c in identity]),
        _was_shown(layout, "s"),
        comma(layout.merges()),
        partial,
        layout.table("h"),
        _on("s", "p", layout.keys),
    )
    before = sql("coalesce(lag(pass) OVER ({}), was_shown)", over) if layout.every else Sql("was_shown")
    same = Sql("ws = ended AND ended = we") if layout.every else Sql("ended = we")
    return [
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS before, coalesce({}, false) AS same FROM ({})",
            changed,
            before,
            same,
            _judge(layout, merged),
        ),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", layout.rows.name, changed),
        _write(layout, sql("{} WHERE is_last", changed)),
        *([] if layout.spec.emit_final else [_plain_outputs(layout, changed)]),
    ]


def _plain_outputs(layout: Layout, changed: Sql) -> Sql:
    keys, values = layout.keys, layout.shape.value_columns()
    return sql(
        "INSERT INTO {} BY NAME SELECT ord, 0 AS kind, ws, ended AS we, true AS vnull, true AS prev, {} FROM {}"
        " WHERE ended IS NOT NULL AND NOT same AND before UNION ALL BY NAME SELECT ord, 1 AS kind, ws, we,"
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
    """Take the other groups record by record: one record of each group a round."""
    window, rows = layout.window, layout.rows.name
    current, touched, changed = layout.table("c"), layout.table("q"), layout.table("n")
    limits = {"gap": lit(window.size_ms), "grace": lit(window.grace_ms), "kept": _kept_ms(layout)}
    find = sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT s.rowid AS rid, s.* FROM {} s JOIN {} c ON {}"
        " AND s.we >= c.ts - {gap} AND s.ws <= c.ts + {gap} AND s.we > c.sb - {kept}",
        touched,
        rows,
        current,
        _on("s", "c", layout.keys),
        **limits,
    )
    state = layout.rows
    replaced = sql(
        "SELECT q.rid FROM {touched} q JOIN {changed} n ON {on} UNION ALL SELECT s.rowid FROM {rows} s JOIN {changed} n"
        " ON {same} AND s.ws = n.ws AND s.we = n.we",
        touched=touched,
        changed=changed,
        on=_on("q", "n", layout.keys),
        rows=state.name,
        same=_on("s", "n", layout.keys),
    )
    return Repeat(
        sql("SELECT max(rnd) FROM {} WHERE NOT plain", layout.table("r")),
        sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE NOT plain AND rnd = ?",
            current,
            layout.table("r"),
        ),
        (
            find,
            _merge_touched(layout, touched, current),
            sql(
                "INSERT INTO {} SELECT ord FROM {} WHERE ord NOT IN (SELECT ord FROM {})",
                layout.table("l"),
                current,
                changed,
            ),
            sql("DELETE FROM {} WHERE rowid IN ({})", rows, replaced),
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
        "SELECT {0}, min(ws) AS low, max(we) AS high, {1} AS point, {2} FROM {3} GROUP BY {0}",
        comma(layout.keys),
        point,
        comma(combined),
        touched,
    )
    partial = sql(
        "SELECT {0}, max(ord) AS ord, max(part) AS part, max(ts) AS at, max(st) AS st, {1} FROM {2} GROUP BY {0}",
        comma(layout.keys),
        comma(layout.partials(GROUPED)),
        current,
    )
    merged = sql(
        "SELECT {}, p.ord, p.part, least(p.at, s.low) AS ws, greatest(p.at, s.high) AS we, coalesce(s.point, false) AS"
        " point, {} FROM ({}) p LEFT JOIN ({}) s ON {} WHERE greatest(p.at, s.high) >= p.st - {}",
        comma([sql("p.{}", k) for k in layout.keys]),
        comma(layout.merges()),
        partial,
        old,
        _on("s", "p", layout.keys),
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
        " JOIN {n} n ON {on} WHERE NOT (q.ws = q.we AND n.ws = n.we){shown} UNION ALL BY NAME SELECT ord, 1 AS kind, ws,"
        " we, NOT pass AS vnull, same AS prev, {k}, {v} FROM {n} WHERE pass OR same",
        o=layout.table("o"),
        qk=comma([sql("q.{}", k) for k in keys]),
        q=touched,
        n=changed,
        on=_on("q", "n", keys),
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
