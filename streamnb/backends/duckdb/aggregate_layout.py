"""What all forms of aggregation share: names of columns, the reading of records, the state write, the output.

Theory of operation. ``records`` evaluates group and argument expressions once per record, drops records without a
group, and numbers the rest by ``ord`` = seq · 2^32 + sub, the total order of the query as one number. ``changes``
computes partials (grouped for the last change per key, running over ``ord`` for every change), looks the old states up
and merges. State rows are replaced by ``rowid``. A row is *shown* while HAVING holds; the state remembers it, so that
a row which stops matching leaves a tombstone, wherever the batch was cut.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from streamnb.backends.duckdb.expressions import Compiled, compile_expression
from streamnb.backends.duckdb.operator import ERRORS, BatchShape, Mode, Names, Probe
from streamnb.duck import Sql, duck_type, ident, join, lit, sql
from streamnb.errors import KsqlStatementError
from streamnb.functions.aggregate import Frame, ResolvedAggregate
from streamnb.plan.logical import AggregateCall, WindowSpec
from streamnb.plan.typed import Typed
from streamnb.schema import BIGINT, SqlType
from streamnb.state.tables import StateTable

__all__ = ["AggregateSpec", "Layout"]

RECORD_PROCESSING = 1
CHUNK_ROWS = 256
ARGUMENT_FAILED = "an argument of an aggregate cannot be evaluated, it counts as null"
RUNNING = Frame(Sql("running"))
GROUPED = Frame()


@dataclass(frozen=True)
class AggregateSpec:
    """A GROUP BY: group expressions and aggregate calls over the input's columns, window, HAVING.

    ``having`` refers to the output's columns k0.., v0.., ws, we, ts. ``part`` of the input must be a function of the
    group where there is a window, as after a repartition: it says whose stream time counts.
    """

    group: tuple[Typed, ...]
    calls: tuple[AggregateCall, ...]
    window: WindowSpec | None = None
    having: Typed | None = None
    emit_final: bool = False
    input_is_table: bool = False


def comma(*pieces: Sql | Sequence[Sql]) -> Sql:
    """List pieces, and the members of lists of pieces, with commas."""
    flat: list[Sql] = []
    for piece in pieces:
        flat += [piece] if isinstance(piece, Sql) else list(piece)
    return join(", ", flat)


@dataclass(frozen=True)
class Layout:
    """The names, types and SQL pieces of one aggregation."""

    spec: AggregateSpec
    names: Names
    mode: Mode

    @cached_property
    def group(self) -> list[Compiled]:
        """The group expressions."""
        return [compile_expression(g) for g in self.spec.group]

    @cached_property
    def args(self) -> list[tuple[Sql, Compiled]]:
        """The argument expressions with the columns that take them."""
        pairs = [(i, j, a) for i, c in enumerate(self.spec.calls) for j, a in enumerate(c.args)]
        return [(ident(f"x{i}_{j}"), compile_expression(a)) for i, j, a in pairs]

    @cached_property
    def having(self) -> Compiled | None:
        """The HAVING condition."""
        return compile_expression(self.spec.having) if self.spec.having is not None else None

    @property
    def shape(self) -> BatchShape:
        """The shape of the output."""
        keys = tuple(_type_of(g) for g in self.spec.group)
        values = tuple(c.aggregate.result_type for c in self.spec.calls)
        return BatchShape(keys, values, self.spec.window is not None)

    @property
    def window(self) -> WindowSpec:
        """The window of a windowed aggregation."""
        if self.spec.window is None:
            raise ValueError("the aggregation has no window")
        return self.spec.window

    @property
    def keys(self) -> list[Sql]:
        """The group columns."""
        return self.shape.key_columns()

    @property
    def identity(self) -> list[Sql]:
        """The columns that name a row of state: the group, and the window's start."""
        return [*self.keys, ident("ws")] if self.spec.window is not None else self.keys

    def table(self, name: str) -> Sql:
        """Name a TEMP table of this operator."""
        return self.names.temp(f"agg_{name}")

    @property
    def rows(self) -> StateTable:
        """The state: one row per group and window."""
        windowed = self.spec.window is not None
        session = windowed and self.window.kind == "SESSION"
        columns = [(f"k{i}", duck_type(t)) for i, t in enumerate(self.shape.keys)]
        columns += [("ws", Sql("BIGINT"))] if windowed else []
        columns += [("we", Sql("BIGINT"))] if session else []
        columns += [("part", Sql("INTEGER"))] if windowed else []
        columns += [("rt", Sql("BIGINT"))]
        columns += [(f"a{i}_{j}", type_) for i, a in enumerate(self.aggregates) for j, type_ in enumerate(a.parts)]
        columns += [("shown", Sql("BOOLEAN"))] if self.tracks_shown else []
        return self.names.state_table("agg", columns)

    @property
    def clock(self) -> StateTable:
        """Stream time and the number of late records, per partition."""
        columns = [("part", Sql("INTEGER")), ("st", Sql("BIGINT")), ("late", Sql("BIGINT"))]
        return self.names.state_table("agg_clock", columns)

    @property
    def tracks_shown(self) -> bool:
        """Whether the state remembers if HAVING held."""
        return self.spec.having is not None and not self.spec.emit_final

    @property
    def every(self) -> bool:
        """Whether every change leaves the operator."""
        return self.mode is Mode.EVERY and not self.spec.emit_final

    @property
    def chunked(self) -> bool:
        """Whether running partials are as long as a key's records, and the batch is therefore taken in pieces."""
        return self.every and any(a.grows for a in self.aggregates)

    @cached_property
    def aggregates(self) -> list[ResolvedAggregate]:
        """The aggregates; over a table those forms that take a sign behind their arguments."""
        resolved = [c.aggregate for c in self.spec.calls]
        if not self.spec.input_is_table:
            return resolved
        over_table = [a.over_table for a in resolved]
        refused = [a.name for a in resolved if a.over_table is None]
        if refused:
            raise KsqlStatementError(
                f"The aggregation function(s) ({', '.join(refused)}) cannot be applied to a table source, only to a"
                " stream source."
            )
        return [a for a in over_table if a is not None]

    def parts(self, prefix: str) -> list[Sql]:
        """The part columns of all calls, with a prefix: a (new), o (old) or p (partial)."""
        return [p for i in range(len(self.spec.calls)) for p in self.parts_of(i, prefix)]

    def parts_of(self, call: int, prefix: str, relation: str | None = None) -> list[Sql]:
        """The part columns of one call."""
        path = [] if relation is None else [relation]
        return [ident(*path, f"{prefix}{call}_{j}") for j in range(len(self.aggregates[call].parts))]

    def arguments_of(self, call: int) -> list[Sql]:
        """The argument columns of one call."""
        columns = [ident(f"x{call}_{j}") for j in range(len(self.spec.calls[call].args))]
        return [*columns, Sql("sign")] if self.spec.input_is_table else columns

    def partials(self, frame: Frame) -> list[Sql]:
        """The partials of all calls, named p."""
        out = []
        for i, aggregate in enumerate(self.aggregates):
            values = aggregate.partial(frame, self.arguments_of(i))
            out += [sql("{} AS {}", v, n) for v, n in zip(values, self.parts_of(i, "p"), strict=True)]
        return out

    def merges(self) -> list[Sql]:
        """The merges of old parts (of relation s) with partials (of relation p), named a."""
        out = []
        for i, aggregate in enumerate(self.aggregates):
            values = aggregate.merge(self.parts_of(i, "a", "s"), self.parts_of(i, "p", "p"))
            out += [sql("{} AS {}", v, n) for v, n in zip(values, self.parts_of(i, "a"), strict=True)]
        return out

    def results(self) -> list[Sql]:
        """The results of all calls from the parts named a."""
        return [a.finish(self.parts_of(i, "a")) for i, a in enumerate(self.aggregates)]

    def named_results(self) -> list[Sql]:
        """The results of all calls, named v0, v1, ..."""
        return [sql("{} AS {}", r, v) for r, v in zip(self.results(), self.shape.value_columns(), strict=True)]

    # Reading

    @property
    def evaluates_apart(self) -> bool:
        """Whether an expression can raise, so that records are evaluated into a table of their own first."""
        return any(c.can_raise for c in self.group) or any(c.can_raise for _, c in self.args)

    def evaluate(self, source: Sql) -> Iterator[Sql]:
        """Evaluate the expressions that can raise, one struct each: NULL when it raised."""
        if self.evaluates_apart:
            named = [sql("{} AS {}", _guarded(c), ident(f"g{i}")) for i, c in enumerate(self.group)]
            named += [sql("{} AS {}", _guarded(c), column) for column, c in self.args]
            yield sql(
                "CREATE OR REPLACE TEMP TABLE {} AS SELECT seq, sub, part, off, ts, hdr, {} FROM {} WHERE NOT vnull",
                self.table("e"),
                comma(named),
                source,
            )

    def records(self, source: Sql) -> Sql:
        """Select the records that have a group: ord, part, off, ts, hdr, the group as k, the arguments as x."""
        groups = [(ident(f"g{i}"), c) for i, c in enumerate(self.group)]
        if self.evaluates_apart:
            values = [sql("{0}.v AS {0}" if c.can_raise else "{0}", n) for n, c in (*groups, *self.args)]
            relation = self.table("e")
        else:
            values = [sql("{} AS {}", c.sql, n) for n, c in (*groups, *self.args)]
            relation = sql("{} WHERE NOT vnull", source)
        renamed = [sql("{} AS {}", g, k) for (g, _), k in zip(groups, self.keys, strict=True)]
        return sql(
            "SELECT {} FROM (SELECT (seq::HUGEINT << 32) + sub AS ord, part, off, ts, hdr, {} FROM {}) WHERE {}",
            comma(Sql("ord"), Sql("part"), Sql("off"), Sql("ts"), Sql("hdr"), renamed, [n for n, _ in self.args]),
            comma(values),
            relation,
            join(" AND ", [sql("{} IS NOT NULL", g) for g, _ in groups]),
        )

    def chunk(self) -> list[Sql]:
        """The column ``ch``: which piece of its key's records a record is in, from 0; only where that is needed."""
        if not self.chunked:
            return []
        return [
            sql(
                "(row_number() OVER (PARTITION BY {} ORDER BY ord) - 1) // {} AS ch",
                comma(self.identity),
                lit(CHUNK_ROWS),
            )
        ]

    # Errors

    def log(self, source: Sql, more: Sequence[Sql] = ()) -> Sql:
        """Write what could not be evaluated, records without a group, and ``more``, to the errors."""
        rows = list(more)
        if not self.evaluates_apart:
            null = join(" OR ", [sql("({}) IS NULL", c.sql) for c in self.group])
            rows.append(self.error("a group expression is null, the record is left out", source, null))
            rows[-1] = sql("{} AND NOT vnull", rows[-1])
        else:
            table = self.table("e")
            for i, c in enumerate(self.group):
                column = ident(f"g{i}")
                if c.can_raise:
                    rows.append(self.error(_group_failed(i), table, sql("{} IS NULL", column)))
                value = sql("{0} IS NOT NULL AND {0}.v IS NULL" if c.can_raise else "{0} IS NULL", column)
                rows.append(self.error(f"group expression {i + 1} is null, the record is left out", table, value))
            for column, c in self.args:
                if c.can_raise:
                    rows.append(self.error(ARGUMENT_FAILED, table, sql("{} IS NULL", column)))
        return sql("INSERT INTO {} {}", ERRORS, join(" UNION ALL ", rows))

    def probes(self, source: Sql) -> tuple[Probe, ...]:
        """Tell why groups and arguments could not be evaluated."""
        records = sql("(SELECT * FROM {} WHERE NOT vnull)", source)
        groups = [(_group_failed(i), c) for i, c in enumerate(self.group)]
        tried = [*groups, *((ARGUMENT_FAILED, c) for _, c in self.args)]
        return tuple(Probe(message, records, c.sql) for message, c in tried if c.can_raise)

    def log_functions(self, changed: Sql) -> list[Sql]:
        """Write what went wrong inside of aggregate functions to the errors, once per record.

        The errors know only the records' numbers; their places are looked up by these.
        """
        return [
            sql(
                "INSERT INTO {} SELECT DISTINCT {}, {}, NULL::INTEGER, NULL::BIGINT, e.q, e.m FROM"
                " (SELECT unnest({}) AS e FROM {})",
                ERRORS,
                lit(self.names.query_id),
                lit(RECORD_PROCESSING),
                aggregate.errors(self.parts_of(i, "a")),
                changed,
            )
            for i, aggregate in enumerate(self.aggregates)
            if aggregate.errors is not None
        ]

    def error(self, message: str, relation: Sql, where: Sql, detail: Sql | None = None) -> Sql:
        """Select error rows out of a relation with part, off and seq."""
        text = lit(message) if detail is None else sql("{} || {}", lit(message), detail)
        return sql(
            "SELECT {}, {}, part, off, seq, {} FROM {} WHERE ({})",
            lit(self.names.query_id),
            lit(RECORD_PROCESSING),
            text,
            relation,
            where,
        )

    # Changes

    def changes(self, records: Sql, *, where: Sql | None = None) -> Sql:
        """Select the changed rows: rid (old row), ord, part, identity, rt, parts as a, old shown.

        What an output takes from its record is in columns of their own (off, hdr, wi) where every change has one, else
        in those of the newest record, ``newest``.
        """
        condition = sql(" WHERE {}", where) if where is not None else Sql("")
        rank = [ident("wi")] if self.spec.window is not None else []
        extra = [*rank, ident("emit")] if self.spec.input_is_table else rank
        if self.every:
            over = sql("PARTITION BY {} ORDER BY ord", comma(self.identity))
            partial = sql(
                "SELECT {}, max(ts) OVER running AS rt, lead(ord) OVER ({}) IS NULL AS is_last, {} FROM {}{}"
                " WINDOW running AS ({} ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)",
                comma(self.identity, extra, Sql("ord"), Sql("part"), Sql("off"), Sql("hdr")),
                over,
                comma(self.partials(RUNNING)),
                records,
                condition,
                over,
            )
            carried = [*extra, Sql("off"), Sql("hdr"), Sql("is_last")]
        else:
            partial = sql(
                "SELECT {}, max(ord) AS ord, max(part) AS part, max(ts) AS rt, arg_max(struct_pack({}), ord) AS newest,"
                " {} FROM {}{} GROUP BY {}",
                comma(self.identity),
                comma([sql("{0} := {0}", c) for c in (ident("part"), ident("off"), ident("hdr"), *rank)]),
                comma(self.partials(GROUPED)),
                records,
                condition,
                comma(self.identity),
            )
            carried = [ident("newest")]
        columns = [sql("p.{}", c) for c in (*self.identity, Sql("ord"), Sql("part"), *carried)]
        shown = [Sql("s.shown AS was_shown")] if self.tracks_shown else []
        return sql(
            "SELECT s.rowid AS rid, {} FROM ({}) p LEFT JOIN {} s ON {}",
            comma(columns, Sql("greatest(s.rt, p.rt) AS rt"), shown, self.merges()),
            partial,
            self.rows.name,
            join(" AND ", [sql("s.{0} = p.{0}", c) for c in self.identity]),
        )

    def window_end(self) -> list[Sql]:
        """The column ``we`` of a time window's row."""
        if self.spec.window is None:
            return []
        return [sql("ws + {} AS we", lit(self.window.size_ms))]

    def with_having(self, changes: Sql) -> Sql:
        """Add to changed rows their results, ``pass`` (HAVING holds), ``raised``, and ``prev`` (the row was shown)."""
        if self.having is None:
            return changes
        finished = sql(
            "SELECT *, rt AS ts, {} FROM ({})",
            comma(self.window_end(), self.named_results()),
            changes,
        )
        before = Sql("coalesce(was_shown, false)")
        shown = Sql("pass")
        if self.every:
            over = sql("OVER (PARTITION BY {} ORDER BY ord)", comma(self.identity))
            before = sql("coalesce(lag(pass) {}, was_shown, false)", over)
            if self.spec.input_is_table:
                # a step within one group is two records, of which the first one does not show
                skipped = sql("coalesce(lag(pass, 2) {}, was_shown, false)", over)
                before = sql("CASE WHEN lag(emit) {} = false THEN {} ELSE {} END", over, skipped, before)
                shown = Sql("CASE WHEN emit THEN pass ELSE prev END")
        return sql(
            "SELECT *, {} AS shown FROM (SELECT * EXCLUDE (h), {} AS prev FROM (SELECT *, coalesce(h.v, false) AS pass,"
            " h IS NULL AS raised FROM (SELECT *, {} AS h FROM ({}))))",
            shown,
            before,
            self.judged(),
            finished,
        )

    def judged(self) -> Sql:
        """HAVING in a struct, NULL when it raised."""
        if self.having is None:
            return Sql("struct_pack(v := true)")
        return self.having.attempt if self.having.can_raise else sql("struct_pack(v := {})", self.having.sql)

    @property
    def window_kind(self) -> str | None:
        """TUMBLING, HOPPING, SESSION or None."""
        return self.spec.window.kind if self.spec.window is not None else None


def _group_failed(index: int) -> str:
    return f"group expression {index + 1} cannot be evaluated, the record is left out"


def _guarded(compiled: Compiled) -> Sql:
    return compiled.attempt if compiled.can_raise else compiled.sql


def _type_of(typed: Typed) -> SqlType:
    return typed.type if typed.type is not None else BIGINT
