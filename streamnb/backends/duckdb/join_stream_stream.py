"""Stream–stream join: records of both sides meet whose timestamps are at most a window apart.

Rules, as in Kafka Streams: a left record at t meets right ones in [t - before, t + after], a right one left ones in
[t - after, t + before]; RIGHT is LEFT with the sides swapped, so that its window counts from the right record. A stored
record is seen while it is younger than its own side's stream time less the retention, before + after + grace; that one
test replaces any rule about late records. The result has the later timestamp; one record's results are ordered by the
other's timestamp, then arrival. A side's stream time counts its records with key and value.

Unmatched records of an outer side come out at once when no GRACE PERIOD was written; else they wait until the shared
stream time, which counts all records, passes the end of their window and the grace. They come out at the first record
with key and value that stands at that time, before its own matches, in the order of timestamp, right before left, key,
arrival. A match ends the wait. Where its window had passed when it came, or it has no key, a record comes out at once.
(Kafka Streams looks for closed windows by wall clock, which would make results depend on it.)

State: the records of both sides, those that wait, and the clocks, per partition: one for all where a side has another
key than its topic.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamnb.backends.duckdb.join_sides import JoinSides, Side, keeps_partitions
from streamnb.backends.duckdb.operator import Stage
from streamnb.duck import Sql, join, lit, sql
from streamnb.plan.logical import JoinWindow
from streamnb.state.tables import HASH_TYPE, StateTable

__all__ = ["compile_stream_stream"]

DAY_MS = 86_400_000
OUTER_SIDES = {"INNER": (), "LEFT": (0,), "RIGHT": (1,), "FULL": (0, 1)}


def compile_stream_stream(sides: JoinSides) -> Stage:
    """Compile the join."""
    assert sides.node.window is not None
    return _StreamJoin(sides, sides.node.window).compile()


@dataclass(frozen=True)
class _StreamJoin:
    """Writes the statements. Sides are numbered: 0 left, 1 right."""

    sides: JoinSides
    window: JoinWindow

    def compile(self) -> Stage:
        """Put the statements of one micro-batch in order."""
        tables = [self._buffer("buffer"), self._clocks()]
        statements = [self._numbered(tables), self._pairs(tables[0])]
        outputs = [self._matched()]
        closing: list[Sql] = []
        if OUTER_SIDES[self.sides.node.kind]:
            statements.append(self._unmatched())
            outputs.append(self._padded())
            if self.window.grace_ms is not None:
                tables.append(self._buffer("pending"))
                statements.append(self._waiting(tables[2]))
                outputs.append(self._closed())
                closing = self._keep_waiting(tables[2])
        statements += [self._output(outputs), *closing, *self._advance(tables[1]), *self._store(tables)]
        return Stage(tuple(tables), tuple(statements), self.sides.output)

    # what the window says, as expressions over the column "side" of a row

    def _reach(self, row: str, leading: int, other: int) -> Sql:
        left, right = (other, leading) if self.sides.node.kind == "RIGHT" else (leading, other)
        return sql("CASE {}.side WHEN 0 THEN {} ELSE {} END", Sql(row), lit(left), lit(right))

    def _before(self, row: str) -> Sql:
        return self._reach(row, self.window.before_ms, self.window.after_ms)

    def _after(self, row: str) -> Sql:
        return self._reach(row, self.window.after_ms, self.window.before_ms)

    @property
    def _grace_ms(self) -> int:
        if self.window.grace_ms is None:
            return max(DAY_MS - 2 * self.window.before_ms, 0)
        return self.window.grace_ms

    @property
    def _retention(self) -> Sql:
        return lit(self.window.before_ms + self.window.after_ms + self._grace_ms)

    # state

    def _buffer(self, name: str) -> StateTable:
        sides = self.sides
        columns = [
            ("seq", Sql("BIGINT")),
            ("sub", Sql("BIGINT")),
            ("side", Sql("INTEGER")),
            ("task", Sql("INTEGER")),
            ("ts", Sql("BIGINT")),
            ("h", HASH_TYPE),
            *sides.key_types(),
            ("l", sides.left.packed_type),
            ("r", sides.right.packed_type),
        ]
        return sides.names.state_table(f"{sides.step}_{name}", columns)

    def _clocks(self) -> StateTable:
        clocks = [(name, Sql("BIGINT")) for name in ("left_time", "right_time", "shared_time")]
        return self.sides.names.state_table(f"{self.sides.step}_clocks", [("task", Sql("INTEGER")), *clocks])

    @property
    def _stored(self) -> Sql:
        return sql("seq, sub, side, task, ts, h, {}, l, r", self.sides.key_list)

    # the batch: both sides in order, with the clocks at each record

    def _numbered(self, tables: list[StateTable]) -> Sql:
        """Number both sides' records (``place``, from 1); ``now`` is the shared clock, ``other`` the other side's."""
        sides = self.sides
        return sql(
            "CREATE OR REPLACE TEMP TABLE {target} AS SELECT b.*, row_number() OVER (ORDER BY b.seq, b.sub) AS place,"
            " greatest(c.shared_time, max(b.ts) OVER clock) AS now, CASE b.side"
            " WHEN 0 THEN greatest(c.right_time, max(b.ts) FILTER (b.side = 1 AND b.ok) OVER clock)"
            " ELSE greatest(c.left_time, max(b.ts) FILTER (b.side = 0 AND b.ok) OVER clock) END AS other"
            " FROM ({left} UNION ALL {right}) b LEFT JOIN {clocks} c ON b.task = c.task"
            " WINDOW clock AS (PARTITION BY b.task ORDER BY b.seq, b.sub ROWS UNBOUNDED PRECEDING)",
            target=sides.temp("records"),
            left=self._records(sides.left, 0),
            right=self._records(sides.right, 1),
            clocks=tables[1].name,
        )

    def _records(self, side: Side, number: int) -> Sql:
        sides = self.sides
        by_partition = keeps_partitions(sides.node.left) and keeps_partitions(sides.node.right)
        none = sql("NULL::{}", (sides.right if number == 0 else sides.left).packed_type)
        rows = (side.packed, none) if number == 0 else (none, side.packed)
        return sql(
            "SELECT seq, sub, {side} AS side, {task} AS task, part, off, hdr, ts, {hash} AS h, {keys}, vnull,"
            " {has_key} AS keyed, {has_key} AND NOT vnull AS ok, {l} AS l, {r} AS r FROM {batch}",
            side=lit(number),
            task=Sql("part") if by_partition else Sql("0"),
            hash=sides.hashed,
            keys=sides.key_list,
            has_key=sides.has_key,
            l=rows[0],
            r=rows[1],
            batch=side.batch,
        )

    def _pairs(self, buffer: StateTable) -> Sql:
        """Pair each record with the earlier records of the other side that it sees."""
        sides = self.sides
        records = sides.temp("records")
        return sql(
            "CREATE OR REPLACE TEMP TABLE {target} AS SELECT c.place, c.seq, c.sub, c.part, c.off, c.hdr, {keys}, c.ts,"
            " x.seq AS x_seq, x.sub AS x_sub, x.ts AS x_ts, coalesce(c.l, x.l) AS l, coalesce(c.r, x.r) AS r"
            " FROM (SELECT * FROM {records} WHERE ok) c JOIN ("
            "SELECT {stored}, 0 AS place FROM {buffer} WHERE h IN (SELECT h FROM {records} WHERE ok)"
            " UNION ALL SELECT {stored}, place FROM {records} WHERE ok) x"
            " ON {equal} AND x.task = c.task AND x.side <> c.side AND x.place < c.place"
            " AND x.ts BETWEEN greatest(0, c.ts - {before}) AND greatest(0, c.ts + {after})"
            " AND x.ts > coalesce(c.other, -1) - {retention}",
            target=sides.temp("pairs"),
            keys=join(", ", [sql("c.{}", k) for k in sides.keys]),
            records=records,
            stored=self._stored,
            buffer=buffer.name,
            equal=sides.equal("x", "c"),
            before=self._before("c"),
            after=self._after("c"),
            retention=self._retention,
        )

    def _unmatched(self) -> Sql:
        """List the records of the outer sides that meet nothing; ``at_once`` are those that wait for nothing."""
        sides = self.sides
        at_once = Sql("true")
        if self.window.grace_ms is not None:
            at_once = sql("NOT n.keyed OR greatest(0, n.ts + {}) < n.now", self._after("n"))
        return sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT *, {} AS at_once FROM {} n WHERE NOT vnull AND side IN ({})"
            " AND place NOT IN (SELECT place FROM {})",
            sides.temp("unmatched"),
            at_once,
            sides.temp("records"),
            join(", ", [lit(number) for number in OUTER_SIDES[sides.node.kind]]),
            sides.temp("pairs"),
        )

    def _waiting(self, pending: StateTable) -> Sql:
        """Find, for each waiting record, the record that closes its window and the one that meets it."""
        sides = self.sides
        return sql(
            "CREATE OR REPLACE TEMP TABLE {target} AS SELECT w.*, c.closer, m.partner FROM (SELECT *,"
            " ts + {after} + {grace} AS until FROM (SELECT {stored}, 0 AS place, rowid AS rid FROM {pending}"
            " UNION ALL SELECT {stored}, place, NULL FROM {unmatched} WHERE NOT at_once) p) w"
            " ASOF LEFT JOIN (SELECT task, now, min(place) AS closer FROM {records} WHERE ok AND ts = now"
            " GROUP BY task, now) c ON w.task = c.task AND w.until < c.now"
            " LEFT JOIN (SELECT x_seq, x_sub, min(place) AS partner FROM {pairs} GROUP BY x_seq, x_sub) m"
            " ON m.x_seq = w.seq AND m.x_sub = w.sub",
            target=sides.temp("waiting"),
            after=self._after("p"),
            grace=lit(self._grace_ms),
            stored=self._stored,
            pending=pending.name,
            unmatched=sides.temp("unmatched"),
            records=sides.temp("records"),
            pairs=sides.temp("pairs"),
        )

    # the output, each part with what orders it among the outputs of one record

    def _matched(self) -> Sql:
        return sql(
            "SELECT seq, sub, 1 AS phase, x_ts AS first, 0 AS second, x_seq AS third, x_sub AS fourth, part, off,"
            " greatest(ts, x_ts) AS ts, hdr, {}, l, r FROM {}",
            self.sides.key_list,
            self.sides.temp("pairs"),
        )

    def _padded(self) -> Sql:
        return sql(
            "SELECT seq, sub, 1, 0, 0, 0, 0, part, off, ts, hdr, {}, l, r FROM {} WHERE at_once",
            self.sides.key_list,
            self.sides.temp("unmatched"),
        )

    def _closed(self) -> Sql:
        return sql(
            "SELECT n.seq, n.sub, 0, w.ts, -w.side, w.seq, w.sub, n.part, n.off, w.ts, n.hdr, {}, w.l, w.r"
            " FROM {} w JOIN {} n ON n.place = w.closer WHERE w.partner IS NULL OR w.closer <= w.partner",
            join(", ", [sql("w.{}", k) for k in self.sides.keys]),
            self.sides.temp("waiting"),
            self.sides.temp("records"),
        )

    def _output(self, parts: list[Sql]) -> Sql:
        sides = self.sides
        columns = [
            sql(
                "seq, row_number() OVER (PARTITION BY seq ORDER BY sub, phase, first, second, {}, third, fourth) - 1 AS"
                " sub, part, off, ts, hdr, false AS vnull",
                sides.key_list,
            ),
            *sides.keys,
            *sides.unpacked(Sql("l"), Sql("r")),
        ]
        return sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM ({})",
            sides.target,
            join(", ", columns),
            join(" UNION ALL ", parts),
        )

    # what is kept for the next batch

    def _keep_waiting(self, pending: StateTable) -> list[Sql]:
        waiting = self.sides.temp("waiting")
        return [
            sql(
                "DELETE FROM {} WHERE rowid IN (SELECT rid FROM {} WHERE rid IS NOT NULL"
                " AND (closer IS NOT NULL OR partner IS NOT NULL))",
                pending.name,
                waiting,
            ),
            sql(
                "INSERT INTO {} SELECT {} FROM {} WHERE rid IS NULL AND closer IS NULL AND partner IS NULL",
                pending.name,
                self._stored,
                waiting,
            ),
        ]

    def _advance(self, clocks: StateTable) -> list[Sql]:
        moved, records = self.sides.temp("clocks"), self.sides.temp("records")
        return [
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT n.task,"
                " greatest(any_value(c.left_time), max(n.ts) FILTER (n.side = 0 AND n.ok)),"
                " greatest(any_value(c.right_time), max(n.ts) FILTER (n.side = 1 AND n.ok)),"
                " max(n.now) FROM {} n LEFT JOIN {} c ON n.task = c.task GROUP BY n.task",
                moved,
                records,
                clocks.name,
            ),
            sql("DELETE FROM {} WHERE task IN (SELECT task FROM {})", clocks.name, moved),
            sql("INSERT INTO {} SELECT * FROM {}", clocks.name, moved),
        ]

    def _store(self, tables: list[StateTable]) -> list[Sql]:
        """Keep the batch's records, and drop those that no record will see any more."""
        buffer, clocks = tables[0].name, tables[1].name
        return [
            sql("INSERT INTO {} SELECT {} FROM {} WHERE ok", buffer, self._stored, self.sides.temp("records")),
            sql(
                "DELETE FROM {} b USING {} c WHERE b.task = c.task"
                " AND b.ts <= CASE b.side WHEN 0 THEN c.left_time ELSE c.right_time END - {}",
                buffer,
                clocks,
                self._retention,
            ),
        ]
