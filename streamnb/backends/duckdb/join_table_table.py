"""Table–table join on the keys: every change of either side meets the other side's row of that moment.

Rules, as in Kafka Streams: a change is forwarded when the result it makes, or the one it replaces, could be there (see
``_forwarded``); the timestamp is the later one of the change and of the other side's row, of tombstones too; a record
without a key is dropped; changes count by their place in the order, whatever their timestamps say.

One window over the state's rows of the keys touched, and the batch's changes, tells both sides' rows before each
change. State: the rows of both sides, looked up by a hash beside the key.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_sides import JoinSides, Side
from streamnb.backends.duckdb.operator import Stage
from streamnb.duck import Sql, join, sql
from streamnb.state.tables import HASH_TYPE, StateTable

__all__ = ["compile_table_table"]


def compile_table_table(sides: JoinSides) -> Stage:
    """Compile the join; every change comes out, in the order of the records that cause them."""
    states = [
        sides.names.state_table(
            f"{sides.step}_{name}", [("h", HASH_TYPE), *sides.key_types(), ("record", side.packed_type)]
        )
        for name, side in (("left", sides.left), ("right", sides.right))
    ]
    changes = sides.temp("changes")
    statements = [_changes(sides, states, changes), _output(sides, changes)]
    for number, (state, row) in enumerate(zip(states, ("l", "r"), strict=True)):
        statements += _write(sides, state, changes, sql("{}", Sql(str(number))), Sql(row))
    return Stage(tuple(states), tuple(statements), sides.output)


def _changes(sides: JoinSides, states: list[StateTable], target: Sql) -> Sql:
    """List the state's rows of the keys touched (``rid`` given) and the changes, each with both sides' rows.

    ``l`` and ``r`` are the rows from then on, ``was`` tells that the changed side had one before, ``is_last`` that no
    later change of the same side and key follows.
    """
    touched = sql(
        "SELECT {h} FROM {left} UNION ALL SELECT {h} FROM {right}",
        h=sides.hashed,
        left=sides.left.batch,
        right=sides.right.batch,
    )
    parts = []
    for number, (side, state) in enumerate(zip((sides.left, sides.right), states, strict=True)):
        parts += _versions(sides, side, state, Sql(str(number)), touched)
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT * EXCLUDE (lc, rc, lb, rb),"
        " CASE side WHEN 0 THEN lc.record ELSE lb.record END AS l,"
        " CASE side WHEN 1 THEN rc.record ELSE rb.record END AS r,"
        " CASE side WHEN 0 THEN lb.record IS NOT NULL ELSE rb.record IS NOT NULL END AS was FROM (SELECT *,"
        " last_value(lc IGNORE NULLS) OVER before AS lb, last_value(rc IGNORE NULLS) OVER before AS rb,"
        " lead(seq) OVER (PARTITION BY side, {keys} ORDER BY seq, sub) IS NULL AS is_last FROM ({parts})"
        " WINDOW before AS (PARTITION BY {keys} ORDER BY seq, sub, side"
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))",
        target=target,
        keys=sides.matched_list,
        parts=join(" UNION ALL ", parts),
    )


def _versions(sides: JoinSides, side: Side, state: StateTable, number: Sql, touched: Sql) -> list[Sql]:
    """Select the state's rows and the changes of one side; ``lc`` or ``rc`` holds the row, wrapped."""
    none = sql("NULL")
    both = ("{row} AS lc, NULL AS rc", "NULL AS lc, {row} AS rc")[int(number)]
    stored = sql(
        "SELECT -1::BIGINT AS seq, 0::BIGINT AS sub, {none}::INTEGER AS part, {none}::BIGINT AS off,"
        " {none}::BIGINT AS ts, {none}::STRUCT(k VARCHAR, v BLOB)[] AS hdr, rowid AS rid, {number} AS side, h, {keys}, "
        + both
        + " FROM {state} WHERE h IN ({touched})",
        none=none,
        number=number,
        keys=sides.key_list,
        row=sql("struct_pack(record := record)"),
        state=state.name,
        touched=touched,
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


def _write(sides: JoinSides, state: StateTable, changes: Sql, number: Sql, row: Sql) -> list[Sql]:
    """Replace the rows of a side by the last change of each key."""
    return [
        sql(
            "DELETE FROM {} WHERE rowid IN (SELECT rid FROM {} WHERE side = {} AND rid IS NOT NULL AND NOT is_last)",
            state.name,
            changes,
            number,
        ),
        sql(
            "INSERT INTO {} SELECT h, {}, {} FROM {} WHERE side = {} AND is_last AND seq >= 0 AND {} IS NOT NULL",
            state.name,
            sides.key_list,
            row,
            changes,
            number,
            row,
        ),
    ]
