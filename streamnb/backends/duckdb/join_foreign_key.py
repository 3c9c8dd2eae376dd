"""Foreign-key join: a row of the left table meets the row of the right table that its foreign key names.

Rules, as in Kafka Streams: the result has the left table's key. A change of a left row makes its row anew, with the
later timestamp of both; INNER sends a tombstone when the row has no partner now and its foreign key was another one
before. A change of a right row makes anew all left rows that name it, in the order of their keys, with the right row's
timestamp; deleting it sends a tombstone for each (INNER) or pads each (LEFT). Left rows without a foreign key have no
partner.

A version of a left row is valid from its place in the order up to that of the next one. State: the rows of both tables,
those of the left one with the hash of their foreign key too.
"""

from __future__ import annotations

from streamnb.backends.duckdb.join_sides import JoinSides
from streamnb.backends.duckdb.operator import Stage
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.plan.typed import TypedColumn
from streamnb.state.tables import HASH_TYPE, key_hash

__all__ = ["compile_foreign_key"]

END = Sql("9223372036854775807")


def compile_foreign_key(sides: JoinSides) -> Stage:
    """Compile the join; every change comes out, in the order of the records that cause them."""
    right_key = duck_type(sides.right.shape.keys[0])
    left = sides.names.state_table(
        f"{sides.step}_left",
        [
            ("h", HASH_TYPE),
            *sides.key_types(),
            ("fh", HASH_TYPE),
            ("fk", right_key),
            ("record", sides.left.packed_type),
        ],
    )
    right = sides.names.state_table(
        f"{sides.step}_right", [("h", HASH_TYPE), ("k0", right_key), ("record", sides.right.packed_type)]
    )
    lefts, rights = sides.temp("lefts"), sides.temp("rights")
    statements = (
        _left_versions(sides, left.name, lefts),
        _right_versions(sides, right.name, lefts, rights),
        _output(sides, lefts, rights),
        *_write(left.name, lefts, sql("h, {}, fh, fk", sides.key_list)),
        *_write(right.name, rights, sql("h, k0")),
    )
    return Stage((left, right), statements, sides.output)


def _left_versions(sides: JoinSides, state: Sql, target: Sql) -> Sql:
    """List the left rows that the batch changes or whose partner it changes, and their changes."""
    assert isinstance(sides.node.foreign_key, TypedColumn)
    foreign = ident(sides.node.foreign_key.column)
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT *, lag(fk) OVER versions AS fk0,"
        " lag(record) OVER versions IS NOT NULL AS was, coalesce(lead(seq) OVER versions, {end}) AS until,"
        " lead(seq) OVER versions IS NULL AS is_last FROM ("
        "SELECT -1::BIGINT AS seq, NULL::INTEGER AS part, NULL::BIGINT AS off, NULL::BIGINT AS ts,"
        " NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr, rowid AS rid, h, {keys}, fh, fk, record FROM ("
        # not one condition with OR, for which DuckDB reads every row whole
        "SELECT rowid, * FROM {state} WHERE h IN (SELECT {hash} FROM {left}) UNION ALL"
        " SELECT rowid, * FROM {state} WHERE fh IN (SELECT {right_hash} FROM {right})"
        " AND h NOT IN (SELECT {hash} FROM {left}))"
        " UNION ALL SELECT seq, part, off, ts, hdr, NULL, {hash}, {keys},"
        " CASE WHEN NOT vnull THEN {foreign_hash} END, CASE WHEN NOT vnull THEN {foreign} END,"
        " CASE WHEN NOT vnull THEN {packed} END FROM {left} WHERE NOT ({missing}))"
        " WINDOW versions AS (PARTITION BY {keys} ORDER BY seq)",
        target=target,
        end=END,
        keys=sides.key_list,
        state=state,
        hash=sides.hashed,
        left=sides.left.batch,
        right=sides.right.batch,
        right_hash=key_hash([Sql("k0")]),
        foreign=foreign,
        foreign_hash=key_hash([foreign]),
        packed=sides.left.packed,
        missing=join(" AND ", [sql("{} IS NULL", k) for k in sides.output.key_columns()]),
    )


