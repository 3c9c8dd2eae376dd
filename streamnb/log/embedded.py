"""The embedded log: topics as tables of the pipeline's database, written in the caller's transaction.

Theory of operation: the records of a topic are a table in schema ``topic``; ``log.topic`` keeps each topic's settings
and ``log.partition`` the first offset kept and the next one to be given. Offsets have no gaps when they are given;
retention cuts off a prefix of a partition, compaction leaves gaps. Whoever writes remembers the topics it has looked up
in the memory of its store, which is emptied when a transaction is taken back; readers look them up each time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.errors import LogError
from streamnb.log.base import CLEANUPS, Cleanup, TopicInfo, check_topic_name, out_of_range, unknown_topic
from streamnb.log.partitioner import places_of
from streamnb.store import Store

__all__ = ["EmbeddedLog", "EmbeddedTopic"]

TOMBSTONE_RETENTION_MS = 24 * 60 * 60 * 1000
"""How long compaction keeps a tombstone (Kafka's default of ``delete.retention.ms``)."""

_CATALOGUE = (
    sql("CREATE SCHEMA IF NOT EXISTS topic"),
    sql("CREATE SCHEMA IF NOT EXISTS log"),
    sql(
        "CREATE TABLE IF NOT EXISTS log.topic (name VARCHAR NOT NULL, relation VARCHAR NOT NULL,"
        " partitions INTEGER NOT NULL, retention_ms BIGINT, cleanup VARCHAR NOT NULL)"
    ),
    sql(
        "CREATE TABLE IF NOT EXISTS log.partition (topic VARCHAR NOT NULL, part INTEGER NOT NULL,"
        " first BIGINT NOT NULL, next BIGINT NOT NULL)"
    ),
)
_COLUMNS = sql("part INTEGER, off BIGINT, ts BIGINT, key BLOB, value BLOB, hdr STRUCT(k VARCHAR, v BLOB)[]")


@dataclass(frozen=True)
class EmbeddedTopic:
    """Where a topic's records are: its table, and (first, next) of each partition."""

    name: str
    relation: Sql
    compacted: bool
    ends: Mapping[int, tuple[int, int]]

    def slice_sql(self, positions: Mapping[int, int], rows_max: int) -> Sql:
        """Write the query for the next records of each partition: part, off, ts, key, value, hdr, in no order.

        ``positions`` maps partitions to the offset to go on at; other partitions are left out. At most ``rows_max``
        records of each partition are read, without a gap. Raises: LogError when a position is behind the first
        offset kept, or past the next one: records would be skipped, or the topic is another one.
        """
        parts = [self._slice_of(part, next_, rows_max) for part, next_ in sorted(positions.items())]
        return join(" UNION ALL ", parts) if parts else sql("SELECT * FROM {} WHERE false", self.relation)

    def _slice_of(self, part: int, next_: int, rows_max: int) -> Sql:
        first, end = self.ends.get(part, (0, 0))
        if not first <= next_ <= end:
            raise out_of_range(self.name, part, next_, (first, end))
        rows = sql("SELECT * FROM {} WHERE part = {} AND off >= {}", self.relation, lit(part), lit(next_))
        if self.compacted:  # offsets have gaps, so that a range of offsets may hold too few records
            return sql("({} ORDER BY off LIMIT {})", rows, lit(rows_max))
        return sql("{} AND off < {}", rows, lit(min(next_ + rows_max, end)))


class EmbeddedLog:
    """The topics of a pipeline's database, seen through one connection.

    Those on the engine's own store (the one that writes) are the only ones that may change anything; readers make one
    on a cursor of theirs. No method opens a transaction: what must be atomic is called inside the caller's.
    """

    def __init__(self, store: Store, *, create: bool = True) -> None:
        """Attach to the log of a database, creating its catalogue unless ``create`` is false (cursors of readers)."""
        self._store = store
        if create:
            for statement in _CATALOGUE:
                store.execute(statement)

    def create_topic(
        self,
        name: str,
        partitions: int = 1,
        *,
        replicas: int | None = None,
        retention_ms: int | None = None,
        cleanup: Cleanup = "delete",
    ) -> TopicInfo:
        """Create a topic; the embedded log keeps one replica whatever is asked for."""
        check_topic_name(name)
        if partitions < 1 or cleanup not in CLEANUPS or (retention_ms is not None and retention_ms < 0):
            raise LogError(
                f"Topic '{name}' cannot be created with {partitions} partitions, cleanup policy {cleanup} and "
                f"retention {retention_ms} ms",
                summary=f"topic {name} cannot be created with these settings",
                hint="a topic needs at least one partition and the cleanup policy delete, compact or compact,delete",
            )
        if self.topic(name) is not None:
            raise LogError(f"Topic '{name}' already exists.", summary=f"topic {name} already exists")
        relation = self._free_relation(name)
        self._store.execute(sql("CREATE TABLE {} ({})", ident("topic", relation), _COLUMNS))
        self._store.execute(
            sql("INSERT INTO log.topic VALUES (?, ?, ?, ?, ?)"), (name, relation, partitions, retention_ms, cleanup)
        )
        self._store.execute(
            sql("INSERT INTO log.partition SELECT ?, range::INTEGER, 0, 0 FROM range(?)"), (name, partitions)
        )
        return TopicInfo(name, partitions, 1, retention_ms, cleanup)

    def _free_relation(self, name: str) -> str:
        """Find a table name: the topic's own, unless it differs from another topic's in letter case only."""
        taken = {row[0] for row in self._store.rows(sql("SELECT lower(relation) FROM log.topic"))}
        relation, number = name, 1
        while relation.lower() in taken:
            number += 1
            relation = f"{name}~{number}"
        return relation

    def delete_topic(self, name: str) -> None:
        """Delete a topic and its records."""
        self._store.execute(sql("DROP TABLE {}", self.relation(name)))
        self._save_moved()
        self._known.pop(name, None)
        self._store.execute(sql("DELETE FROM log.topic WHERE name = ?"), (name,))
        self._store.execute(sql("DELETE FROM log.partition WHERE topic = ?"), (name,))

    def topic(self, name: str) -> TopicInfo | None:
        """Describe a topic, or return None when there is none of this name."""
        return next(iter(self._describe(sql("WHERE name = {}", lit(name)))), None)

    def topics(self, *, internal: bool = False) -> Sequence[TopicInfo]:
        """List all topics by name; it keeps none for itself."""
        return self._describe(sql(""))

    def _describe(self, where: Sql) -> list[TopicInfo]:
        rows = self._store.rows(
            sql("SELECT name, partitions, retention_ms, cleanup FROM log.topic {} ORDER BY name", where)
        )
        return [TopicInfo(name, partitions, 1, retention, cleanup) for name, partitions, retention, cleanup in rows]

    def ends(self, topic: str) -> Mapping[int, tuple[int, int]]:
        """Tell for each partition the first offset kept and the next offset to be given."""
        return self.find(topic).ends

    def relation(self, topic: str) -> Sql:
        """Name the table of a topic's records: part, off, ts, key, value, hdr."""
        return self.find(topic).relation

    def offsets_at(self, topic: str, ts_ms: int) -> Mapping[int, int]:
        """Find for each partition the first offset whose timestamp is ``ts_ms`` or later; the next one if none is."""
        found = self.find(topic)
        rows = self._store.rows(
            sql("SELECT part, min(off) FROM {} WHERE ts >= {} GROUP BY part", found.relation, lit(ts_ms))
        )
        return {part: next_ for part, (_, next_) in found.ends.items()} | dict(rows)

    @property
    def _known(self) -> dict[str, EmbeddedTopic]:
        """The topics that were looked up, where nobody else can change them."""
        return self._store.memory.setdefault("topics", {}) if self._store.writes else {}

    def find(self, topic: str) -> EmbeddedTopic:
        """Look a topic up. Raises: LogError when there is no such topic."""
        known = self._known
        if topic not in known:
            known[topic] = self._look_up(topic)
        return known[topic]

    def _look_up(self, topic: str) -> EmbeddedTopic:
        self._save_moved()
        # Two look-ups: DuckDB takes longer to plan their join than to run both.
        found = self._store.rows(sql("SELECT relation, cleanup FROM log.topic WHERE name = ?"), (topic,))
        if not found:
            raise unknown_topic(topic)
        rows = self._store.rows(
            sql("SELECT part, first, next FROM log.partition WHERE topic = ? ORDER BY part"), (topic,)
        )
        relation, cleanup = found[0]
        ends = {part: (first, next_) for part, first, next_ in rows}
        return EmbeddedTopic(topic, ident("topic", relation), "compact" in cleanup, ends)

    def append(self, topic: str, relation: Sql, *, part: Sql | None = None, window_bytes: int = 0) -> int:
        """Append the rows of a relation (a table name or a query in parentheses) and return how many they are.

        The relation has the columns seq, sub, ts, key, value, hdr; offsets are given per partition in the order of
        (seq, sub). ``part`` is an expression over the relation for the partition; without it, or where it is null,
        the key decides as in Kafka's Java client, without the ``window_bytes`` at its end, and records without a key
        go to partition 0.
        """
        found = self.find(topic)
        if len(found.ends) == 1:
            counts = {0: self._append_single(found, relation)}
        else:
            counts = self._append_many(found, relation, part, window_bytes)
        moved = {p: found.ends[p][1] + count for p, count in counts.items() if count}
        if moved:
            self._moved.update({(topic, p): next_ for p, next_ in moved.items()})
            ends = {p: (first, moved.get(p, next_)) for p, (first, next_) in found.ends.items()}
            self._known[topic] = replace(found, ends=ends)
            self._store.at_commit("log", self._save_moved)
        return sum(counts.values())

    @property
    def _moved(self) -> dict[tuple[str, int], int]:
        """The next offsets that the catalogue does not know yet, by topic and partition."""
        moved: dict[tuple[str, int], int] = self._store.memory.setdefault("moved", {})
        return moved

    def _save_moved(self) -> None:
        """Let the catalogue know of what was appended, in one statement for all topics."""
        moved = self._moved
        if not moved:
            return
        rows = join(", ", [sql("(?, ?::INTEGER, ?::BIGINT)")] * len(moved))
        self._store.execute(
            sql(
                "UPDATE log.partition p SET next = n.next FROM (VALUES {}) n(topic, part, next)"
                " WHERE p.topic = n.topic AND p.part = n.part",
                rows,
            ),
            [value for (topic, part), next_ in moved.items() for value in (topic, part, next_)],
        )
        moved.clear()

    def _append_single(self, found: EmbeddedTopic, relation: Sql) -> int:
        rows = self._store.rows(
            sql(
                "INSERT INTO {} SELECT 0, ?::BIGINT + row_number() OVER (ORDER BY seq, sub), ts, key, value, hdr"
                " FROM {}",
                found.relation,
                relation,
            ),
            (found.ends[0][1] - 1,),
        )
        return int(rows[0][0])

    def _append_many(self, found: EmbeddedTopic, relation: Sql, part: Sql | None, window_bytes: int) -> dict[int, int]:
        """Append to several partitions: the places of the rows are found outside of DuckDB, in half of the time."""
        store = self._store
        given = sql("NULL::INTEGER") if part is None else sql("({})::INTEGER", part)
        store.execute(
            sql(
                "CREATE OR REPLACE TEMP TABLE log_append AS SELECT seq, sub, ts, key, value, hdr, {} AS part FROM {}",
                given,
                relation,
            )
        )
        own = sql("array_slice(key, 1, octet_length(key) - {})", lit(window_bytes)) if window_bytes else sql("key")
        rows = store.arrow(sql("SELECT part, {} AS key, seq, sub FROM log_append", own))
        parts, offsets, counts = places_of(rows, {p: next_ for p, (_, next_) in found.ends.items()})
        store.register("log_places", pa.table({"part": parts, "off": offsets}))
        try:
            store.execute(
                sql(
                    "INSERT INTO {} SELECT p.part, p.off, ts, key, value, hdr"
                    " FROM log_append POSITIONAL JOIN log_places p",
                    found.relation,
                )
            )
        finally:
            store.release("log_places")
        store.execute(sql("DROP TABLE log_append"))
        return dict(enumerate(counts.tolist()))

    def read_slice(self, topic: str, positions: Mapping[int, int], rows_max: int, target: Sql) -> int:
        """Put the next records of a topic into a new temporary table and return how many they are."""
        query = self.find(topic).slice_sql(positions, rows_max)
        return int(self._store.rows(sql("CREATE OR REPLACE TEMP TABLE {} AS {}", target, query))[0][0])

    def trim(self, topic: str, now_ms: int, unread: Mapping[int, int] | None = None) -> int:
        """Apply a topic's retention and compaction as of a time and return how many records were deleted.

        Retention deletes the records before the first one that is young enough, so that a partition always keeps
        a suffix, and none from the offset on that ``unread`` has for a partition. Compaction keeps the last record of
        each key, records without a key, and young tombstones.
        """
        info = self.topic(topic)
        if info is None:
            raise unknown_topic(topic)
        deleted = 0
        if "compact" in info.cleanup:
            deleted += self._compact(self.relation(topic), now_ms)
        if "delete" in info.cleanup and info.retention_ms is not None:
            deleted += self._expire(topic, now_ms - info.retention_ms, unread or {})
        return deleted

    def _compact(self, relation: Sql, now_ms: int) -> int:
        rows = self._store.rows(
            sql(
                "DELETE FROM {relation} WHERE rowid IN (SELECT row FROM (SELECT rowid AS row, value IS NULL AND ts <"
                " {limit} AS dead, row_number() OVER (PARTITION BY part, key ORDER BY off DESC) AS age"
                " FROM {relation} WHERE key IS NOT NULL) WHERE age > 1 OR dead)",
                relation=relation,
                limit=lit(now_ms - TOMBSTONE_RETENTION_MS),
            )
        )
        return int(rows[0][0])

    def _expire(self, topic: str, limit_ms: int, unread: Mapping[int, int]) -> int:
        relation, ends = self.relation(topic), self.ends(topic)
        deleted = 0
        for part, first_young in self.offsets_at(topic, limit_ms).items():
            first_new = min(first_young, unread.get(part, first_young))
            if first_new <= ends[part][0]:
                continue
            where = sql("part = {} AND off < {}", lit(part), lit(first_new))
            deleted += int(self._store.rows(sql("DELETE FROM {} WHERE {}", relation, where))[0][0])
            self._store.execute(
                sql("UPDATE log.partition SET first = {} WHERE topic = ? AND part = {}", lit(first_new), lit(part)),
                (topic,),
            )
        self._known.pop(topic, None)
        return deleted
