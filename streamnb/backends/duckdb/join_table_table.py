"""Table–table join on the keys: every change of either side meets the other side's row of that moment.

Rules, as in Kafka Streams: a change is forwarded when the result it makes, or the one it replaces, could be there (see
``_forwarded``); the timestamp is the later one of the change and of the other side's row, of tombstones too; a record
without a key is dropped; changes count by their place in the order, whatever their timestamps say.

One window over the state's rows of the keys touched, and the batch's changes, tells both sides' rows before each
change. State: the rows of both sides, keyed tables.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_sides import JoinSides, Side
from streamnb.backends.duckdb.operator import Stage
from streamnb.backends.duckdb.steps import KeyedStep
from streamnb.duck import Sql, join, lit, sql

__all__ = ["compile_table_table"]


def compile_table_table(sides: JoinSides) -> Stage:
    """Compile the join; every change comes out, in the order of the records that cause them."""
    states = sides.keyed_table("left", sides.left), sides.keyed_table("right", sides.right)
    changes = sides.temp("changes")
    output = _output(sides, changes)
    changed = _changed(sides, changes, 0), _changed(sides, changes, 1)
    writes = [statement for n, state in enumerate(states) for statement in state.replaced(changed[n])]
    scanned = (_changes(sides, changes, [sides.scanned(state) for state in states]), output, *writes)
    touched = sides.touched(states[0].hashed)
    found = (_changes(sides, changes, [state.found for state in states]), output)
    tables = tuple(table for state in states for table in state.tables)
    return Stage(tables, (KeyedStep(states, touched, scanned, found, changed),), sides.output)


def _changes(sides: JoinSides, target: Sql, stored: list[Sql]) -> Sql:
    """List the stored rows of the keys touched (``rid`` given) and the changes, each with both sides' rows.

    ``l`` and ``r`` are the rows from then on, ``was`` tells that the changed side had one before, ``is_last`` that no
    later change of the same side and key follows, ``old`` is ``rid`` of the row that the first of them replaces.
    """
    parts = []
    for number, (side, rows) in enumerate(zip((sides.left, sides.right), stored, strict=True)):
        parts += _versions(sides, side, rows, lit(number))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT * EXCLUDE (lc, rc, lb, rb),"
        " CASE side WHEN 0 THEN lc.record ELSE lb.record END AS l,"
        " CASE side WHEN 1 THEN rc.record ELSE rb.record END AS r,"
        " CASE side WHEN 0 THEN lb.record IS NOT NULL ELSE rb.record IS NOT NULL END AS was FROM (SELECT *,"
        " last_value(lc IGNORE NULLS) OVER before AS lb, last_value(rc IGNORE NULLS) OVER before AS rb,"
        " first_value(rid) OVER own AS old, lead(seq) OVER own IS NULL AS is_last FROM ({parts})"
        " WINDOW own AS (PARTITION BY side, {keys} ORDER BY seq, sub),"
        " before AS (PARTITION BY {keys} ORDER BY seq, sub, side ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))",
        target=target,
        keys=sides.matched_list,
        parts=join(" UNION ALL ", parts),
    )


def _versions(sides: JoinSides, side: Side, rows: Sql, number: Sql) -> list[Sql]:
    """Select the stored rows and the changes of one side; ``lc`` or ``rc`` holds the row, wrapped."""
    none = sql("NULL")
    both = ("{row} AS lc, NULL AS rc", "NULL AS lc, {row} AS rc")[int(number)]
    stored = sql(
        "SELECT -1::BIGINT AS seq, 0::BIGINT AS sub, {none}::INTEGER AS part, {none}::BIGINT AS off,"
        " {none}::BIGINT AS ts, {none}::STRUCT(k VARCHAR, v BLOB)[] AS hdr, rid, {number} AS side, h, {keys}, "
        + both
        + " FROM {rows}",
        none=none,
        number=number,
        keys=sides.key_list,
        row=sql("struct_pack(record := record)"),
        rows=rows,
    )
    changed = sql(
        "SELECT seq, sub, part, off, ts, hdr, NULL, {number}, {h}, {keys}, " + both + " FROM {batch} WHERE {has_key}",
        number=number,
        h=sides.hashed,
        keys=sides.key_list,
        row=sql("struct_pack(record := CASE WHEN NOT vnull THEN {} END)", side.packed),
        batch=side.batch,
        has_key=sides.has_key,
    )
    return [stored, changed]


def _forwarded(kind: str) -> tuple[Sql, Sql]:
    """Write which changes are forwarded, and which of those make a tombstone."""
    if kind == "INNER":
        return sql("CASE side WHEN 0 THEN r IS NOT NULL ELSE l IS NOT NULL END"), sql("l IS NULL OR r IS NULL")
    if kind == "FULL":
        return sql("l IS NOT NULL OR r IS NOT NULL OR was"), sql("l IS NULL AND r IS NULL")
    leading, own, other = (Sql("0"), Sql("l"), Sql("r")) if kind == "LEFT" else (Sql("1"), Sql("r"), Sql("l"))
    return (
        sql("CASE side WHEN {} THEN {own} IS NOT NULL OR {other} IS NOT NULL OR was ELSE {own} IS NOT NULL END",
            leading, own=own, other=other),
        sql("{} IS NULL", own),
    )  # fmt: skip


def _output(sides: JoinSides, changes: Sql) -> Sql:
    forwarded, absent = _forwarded(sides.node.kind)
    values = sides.unpacked(Sql("l"), Sql("r"))
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT {columns} FROM (SELECT * EXCLUDE (l, r),"
        " greatest(ts, CASE side WHEN 0 THEN r.ts ELSE l.ts END) AS latest, {absent} AS absent,"
        " CASE WHEN NOT ({absent}) THEN l END AS l, CASE WHEN NOT ({absent}) THEN r END AS r"
        " FROM {changes} WHERE seq >= 0 AND ({forwarded}))",
        target=sides.target,
        columns=join(
            ", ",
            [sql("seq, sub, part, off, latest AS ts, hdr, absent AS vnull"), *sides.keys, *values],
        ),
        absent=absent,
        changes=changes,
        forwarded=forwarded,
    )


def _changed(sides: JoinSides, changes: Sql, number: int) -> Sql:
    """Select the last change of each key of a side, with the number of the row that it replaces."""
    return sql(
        "(SELECT h, {keys}, old AS rid, {row} AS record, {row} IS NULL AS gone FROM {changes}"
        " WHERE side = {number} AND is_last AND seq >= 0)",
        row=Sql(("l", "r")[number]),
        keys=sides.key_list,
        changes=changes,
        number=lit(number),
    )
