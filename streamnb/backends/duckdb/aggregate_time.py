"""GROUP BY without a window, and in tumbling and hopping windows."""

from __future__ import annotations

from streamnb.backends.duckdb.aggregate_changes import changed_rows, with_having
from streamnb.backends.duckdb.aggregate_final import final_statements
from streamnb.backends.duckdb.aggregate_layout import Layout, comma, show
from streamnb.backends.duckdb.aggregate_records import (
    chunk_column,
    error_rows,
    evaluate_apart,
    log_failures,
    log_function_errors,
    read_records,
    read_spans,
)
from streamnb.backends.duckdb.aggregate_table import input_rows, signed_records
from streamnb.backends.duckdb.operator import BatchShape, Stage
from streamnb.backends.duckdb.steps import Fold, KeyedStep, Repeat, Statement, TimeStep, insert_errors
from streamnb.duck import Sql, join, lit, sql
from streamnb.state.tables import StateTable

__all__ = ["compile_groups"]


def compile_groups(layout: Layout, shape: BatchShape, source: Sql, target: Sql) -> Stage:
    """Compile an aggregation without a window or in time windows."""
    spec = layout.spec
    tables: tuple[StateTable, ...] = (layout.rows,) if layout.keyed is None else layout.keyed.tables
    statements: list[Statement] = [*evaluate_apart(layout, source)]
    if spec.input_is_table:
        tables = (*tables, *input_rows(layout, shape).tables)
        statements += [signed_records(layout, shape, source), *_steps(layout, target), log_failures(layout, source)]
    elif spec.window is not None:
        tables = (*tables, layout.clock.rows)
        statements += _windowed(layout, source, target)
    elif _is_direct(layout):
        statements += [
            *_changed(layout, sql("({})", read_records(layout, source))),
            *_finished(layout, target),
            log_failures(layout, source),
        ]
    else:
        statements += [_unwindowed_records(layout, source), *_steps(layout, target), log_failures(layout, source)]
    return Stage(
        tables,
        (*statements, *raised_having(layout)),
        layout.shape,
        late=layout.clock.late if spec.window is not None else None,
        view=None if spec.emit_final else _view(layout),
        once=not layout.every,
    )


def _is_direct(layout: Layout) -> bool:
    """Tell whether records are only grouped, so that they need not be put into a table of their own first."""
    raises = layout.having is not None and layout.having.can_raise
    return not (layout.every or layout.spec.input_is_table or layout.spec.emit_final or raises)


def _windowed(layout: Layout, source: Sql, target: Sql) -> list[Statement]:
    """Group records by windows.

    The stream time at each record takes a sort. A window that is open at the end of the batch was so all along: the
    sort is for batches in which one closes, and for EMIT FINAL, which asks for the record that closes a window.
    """
    late = error_rows(
        layout,
        f"the window of {layout.window.size_ms} ms is closed, the record is too late for it; window start: ",
        layout.table("r"),
        Sql("NOT ok"),
        Sql("ws"),
    )
    timed = (_windowed_records(layout, source), _advance_clock(layout))
    if layout.volatile or not _is_direct(layout):
        return [*timed, *_steps(layout, target), log_failures(layout, source, [late])]
    records = sql("({})", _placed(layout, read_records(layout, source)))
    leave, end = _leave(layout), _finished(layout, target)
    find, *replace = _scanned(layout, records, since=Sql("?::BIGINT"))
    exact = (*timed, *_scanned(layout, layout.table("r"), Sql("ok")), leave, *end, insert_errors(late))
    spans, log = read_spans(layout, source), log_failures(layout, source)
    return [TimeStep(layout.windows, layout.clock, spans, find, (*replace, *end), leave, exact, log)]


