"""ORDER BY ... LIMIT n: the first n rows in an order, as a table keyed by place.

Of a stream, the state is these rows: what is not among them never will be. Rows that are equal in the order stay in
that of their arrival. Of a table, the state is also its current rows, since one that leaves the first n lets another
one in; equal rows stand in the order of their keys. All rows are looked through only in batches that let one in.
"""

from __future__ import annotations

from dataclasses import dataclass

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.backends.duckdb.operator import BatchShape, Names, Stage
from streamnb.backends.duckdb.steps import Statement, When
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.plan.logical import TopN
from streamnb.state.tables import StateTable

__all__ = ["compile_top_n"]

_META = (("part", "INTEGER"), ("off", "BIGINT"), ("ts", "BIGINT"))


def compile_top_n(node: TopN, source: Sql, target: Sql, shape: BatchShape, names: Names, step: str) -> Stage:
    """Compile ORDER BY with LIMIT; a batch gives the places whose row has changed, under its last ``seq``."""
    top = _Top(node, source, target, shape, names, step)
    return top.of_table() if node.input.is_table else top.of_stream()


@dataclass(frozen=True)
class _Top:
    node: TopN
    source: Sql
    target: Sql
    shape: BatchShape
    names: Names
    step: str

    def of_stream(self) -> Stage:
        shown = self._state("top", [*self._identity(), *self._row()], placed=True)
        candidates = sql(
            "SELECT {0} FROM {1} UNION ALL SELECT {0} FROM {2} WHERE NOT vnull", self._names(), shown.name, self.source
        )
        statements = (self._rank(sql("({})", candidates)), *self._show(shown))
        return Stage((shown,), statements, self._output(), once=True)

    def of_table(self) -> Stage:
        shown = self._state("top", [*self._identity(), *self._row()], placed=True)
        rows = self._state("rows", [*self._identity(), *self._row()])
        last, candidates = self.names.temp(f"{self.step}_last"), self.names.temp(f"{self.step}_candidates")
        identity = [ident(name) for name, _ in self._identity()]
        same = join(" AND ", [sql("s.{0} IS NOT DISTINCT FROM b.{0}", i) for i in identity])
        statements: tuple[Statement, ...] = (
            sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} QUALIFY row_number() OVER (PARTITION BY {} ORDER"
                " BY seq DESC, sub DESC) = 1",
                last,
                self.source,
                join(", ", identity),
            ),
            sql("DELETE FROM {} s WHERE EXISTS (SELECT 1 FROM {} b WHERE {})", rows.name, last, same),
            sql("INSERT INTO {0} SELECT {1} FROM {2} WHERE NOT vnull", rows.name, self._names(), last),
            sql(
                "CREATE OR REPLACE TEMP TABLE {0} AS SELECT {1} FROM {2} s WHERE NOT EXISTS (SELECT 1 FROM {3} b WHERE"
                " {4}) UNION ALL SELECT {1} FROM {3} WHERE NOT vnull",
                candidates,
                self._names(),
                shown.name,
                last,
                same,
            ),
            When(self._is_enough(shown, candidates), (self._rank(candidates),), (self._rank(rows.name),)),
            *self._show(shown),
        )
        return Stage((shown, rows), statements, self._output(), once=True)

    def _is_enough(self, shown: StateTable, candidates: Sql) -> Sql:
        """Ask whether the first rows are among the candidates.

        They are if all rows were shown before, or if the last place went to a row that is not behind the one that had
        it: every row that was not shown is behind that.
        """
        return sql(
            "SELECT (SELECT count(*) FROM {top}) < {n} OR EXISTS (SELECT 1 FROM (SELECT is_bound, row_number() OVER"
            " (ORDER BY {order}, is_bound) AS place FROM (SELECT {names}, false AS is_bound FROM {candidates} UNION ALL"
            " SELECT {names}, true FROM {top} WHERE place = {n})) WHERE is_bound AND place > {n})",
            top=shown.name,
            n=lit(self.node.limit),
            order=self._order(),
            names=self._names(),
            candidates=candidates,
        )

    def _rank(self, rows: Sql) -> Sql:
        """Find the first rows and their places."""
        return sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT row_number() OVER (ORDER BY {order})::INTEGER AS place, * FROM"
            " (SELECT {} FROM {} ORDER BY {order} LIMIT {})",
            self._ranked(),
            self._names(),
            rows,
            lit(self.node.limit),
            order=self._order(),
        )

    def _show(self, shown: StateTable) -> tuple[Sql, ...]:
        """Compare the first rows with those of before, and keep them."""
        values = self.shape.value_columns()
        output = self._output()
        columns = [
            sql("(SELECT max(seq) FROM {}) AS seq", self.source),
            sql("coalesce(r.place, s.place)::BIGINT AS sub"),
            *(sql("coalesce(r.{0}, s.{0}) AS {0}", ident(name)) for name, _ in _META),
            sql("NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr"),
            sql("r.place IS NULL AS vnull"),
            sql("coalesce(r.place, s.place) AS k0"),
            *(sql("r.{0}", v) for v in values),
        ]
        assert len(columns) == len(output.columns())
        new, old = (
            sql("struct_pack({})", join(", ", [sql("{1} := {0}.{1}", side, v) for v in values]))
            for side in (Sql("r"), Sql("s"))
        )
        changes = sql(
            "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} r FULL JOIN {} s USING (place) WHERE r.place IS NULL"
            " OR s.place IS NULL OR {} IS DISTINCT FROM {}",
            self.target,
            join(", ", columns),
            self._ranked(),
            shown.name,
            new,
            old,
        )
        keep = sql("INSERT INTO {} SELECT * FROM {}", shown.name, self._ranked())
        return changes, sql("DELETE FROM {}", shown.name), keep

    def _order(self) -> Sql:
        """Write the order, made total by what tells rows apart."""
        keys = [
            sql(
                "{} {} NULLS {}",
                compile_expression(key.expression).sql,
                Sql("DESC" if key.descending else "ASC"),
                Sql("FIRST" if key.nulls_first else "LAST"),
            )
            for key in self.node.order
        ]
        return join(", ", [*keys, *(ident(name) for name, _ in self._identity())])

    def _identity(self) -> list[tuple[str, Sql]]:
        """The columns that tell rows apart, with their types: a record's place, or the key of a table's row."""
        if not self.node.input.is_table:
            return [("seq", Sql("BIGINT")), ("sub", Sql("BIGINT"))]
        keys = [(f"k{i}", duck_type(type_)) for i, type_ in enumerate(self.shape.keys)]
        return [*keys, ("ws", Sql("BIGINT"))] if self.shape.windowed else keys

    def _row(self) -> list[tuple[str, Sql]]:
        values = [(f"v{i}", duck_type(type_)) for i, type_ in enumerate(self.shape.values)]
        return [*((name, Sql(type_)) for name, type_ in _META), *values]

    def _names(self) -> Sql:
        return join(", ", [ident(name) for name, _ in (*self._identity(), *self._row())])

    def _state(self, name: str, columns: list[tuple[str, Sql]], *, placed: bool = False) -> StateTable:
        place = [("place", Sql("INTEGER"))] if placed else []
        return self.names.state_table(f"{self.step}_{name}", [*place, *columns])

    def _ranked(self) -> Sql:
        return self.names.temp(f"{self.step}_ranked")

    def _output(self) -> BatchShape:
        return BatchShape(self.node.keys, self.node.values)
