"""What expressions cost in a step of a streaming query on ``memory://``: ratios to bare DuckDB over the same records.

Run ``python -m benchmarks.expressions [records] [--markdown FILE]``. Two ratios for each expression: of the operator
(the query's statements over a decoded batch, with the columns that every batch has, to a bare SELECT over the same
batch) and of the whole step (reading, ordering, checking and decoding JSON, then the operator, to one bare SELECT with
from_json over the topic). Expressions differ from DuckDB's where ksqlDB's meaning does, such as overflow, division by
zero and what texts count as numbers.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.page import machine, table, write_section
from streamnb.backends.duckdb.compile import Program, compile_plan
from streamnb.backends.duckdb.operator import Mode
from streamnb.backends.duckdb.steps import run_statements
from streamnb.clock import SystemClock
from streamnb.duck import Sql, lit, sql
from streamnb.engine.readers import EmbeddedReader
from streamnb.engine.task import QueryTask
from streamnb.plan.sinks import plan_create_as
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement
from streamnb.workspace import Workspace

RECORDS = 1_000_000
ROUNDS = 3
ROUNDS_STEP = 2
COLUMNS = "I INT, B BIGINT, D DOUBLE, N INT, S STRING, T STRING, J STRING, MS BIGINT, L ARRAY<INT>"
STRUCTURE = (
    '{"I": "INTEGER", "B": "BIGINT", "D": "DOUBLE", "N": "INTEGER", "S": "VARCHAR", "T": "VARCHAR", "J": "VARCHAR",'
    ' "MS": "BIGINT", "L": ["INTEGER"]}'
)
PLACES = {name.split()[0]: f"v{i}" for i, name in enumerate(COLUMNS.split(", "))}
RECORD = """
SELECT i AS seq, 0 AS sub, 0 AS part, i AS ts, NULL::BLOB AS key, NULL::STRUCT(k VARCHAR, v BLOB)[] AS hdr,
  encode(to_json(struct_pack(
    I := (i * 7919 % 1000)::INTEGER, B := i * 1000003, D := (i % 10007) / 7.0, N := CASE WHEN i % 3 > 0 THEN i % 50 END,
    S := 'item-' || (i % 5000) || '-abc', T := (i % 100000)::VARCHAR, J := '{"a": {"b": ' || (i % 100) || '}}',
    MS := 1500000000000 + i * 1000, L := [i % 10, i % 7, 3]))::VARCHAR) AS value
FROM range({}) r(i)
"""

COLUMN = ("I", "I")
"""What a record costs without an expression."""
EXPRESSIONS: tuple[tuple[str, str], ...] = (  # ksqlDB's, DuckDB's nearest
    ("I + 1", "I + 1"),
    ("B * 3 - I", "B * 3 - I"),
    ("I / 7", "I // 7"),
    ("I % 7", "I % 7"),
    ("D / 3.5E0", "D / 3.5"),
    ("ROUND(D, 2)", "round(D, 2)"),
    ("COALESCE(N, 0)", "coalesce(N, 0)"),
    ("N BETWEEN 10 AND 20", "N BETWEEN 10 AND 20"),
    ("CASE WHEN I < 300 THEN 'low' WHEN I < 600 THEN 'middle' ELSE 'high' END",
     "CASE WHEN I < 300 THEN 'low' WHEN I < 600 THEN 'middle' ELSE 'high' END"),
    ("CAST(I AS STRING)", "I::VARCHAR"),
    ("CAST(D AS STRING)", "D::VARCHAR"),
    ("CAST(T AS INT)", "T::INTEGER"),
    ("UCASE(S)", "upper(S)"),
    ("S || '-' || T", "S || '-' || T"),
    ("SUBSTRING(S, 6, 4)", "substring(S, 6, 4)"),
    ("S LIKE '%9-a%'", "S LIKE '%9-a%'"),
    ("SPLIT(S, '-')[2]", "string_split(S, '-')[2]"),
    ("EXTRACTJSONFIELD(J, '$.a.b')", "json_extract_string(J, '$.a.b')"),
    ("TIMESTAMPTOSTRING(MS, 'yyyy-MM-dd HH:mm:ss')", "strftime(epoch_ms(MS), '%Y-%m-%d %H:%M:%S')"),
    ("TRANSFORM(L, X => X + 1)", "list_transform(L, lambda x: x + 1)"),
)  # fmt: skip


def best(run: Callable[[], object]) -> float:
    """Time the fastest of a few runs, in seconds."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