def _steps(layout: Layout, target: Sql) -> list[Statement]:
    """Group the records that are in a table, write the state, and create the output batch."""
    windowed, final = layout.spec.window is not None, layout.spec.emit_final
    is_open = Sql("ok") if windowed else None
    leave = [_leave(layout)] if windowed and not final else []
    if layout.chunked:
        chunk = sql("ch = ? - 1 AND {}", is_open or Sql("true"))
        first, *rest = _scanned(layout, layout.table("r"), chunk)
        errors = log_function_errors(layout, layout.table("n"))
        return [
            *([] if layout.keyed is None else [Fold(layout.keyed)]),
            layout.shape.create(layout.table("o")),
            Repeat(
                sql("SELECT max(ch) + 1 FROM {}", layout.table("r")),
                first,
                (*rest, *errors, sql("INSERT INTO {} {}", layout.table("o"), output(layout))),
            ),
            *leave,
            show(target, sql("SELECT * FROM {}", layout.table("o"))),
        ]
    changed = _changed(layout, layout.table("r"), is_open)
    if final:
        return [*changed, *log_function_errors(layout, layout.table("n")), *final_statements(layout, target)]
    return [*changed, *leave, *_finished(layout, target)]


def _finished(layout: Layout, target: Sql) -> tuple[Sql, ...]:
    """Log what went wrong in the changed rows, and show the output batch."""
    return (*log_function_errors(layout, layout.table("n")), show(target, output(layout)))


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
    return [insert_errors(error_rows(layout, message, relation, Sql("raised")))]


def _unwindowed_records(layout: Layout, source: Sql) -> Sql:
    """Read the records, numbered in their order."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
        layout.table("r"),
        comma(Sql("*, (ord >> 32)::BIGINT AS seq"), chunk_column(layout)),
        read_records(layout, source),
    )


def _windowed_records(layout: Layout, source: Sql) -> Sql:
    """Read the records, once per window, with the stream time at each (``st``), and whether the window is open."""
    window = layout.window
    timed = sql(
        "SELECT b.*, greatest(coalesce(c.st, -1), max(ts) OVER (PARTITION BY b.part ORDER BY ord"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)) AS st FROM ({}) b LEFT JOIN {} c ON c.part = b.part",
        read_records(layout, source),
        layout.clock.name,
    )
    is_open = sql("ws + {} > st - {} AS ok", lit(window.size_ms), lit(window.grace_ms))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
        layout.table("r"),
        comma(sql("*, (ord >> 32)::BIGINT AS seq, {}", is_open), chunk_column(layout)),
        _placed(layout, timed),
    )


def _placed(layout: Layout, records: Sql) -> Sql:
    """Select records once per window that they fall in: ``ws``, ``wi`` = the window's rank."""
    window = layout.window
    if window.advance_ms == window.size_ms:
        return sql("SELECT *, {} AS ws, 0 AS wi FROM ({})", _first_window(layout, sql("ts")), records)
    return sql(
        "SELECT * EXCLUDE (first), (ws - first) // {advance} AS wi FROM (SELECT *, unnest(range(first, ts + 1,"
        " {advance})) AS ws FROM (SELECT *, {first} AS first FROM ({records})))",
        records=records,
        first=_first_window(layout, sql("ts")),
        advance=lit(window.advance_ms),
    )


def _first_window(layout: Layout, ts: Sql) -> Sql:
    """Write the start of the first window that a timestamp falls in."""
    size, advance = lit(layout.window.size_ms), lit(layout.window.advance_ms)
    if size == advance:
        return sql("{0} // {1} * {1}", ts, size)
    return sql("greatest(0, {0} - {1} + {2}) // {2} * {2}", ts, size, advance)


def _advance_clock(layout: Layout) -> Sql:
    """Take the stream time of each partition, and the number of late records, into the state."""
    return layout.clock.take(
        sql(
            "SELECT part, max(st) AS st, count(*) FILTER (WHERE NOT ok) AS late FROM {} GROUP BY part",
            layout.table("r"),
        ),
    )


