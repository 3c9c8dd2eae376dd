"""GROUP BY without a window, and in tumbling and hopping windows."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_final import final_statements
from streamnb.backends.duckdb.aggregate_layout import Layout, comma
from streamnb.backends.duckdb.aggregate_table import input_rows, signed_records
from streamnb.backends.duckdb.operator import ERRORS, BatchShape, Repeat, Stage, Statement, When
from streamnb.duck import Sql, join, lit, sql
from streamnb.state.tables import StateTable

__all__ = ["advance_clock", "compile_groups", "late_count"]


def compile_groups(layout: Layout, shape: BatchShape, source: Sql, target: Sql) -> Stage:
    """Compile an aggregation without a window or in time windows."""
    spec = layout.spec
    tables: tuple[StateTable, ...]
    read: list[Statement]
    if spec.input_is_table:
        tables = (layout.rows, input_rows(layout, shape))
        read = [*layout.evaluate(source), *signed_records(layout, shape, source)]
        logged = layout.log(source)
    elif spec.window is None:
        tables = (layout.rows,)
        read = [*layout.evaluate(source), _unwindowed_records(layout, source)]
        logged = layout.log(source)
    else:
        tables = (layout.rows, layout.clock)
        read = [*layout.evaluate(source), *_windowed_records(layout, source), _advance_clock(layout)]
        late = layout.error(
            f"the window of {spec.window.size_ms} ms is closed, the record is too late for it; window start: ",
            layout.table("r"),
            Sql("NOT ok"),
            Sql("ws"),
        )
        logged = layout.log(source, [late])
    if spec.emit_final:
        steps: list[Statement] = [*_write(layout), *final_statements(layout, target)]
    elif layout.chunked:
        steps = [
            layout.shape.create(target),
            Repeat(
                sql("SELECT max(ch) + 1 FROM {}", layout.table("r")),
                _changes(layout, Sql("ch = ? - 1")),
                (*_replace(layout), sql("INSERT INTO {} {}", target, output(layout))),
            ),
        ]
    else:
        steps = [*_write(layout), sql("CREATE OR REPLACE TEMP TABLE {} AS {}", target, output(layout))]
    return Stage(
        tables,
        (*read, *steps, logged, *raised_having(layout)),
        layout.shape,
        late=late_count(layout) if spec.window is not None else None,
        view=None if spec.emit_final else _view(layout),
        once=not layout.every,
        probes=layout.probes(source),
    )


def late_count(layout: Layout) -> Sql:
    """The query for the number of records (per window) that came too late."""
    return sql("SELECT coalesce(sum(late), 0)::BIGINT FROM {}", layout.clock.name)


def raised_having(layout: Layout) -> list[Sql]:
    """Log the rows whose HAVING could not be evaluated."""
    if layout.having is None or not layout.having.can_raise or layout.spec.emit_final:
        return []
    relation = sql(
        "(SELECT part, off, (ord >> 32)::BIGINT AS seq, raised FROM (SELECT n.ord, n.raised, r.part, r.off FROM {} n"
        " JOIN (SELECT DISTINCT ord, part, off FROM {}) r USING (ord)))",
        layout.table("n"),
        layout.table("r"),
    )
    message = "the HAVING condition cannot be evaluated, the row is left out"
    return [sql("INSERT INTO {} {}", ERRORS, layout.error(message, relation, Sql("raised")))]


def _unwindowed_records(layout: Layout, source: Sql) -> Sql:
    """Read the records, numbered in their order."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
        layout.table("r"),
        comma(Sql("*, (ord >> 32)::BIGINT AS seq"), layout.chunk()),
        layout.records(source),
    )


def _windowed_records(layout: Layout, source: Sql) -> list[Statement]:
    """Read the records, once per window (``ws``, ``wi`` = its rank), with the stream time and whether it is open.

    The stream time at each record takes a sort. A window that is open at the end of the batch was so all along; the
    sort is for batches where some are not, and for EMIT FINAL, which asks for the record that closes a window.
    """
    precise = _placed_records(layout, source, precise=True)
    if layout.spec.emit_final:
        return [precise]
    quick = _placed_records(layout, source, precise=False)
    return [quick, When(sql("SELECT NOT bool_and(ok) FROM {}", layout.table("r")), (precise,))]


def _placed_records(layout: Layout, source: Sql, *, precise: bool) -> Sql:
    """Read the records with their windows; the stream time is that at the record, or that at the end of the batch."""
    window = layout.window
    values = {"size": lit(window.size_ms), "advance": lit(window.advance_ms), "grace": lit(window.grace_ms)}
    records, last = layout.records(source), sql("")
    seen = sql("max(ts) OVER (PARTITION BY b.part ORDER BY ord ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)")
    if not precise:
        seen = sql("last.ts")
        last = sql("JOIN (SELECT part, max(ts) AS ts FROM ({}) GROUP BY part) last ON last.part = b.part ", records)
    timed = sql(
        "SELECT b.*, greatest(coalesce(c.st, -1), {}) AS st FROM ({}) b {}LEFT JOIN {} c ON c.part = b.part",
        seen,
        records,
        last,
        layout.clock.name,
    )
    if window.advance_ms == window.size_ms:
        placed = sql("SELECT *, ts // {size} * {size} AS ws, 0 AS wi FROM ({timed})", timed=timed, **values)
    else:
        first = sql("greatest(0, ts - {size} + {advance}) // {advance} * {advance}", **values)
        placed = sql(
            "SELECT * EXCLUDE (first), (ws - first) // {advance} AS wi FROM (SELECT *, unnest(range(first, ts + 1,"
            " {advance})) AS ws FROM (SELECT *, {first} AS first FROM ({timed})))",
            timed=timed,
            first=first,
            **values,
        )
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
        layout.table("r"),
        comma(sql("*, (ord >> 32)::BIGINT AS seq, ws + {size} > st - {grace} AS ok", **values), layout.chunk()),
        placed,
    )


