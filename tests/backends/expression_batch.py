"""A batch of two records, one of values and one of NULLs, over which tests evaluate expressions."""

from __future__ import annotations

from typing import Any

from streamnb.backends.duckdb.expressions import Compiled, compile_expression, compile_predicate
from streamnb.duck import Sql, duck_type, ident, join, sql
from streamnb.functions.registry import Registry, default_registry
from streamnb.plan.expressions import ColumnScope, Env, ScopeEntry, type_expression
from streamnb.plan.typed import Typed
from streamnb.sql.parser import parse_expression, parse_type
from streamnb.store import Store

__all__ = ["RAISED", "Batch"]

RAISED = "raised"
"""Stands for the value of an expression that raised."""

_COLUMNS = {
    "I": ("INT", "7"),
    "B": ("BIGINT", "9223372036854775807"),
    "D": ("DOUBLE", "1.5e10"),
    "C": ("DECIMAL(4, 2)", "10.25"),
    "S": ("STRING", "'12'"),
    "F": ("BOOLEAN", "true"),
    "A": ("ARRAY<INT>", "[1, 2, NULL]"),
    "M": ("MAP<STRING, INT>", "MAP {'a': 1, 'b': 2}"),
    "ST": ("STRUCT<X INT, `x` STRING>", "row(5, 'y')"),
    "TS": ("TIMESTAMP", "TIMESTAMP '2020-02-03 04:05:06.007'"),
    "DAY": ("DATE", "DATE '2020-02-03'"),
    "CLOCK": ("TIME", "TIME '04:05:00'"),
    "RAW": ("BYTES", "'ab'::BLOB"),
    "ROWTIME": ("BIGINT", "1546300800000"),
}


class Batch:
    """The batch in a database of its own, and the scope of its columns."""

    def __init__(self, registry: Registry | None = None) -> None:
        self.store = Store.open()
        self.env = Env(registry or default_registry())
        entries = [ScopeEntry("T", n, f"v{i}", parse_type(t)) for i, (n, (t, _)) in enumerate(_COLUMNS.items())]
        self.scope = ColumnScope(entries)
        values = [
            sql("{}::{} AS {}", Sql(value), duck_type(e.type), ident(e.column))
            for e, (_, value) in zip(entries, _COLUMNS.values(), strict=True)
        ]
        nulls = [sql("NULL::{} AS {}", duck_type(e.type), ident(e.column)) for e in entries]
        self.store.execute(
            sql(
                "CREATE TEMP TABLE batch AS SELECT 0 AS seq, {} UNION ALL SELECT 1, {}",
                join(", ", values),
                join(", ", nulls),
            )
        )

    def typed(self, text: str) -> Typed:
        """Type an expression over the batch's columns."""
        return type_expression(parse_expression(text), self.scope, self.env)

    def compiled(self, text: str) -> Compiled:
        """Compile an expression over the batch's columns."""
        compiled = compile_expression(self.typed(text))
        self.env.registry.install(self.store)
        return compiled

    def evaluate(self, text: str) -> tuple[Any, Any]:
        """Evaluate an expression over both records: the values, or RAISED."""
        rows = self.store.rows(sql("SELECT {} FROM batch ORDER BY seq", self.compiled(text).attempt))
        first, second = (RAISED if row is None else row["v"] for (row,) in rows)
        return first, second

    def evaluate_alone(self, text: str) -> Any:
        """Evaluate an expression over the first record as a batch of its own."""
        self.store.execute(sql("CREATE OR REPLACE TEMP TABLE alone AS SELECT * FROM batch WHERE seq = 0"))
        [(row,)] = self.store.rows(sql("SELECT {} FROM alone", self.compiled(text).attempt))
        return RAISED if row is None else row["v"]

    def passing(self, text: str) -> list[int]:
        """List the records for which a WHERE condition is true."""
        condition = compile_predicate(self.typed(text))
        assert not condition.can_raise
        return [seq for (seq,) in self.store.rows(sql("SELECT seq FROM batch WHERE {} ORDER BY seq", condition.sql))]

    def decides(self, text: str) -> bool | str:
        """Evaluate a WHERE condition over the first record: whether it passes, or RAISED."""
        attempt = compile_predicate(self.typed(text)).attempt
        self.env.registry.install(self.store)
        [(row,)] = self.store.rows(sql("SELECT {} FROM batch WHERE seq = 0", attempt))
        return RAISED if row is None else bool(row["v"])