def _changed(layout: Layout, records: Sql, where: Sql | None = None) -> tuple[Statement, ...]:
    """Find the rows that records of a relation change (table n), and write the last state of each."""
    keyed, scanned = layout.keyed, _scanned(layout, records, where)
    if keyed is None:
        return scanned
    found = _changes(layout, changed_rows(layout, records, where=where, found=keyed.found))
    changed = sql("(SELECT *, false AS gone FROM {})", _last(layout))
    touched = sql("SELECT {} FROM {}", keyed.hashed, records)
    return (KeyedStep((keyed,), touched, scanned, (found,), (changed,)),)


def _scanned(layout: Layout, records: Sql, where: Sql | None = None, since: Sql | None = None) -> tuple[Sql, ...]:
    """Find the changed rows, and write the last state of each, in the table itself."""
    rows, last = layout.rows, _last(layout)
    return (
        _changes(layout, changed_rows(layout, records, where=where, since=since)),
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {})", rows.name, last),
        sql("INSERT INTO {0} ({1}) SELECT {1} FROM {2}", rows.name, rows.column_names, last),
    )


def _last(layout: Layout) -> Sql:
    """The relation of the changed rows as they are at the end of the batch."""
    return sql("(SELECT * FROM {} WHERE is_last)", layout.table("n")) if layout.every else layout.table("n")


def _changes(layout: Layout, changes: Sql) -> Sql:
    if layout.tracks_shown:
        changes = with_having(layout, changes)
    return sql("CREATE OR REPLACE TEMP TABLE {} AS {}", layout.table("n"), changes)


def _leave(layout: Layout) -> Sql:
    """Drop the rows that have left the store."""
    return sql(
        "DELETE FROM {0} WHERE rowid IN (SELECT s.rowid FROM {0} s JOIN {1} c ON s.part = c.part WHERE NOT ({2}))",
        layout.rows.name,
        layout.clock.name,
        kept(layout),
    )


def kept(layout: Layout) -> Sql:
    """Whether a row of state (s) is still in the store at a stream time (c)."""
    window = layout.window
    return sql("s.ws >= c.st // {0} * {0} - {1}", lit(window.advance_ms), lit(window.retention_ms))


def output(layout: Layout) -> Sql:
    """Select the output batch from the changed rows."""
    spec = layout.spec
    results, shown = layout.results(), Sql("true")
    if layout.tracks_shown:
        shown = Sql("n.pass")
        results = [sql("CASE WHEN pass THEN {} END", v) for v in layout.shape.value_columns()]
    sub, ends = Sql("(n.ord & 4294967295)::BIGINT"), list[Sql]()
    if spec.window is not None:
        ends = [Sql("n.ws"), sql("n.ws + {} AS we", lit(spec.window.size_ms))]
        if layout.overlaps:
            sub = sql("{} * {} + n.wi", sub, lit(layout.windows.windows_max))
    conditions = [Sql("(pass OR prev)")] if layout.tracks_shown else []
    conditions += [Sql("emit")] if spec.input_is_table and layout.every else []
    return sql(
        "SELECT (n.ord >> 32)::BIGINT AS seq, {sub} AS sub, n.part, n.off, n.rt AS ts, n.hdr, NOT {shown} AS vnull,"
        " {columns} FROM {changed} n{where}",
        sub=sub,
        shown=shown,
        columns=comma(
            ends,
            [sql("n.{}", k) for k in layout.keys],
            [sql("{} AS {}", r, v) for r, v in zip(results, layout.shape.value_columns(), strict=True)],
        ),
        changed=layout.table("n"),
        where=sql(" WHERE {}", join(" AND ", conditions)) if conditions else Sql(""),
    )


def _view(layout: Layout) -> Sql:
    """The query for the rows of the table, as they are now."""
    conditions = [Sql("shown")] if layout.tracks_shown else []
    relation = sql("{} s", layout.rows.name if layout.keyed is None else layout.keyed.newest)
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