def _advance_clock(layout: Layout) -> Sql:
    """Take the stream time of each partition, and the number of late records, into the state."""
    return advance_clock(
        layout,
        sql(
            "SELECT part, max(st) AS st, count(*) FILTER (WHERE NOT ok) AS late FROM {} GROUP BY part",
            layout.table("r"),
        ),
    )


def advance_clock(layout: Layout, seen: Sql) -> Sql:
    """Merge (part, st, late) into the clock: a table of a few rows, so MERGE is no danger."""
    return sql(
        "MERGE INTO {} c USING ({}) n ON c.part = n.part WHEN MATCHED THEN UPDATE SET st = n.st, late = c.late + n.late"
        " WHEN NOT MATCHED THEN INSERT (part, st, late) VALUES (n.part, n.st, n.late)",
        layout.clock.name,
        seen,
    )


def _changes(layout: Layout, where: Sql | None = None) -> Sql:
    conditions = [Sql("ok")] if layout.spec.window is not None else []
    conditions += [where] if where is not None else []
    changes = layout.changes(layout.table("r"), where=join(" AND ", conditions) if conditions else None)
    if layout.tracks_shown:
        changes = layout.with_having(changes)
    return sql("CREATE OR REPLACE TEMP TABLE {} AS {}", layout.table("n"), changes)


def _replace(layout: Layout) -> list[Sql]:
    """Write the last state of each changed row, and drop rows that have left the store; log what failed on the way."""
    changed, rows = layout.table("n"), layout.rows
    last = Sql(" WHERE is_last") if layout.every else Sql("")
    gone = sql("SELECT rid FROM {}{}", changed, last)
    if layout.spec.window is not None and not layout.spec.emit_final:
        gone = sql(
            "{} UNION ALL SELECT s.rowid FROM {} s JOIN {} c ON s.part = c.part WHERE NOT ({})",
            gone,
            rows.name,
            layout.clock.name,
            kept(layout),
        )
    return [
        sql("DELETE FROM {} WHERE rowid IN ({})", rows.name, gone),
        sql(
            "INSERT INTO {0} ({1}) SELECT {1} FROM {2}{3}",
            rows.name,
            rows.column_names,
            changed,
            last,
        ),
        *layout.log_functions(changed),
    ]


def _write(layout: Layout) -> list[Sql]:
    return [_changes(layout), *_replace(layout)]


def kept(layout: Layout) -> Sql:
    """Whether a row of state (s) is still in the store at a stream time (c)."""
    window = layout.window
    return sql("s.ws >= c.st // {0} * {0} - {1}", lit(window.advance_ms), lit(window.retention_ms))


def output(layout: Layout) -> Sql:
    """Select the output batch from the changed rows."""
    spec = layout.spec
    results, shown = layout.results(), Sql("true")
    origin = Sql("n" if layout.every else "n.newest")
    if layout.tracks_shown:
        shown = Sql("n.pass")
        results = [sql("CASE WHEN pass THEN {} END", v) for v in layout.shape.value_columns()]
    sub, ends = Sql("(n.ord & 4294967295)::BIGINT"), []
    if spec.window is not None:
        ends = [Sql("n.ws"), sql("n.ws + {} AS we", lit(spec.window.size_ms))]
        windows = -(-spec.window.size_ms // spec.window.advance_ms)
        if windows > 1:
            sub = sql("{} * {} + {}.wi", sub, lit(windows), origin)
    conditions = [Sql("(pass OR prev)")] if layout.tracks_shown else []
    conditions += [Sql("emit")] if spec.input_is_table and layout.every else []
    relation = sql("{} n", layout.table("n"))
    return sql(
        "SELECT (n.ord >> 32)::BIGINT AS seq, {sub} AS sub, {o}.part, {o}.off, n.rt AS ts, {o}.hdr, NOT {shown}"
        " AS vnull,"
        " {columns} FROM {relation}{where} ORDER BY seq, sub",
        sub=sub,
        o=origin,
        shown=shown,
        columns=comma(
            ends,
            [sql("n.{}", k) for k in layout.keys],
            [sql("{} AS {}", r, v) for r, v in zip(results, layout.shape.value_columns(), strict=True)],
        ),
        relation=relation,
        where=sql(" WHERE {}", join(" AND ", conditions)) if conditions else Sql(""),
    )


def _view(layout: Layout) -> Sql:
    """The query for the rows of the table, as they are now."""
    conditions = [Sql("shown")] if layout.tracks_shown else []
    relation = sql("{} s", layout.rows.name)
    ends: list[Sql] = []
    if layout.spec.window is not None:
        ends = [Sql("ws"), *layout.window_end()]
        relation = sql("{} JOIN {} c ON s.part = c.part", relation, layout.clock.name)
        conditions.append(kept(layout))
    return sql(
        "SELECT {} FROM {}{}",
        comma(layout.keys, ends, Sql("rt AS ts"), layout.named_results()),
        relation,
        sql(" WHERE {}", join(" AND ", conditions)) if conditions else Sql(""),
    )
