"""What the joins share: the two batches, the columns that must be equal, and rows packed into structs.

A row of a side travels as one struct of its timestamp and values, so that a single NULL says that there is none: of a
table, that the key has no row; of a join's output, that the side is padded.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamnb.backends.duckdb.operator import BatchShape, Names
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.plan.logical import Join, PlanNode, Project, Scan, children
from streamnb.plan.typed import TypedColumn
from streamnb.state.keyed import KeyedTable
from streamnb.state.tables import HASH_TYPE, key_hash

__all__ = ["JoinSides", "Side", "keeps_partitions"]

BIGINT = Sql("BIGINT")


@dataclass(frozen=True)
class Side:
    """One input of a join: its batch and the batch's shape."""

    batch: Sql
    shape: BatchShape

    @property
    def packed(self) -> Sql:
        """Pack the row of a batch: its timestamp and values."""
        fields = [sql("ts := ts"), *(sql("{0} := {0}", v) for v in self.shape.value_columns())]
        return sql("struct_pack({})", join(", ", fields))

    @property
    def packed_type(self) -> Sql:
        """The type of a packed row."""
        return sql("STRUCT({})", join(", ", [sql("ts BIGINT"), *self.shape.typed_values()]))


@dataclass(frozen=True)
class JoinSides:
    """A join to compile: the plan's node, both inputs, where the output goes, and the names of its tables."""

    node: Join
    left: Side
    right: Side
    target: Sql
    names: Names
    step: str

    @property
    def output(self) -> BatchShape:
        """The shape of the join's batch."""
        return BatchShape(self.node.keys, self.node.values, self.node.windowed)

    @property
    def keys(self) -> list[Sql]:
        """The columns of the output's key: window bounds, then k0 and so on."""
        return [*self.output.window_columns(), *self.output.key_columns()]

    @property
    def key_list(self) -> Sql:
        """The columns of the key, as a list."""
        return join(", ", self.keys)

    @property
    def matched(self) -> list[Sql]:
        """The columns that are equal in records of one key.

        A time window is known by its start, as in Kafka's keys; a session by both bounds.
        """
        return [ident(name) for name in self.matched_names]

    @property
    def matched_names(self) -> list[str]:
        """The names of the columns that are equal in records of one key."""
        windows = ["ws", "we"] if _of_sessions(self.node) else ["ws"]
        keys = [f"k{i}" for i in range(len(self.output.keys))]
        return [*windows, *keys] if self.output.windowed else keys

    @property
    def hashed(self) -> Sql:
        """Hash the key, as state tables keep it."""
        return key_hash(self.matched)

    @property
    def matched_list(self) -> Sql:
        """The columns that are equal in records of one key, as a list."""
        return join(", ", self.matched)

    def equal(self, first: str, second: str) -> Sql:
        """Compare the keys of two rows by their aliases, hash first."""
        columns = [ident("h"), *self.matched]
        return join(" AND ", [sql("{}.{} = {}.{}", ident(first), c, ident(second), c) for c in columns])

    @property
    def has_key(self) -> Sql:
        """Test that a record has a key."""
        return join(" AND ", [sql("{} IS NOT NULL", k) for k in self.output.key_columns()])

    def key_types(self, shape: BatchShape | None = None) -> list[tuple[str, Sql]]:
        """The columns of the key with their types, as state tables declare them."""
        of = shape or self.output
        windows = [("ws", BIGINT), ("we", BIGINT)] if of.windowed else []
        return [*windows, *((f"k{i}", duck_type(t)) for i, t in enumerate(of.keys))]

    def unpacked(self, left: Sql, right: Sql) -> list[Sql]:
        """Spread two packed rows over the value columns of the output."""
        shift = len(self.left.shape.values)
        columns = [sql("{}.{}", left, c) for c in self.left.shape.value_columns()]
        columns += [
            sql("{}.{} AS {}", right, c, ident(f"v{shift + i}")) for i, c in enumerate(self.right.shape.value_columns())
        ]
        return columns

    def keyed_table(self, name: str, side: Side) -> KeyedTable:
        """Declare the table of a side's rows, looked up by the key of the output."""
        columns = [("h", HASH_TYPE), *self.key_types(), ("record", side.packed_type)]
        return self.names.keyed_table(f"{self.step}_{name}", columns, self.matched_names)

    def touched(self, hashed: Sql) -> Sql:
        """Hash the keys of all records of both batches."""
        return sql("SELECT {0} FROM {1} UNION ALL SELECT {0} FROM {2}", hashed, self.left.batch, self.right.batch)

    def scanned(self, state: KeyedTable) -> Sql:
        """Look up the rows of the keys touched in a table itself."""
        touched = self.touched(self.hashed)
        return sql("(SELECT rowid AS rid, * FROM {} WHERE h IN ({}))", state.rows.name, touched)

    def temp(self, name: str) -> Sql:
        """Name a TEMP table of the join."""
        return self.names.temp(f"{self.step}_{name}")


def _of_sessions(node: PlanNode) -> bool:
    if isinstance(node, Scan):
        return node.source.window is not None and node.source.window.kind == "SESSION"
    below = children(node)
    return bool(below) and _of_sessions(below[0])


def keeps_partitions(node: PlanNode) -> bool:
    """Tell whether the records of a join's side still stand in the partitions of their keys."""
    if isinstance(node, Scan):
        return True
    if isinstance(node, Project):
        same = all(isinstance(e, TypedColumn) and e.column == f"k{i}" for i, e in enumerate(node.key_exprs))
        return same and len(node.key_exprs) == len(node.input.keys) and keeps_partitions(node.input)
    return all(keeps_partitions(child) for child in children(node))