def _right_versions(sides: JoinSides, state: Sql, lefts: Sql, target: Sql) -> Sql:
    """List the right rows that those left rows name or named, and the changes of right rows."""
    return sql(
        "CREATE OR REPLACE TEMP TABLE {target} AS SELECT *, lead(seq) OVER (PARTITION BY k0 ORDER BY seq) IS NULL"
        " AS is_last FROM (SELECT -1::BIGINT AS seq, NULL::INTEGER AS part, NULL::BIGINT AS off, NULL::BIGINT AS ts,"
        " NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr, rowid AS rid, h, k0, record FROM {state} WHERE h IN"
        " (SELECT fh FROM {lefts} UNION ALL SELECT {former} FROM {lefts} UNION ALL SELECT {hash} FROM {right})"
        " UNION ALL SELECT seq, part, off, ts, hdr, NULL, {hash}, k0, CASE WHEN NOT vnull THEN {packed} END"
        " FROM {right} WHERE k0 IS NOT NULL)",
        target=target,
        state=state,
        lefts=lefts,
        former=key_hash([Sql("fk0")]),
        hash=key_hash([Sql("k0")]),
        right=sides.right.batch,
        packed=sides.right.packed,
    )


def _output(sides: JoinSides, lefts: Sql, rights: Sql) -> Sql:
    """Join the left changes to the right rows of their moment, and the right changes to the left rows of theirs."""
    outer = sides.node.kind == "LEFT"
    keys = join(", ", [sql("l.{}", k) for k in sides.keys])
    sought = sql("l.fk") if outer else sql("coalesce(l.fk, l.fk0)")
    there = sql("l.record IS NOT NULL") if outer else sql("l.fk IS NOT NULL AND r.record IS NOT NULL")
    forwarded = (
        sql("l.record IS NOT NULL OR l.was")
        if outer
        else sql("({}) OR (l.fk0 IS NOT NULL AND l.fk IS DISTINCT FROM l.fk0)", there)
    )
    of_left = sql(
        "SELECT l.seq, 0::BIGINT AS sub, l.part, l.off, greatest(l.ts, r.record.ts) AS ts, l.hdr, {keys},"
        " NOT ({there}) AS vnull, l.record AS l, r.record AS r FROM (SELECT *, {sought} AS sought,"
        " {sought_h} AS sought_h FROM {lefts} l WHERE seq >= 0) l ASOF LEFT JOIN {rights} r"
        " ON l.sought_h = r.h AND l.sought = r.k0 AND l.seq >= r.seq WHERE {forwarded}",
        keys=keys,
        there=there,
        sought=sought,
        sought_h=key_hash([sought]),
        lefts=lefts,
        rights=rights,
        forwarded=forwarded,
    )
    of_right = sql(
        "SELECT r.seq, row_number() OVER (PARTITION BY r.seq ORDER BY {keys}) - 1, r.part, r.off, r.ts, r.hdr, {keys},"
        " {gone}, l.record, r.record FROM {rights} r JOIN {lefts} l ON l.fh = r.h AND l.fk = r.k0 AND l.seq < r.seq"
        " AND r.seq < l.until WHERE r.seq >= 0 AND l.record IS NOT NULL",
        keys=keys,
        gone=sql("false") if outer else sql("r.record IS NULL"),
        rights=rights,
        lefts=lefts,
    )
    packed = sql("CASE WHEN NOT vnull THEN l END AS l, CASE WHEN NOT vnull THEN r END AS r")
    return sql(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM (SELECT * EXCLUDE (l, r), {} FROM ({} UNION ALL {}))",
        sides.target,
        join(
            ", ",
            [sql("seq, sub, part, off, ts, hdr, vnull"), *sides.keys, *sides.unpacked(Sql("l"), Sql("r"))],
        ),
        packed,
        of_left,
        of_right,
    )


def _write(state: Sql, versions: Sql, columns: Sql) -> tuple[Sql, Sql]:
    """Replace the rows of a table by the last change of each key."""
    return (
        sql("DELETE FROM {} WHERE rowid IN (SELECT rid FROM {} WHERE NOT is_last)", state, versions),
        sql(
            "INSERT INTO {} SELECT {}, record FROM {} WHERE is_last AND seq >= 0 AND record IS NOT NULL",
            state,
            columns,
            versions,
        ),
    )