class Bench:
    """A pipeline in memory, ticked by hand, whose topic holds the records."""

    def __init__(self, records: int) -> None:
        self.workspace = Workspace("memory://", clock=SystemClock(), settings={}, start=False)
        self.pipeline = self.workspace.pipeline
        self.store = self.pipeline.store
        self.records = records
        self.workspace.execute(
            f"CREATE STREAM s ({COLUMNS}) WITH (KAFKA_TOPIC='s', VALUE_FORMAT='JSON', PARTITIONS=1);"
        )
        with self.store.transaction():
            self.pipeline.engine.log.append("s", sql("({})", _records(records)), part=sql("part"))

    def program(self, expression: str) -> Program:
        """Compile the query of one expression."""
        statement = parse_statement(f"CREATE STREAM o AS SELECT {expression} AS x FROM s;")
        assert isinstance(statement, ast.CreateAs)
        planned = plan_create_as(statement, self.pipeline.catalog, self.pipeline.env(), "")
        return compile_plan(planned.query.root, "bench", Mode.LAST, durable=False)

    def step(self, program: Program) -> float:
        """Take all records through one step; returns the seconds. The decoded batch stays."""
        task = QueryTask("bench", program, [EmbeddedReader("s")], self.pipeline.registry, None)
        self.pipeline.registry.install(self.store)
        task.prepare(self.store, earliest=True)
        began = time.perf_counter()
        result = task.step(self.store, self.records)
        seconds = time.perf_counter() - began
        if result.count != self.records or result.log:
            raise SystemExit(f"{result.count} records were taken in, and {len(result.log)} failed")
        return seconds

    def bare(self, expression: str, source: Sql) -> None:
        """Run DuckDB's own expression over a relation with the columns by their names."""
        query = "CREATE OR REPLACE TEMP TABLE bare AS SELECT seq, {} AS x FROM ({})"
        self.store.execute(sql(query, Sql(expression), source))

    def measure(self, ours: str, duck: str) -> tuple[float, float, float, float]:
        """Time the bare operator, ours, the bare step, ours, in seconds."""
        program = self.program(ours)
        step = min(self.step(program) for _ in range(ROUNDS_STEP))
        names = ", ".join(f"{internal} AS {name}" for name, internal in PLACES.items())
        batch = sql("SELECT seq, {} FROM {}", Sql(names), program.inputs[0].batch)
        topic = sql(
            "SELECT off AS seq, unnest(from_json(decode(value), {})) FROM {}",
            lit(STRUCTURE),
            self.pipeline.engine.log.relation("s"),
        )
        bare = best(lambda: self.bare(duck, batch))
        operator = best(lambda: run_statements(self.store, program.statements))
        whole = best(lambda: self.bare(duck, topic))
        return bare, operator, whole, step


def _records(count: int) -> Sql:
    head, _, tail = RECORD.partition("range({})")
    return Sql(f"{head}range({count}){tail}")


Times = tuple[float, float, float, float]


def ratios(times: Times) -> tuple[float, float]:
    """Compare the operator, and the whole step, with bare DuckDB."""
    bare, operator, whole, step = times
    return operator / bare, step / whole


def medians(found: Sequence[tuple[str, Times]]) -> tuple[float, float]:
    """Find the medians of both ratios, the bare column left out."""
    operator, step = zip(*(ratios(times) for _, times in found[1:]), strict=True)
    return statistics.median(operator), statistics.median(step)


def report(found: Sequence[tuple[str, Times]], records: int) -> list[str]:
    """Write the figures as Markdown."""
    head = ["expression", "DuckDB ms", "operator ms", "ratio", "DuckDB from JSON ms", "step ms", "ratio"]
    rows = []
    for shown, times in found:
        of_operator, of_step = ratios(times)
        bare, operator, whole, step = (f"{seconds * 1e3:.0f}" for seconds in times)
        rows.append([f"`{shown}`", bare, operator, f"{of_operator:.2f}", whole, step, f"{of_step:.2f}"])
    rows.append(["median", "", "", f"{medians(found)[0]:.2f}", "", "", f"{medians(found)[1]:.2f}"])
    return [
        f"Made by `python -m benchmarks.expressions {records}`: the fastest of {ROUNDS} runs of the operator over the",
        f"decoded batch, and of {ROUNDS_STEP} of the whole step from the topic's JSON on, {records:,} records",
        f"({machine()}). DuckDB's times are those of its nearest expression over the same.",
        "",
        *table(head, rows),
    ]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("records", type=int, nargs="?", default=RECORDS)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    bench = Bench(options.records)
    head = f"{'':<46} {'bare ms':>8} {'operator':>8} {'ratio':>6} | {'bare ms':>8} {'step':>8} {'ratio':>6}"
    print(f"{bench.records:,} records; over the decoded batch | from the topic's JSON on\n{head}")
    found: list[tuple[str, Times]] = []
    for ours, duck in (COLUMN, *EXPRESSIONS):
        shown = ours if len(ours) <= 45 else ours[:44] + "…"
        found.append((shown, bench.measure(ours, duck)))
        of_operator, of_step = ratios(found[-1][1])
        bare, operator, whole, step = (f"{seconds * 1e3:8.1f}" for seconds in found[-1][1])
        print(f"{shown:<46} {bare} {operator} {of_operator:6.2f} | {whole} {step} {of_step:6.2f}", flush=True)
    operator_median, step_median = medians(found)
    print(f"{'median of the expressions':<46} {'':8} {'':8} {operator_median:6.2f} | {'':8} {'':8} {step_median:6.2f}")
    bench.workspace.close()
    if options.markdown is not None:
        write_section(options.markdown, "Expressions", report(found, options.records))


if __name__ == "__main__":
    main()
