"""SQL cases: ``--@test`` blocks whose statements run one by one, with ASSERT VALUES and ASSERT STREAM|TABLE."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from streamnb.backends.duckdb.expressions import compile_expression
from streamnb.catalog import DataSource
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.sides import key_side, value_side
from streamnb.errors import KsqlError, StreamnbError
from streamnb.plan.expressions import EmptyScope, coerce, type_expression
from streamnb.plan.sources import declared_schema
from streamnb.schema import BIGINT
from streamnb.serde.decode import decode_batch
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement, split_statements
from streamnb.store import DatabaseError
from streamnb.testing.bench import Bench
from streamnb.testing.cases import Case
from streamnb.testing.querycases import CaseFailure, expect_error

__all__ = ["load_sql_cases", "run_sql_case"]

_DIRECTIVE = re.compile(r"^--@([a-z.]+):\s*(.*)$")


def load_sql_cases(path: Path) -> Iterator[Case]:
    """Go through the cases of an SQL file; a repeated name is numbered, so that ids are unique."""
    name: str | None = None
    seen: Counter[str] = Counter()
    expected: dict[str, str] = {}
    lines: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), "--@test:"]:
        match = _DIRECTIVE.match(line.strip())
        if match is None:
            lines.append(line)
        elif match[1] == "test":
            if name is not None:
                yield _case(path, name, expected, lines)
            name, expected, lines = match[2].strip(), {}, []
            seen[name] += 1
            name += f" ({seen[name]})" if seen[name] > 1 else ""
        elif match[1] == "expected.error":
            expected["type"] = match[2].strip()
        elif match[1] == "expected.message":
            expected["message"] = match[2].strip()


def _case(path: Path, name: str, expected: dict[str, str], lines: list[str]) -> Case:
    body = {"expectedException": expected} if expected else {}
    return Case(f"{path.stem} - {name}", path.name, "sql", ("\n".join(lines),), {}, body)


def run_sql_case(case: Case) -> None:
    """Run an SQL case. Raises: CaseFailure when it does not end as expected."""
    bench = Bench(case.properties)
    expected = case.body.get("expectedException")
    try:
        try:
            _Script(bench).run("\n".join(case.statements))
        except AssertionError as error:
            if expected is None or not expected.get("type", "").endswith("AssertionError"):
                raise CaseFailure(f"assertion: {error}") from error
            return
        except (StreamnbError, DatabaseError) as error:
            if expected is None:
                raise
            expect_error(expected, error)
            return
        if expected is not None:
            raise CaseFailure(f"no error; expected {expected}")
    finally:
        bench.close()


class _Script:
    """Runs the statements of one case and keeps a read position per topic."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.read: dict[str, int] = {}

    def run(self, script: str) -> None:
        for text in split_statements(script):
            statement = parse_statement(text.text, test_tool=True)
            if isinstance(statement, ast.AssertValues | ast.AssertTombstone):
                self._assert_values(statement)
            elif isinstance(statement, ast.AssertSource):
                self._assert_source(statement)
            else:
                self._execute(statement, text.text)

    def _execute(self, statement: ast.Statement, text: str) -> None:
        log = self.bench.pipeline.engine.log
        if isinstance(statement, ast.CreateSource):
            topic = next((p.value for p in statement.properties if p.name.upper() == "KAFKA_TOPIC"), None)
            if isinstance(topic, ast.StringLiteral) and log.topic(topic.value) is None:
                log.create_topic(topic.value, 1)
        self.bench.execute(text)
        if isinstance(statement, ast.InsertValues):
            source = self.bench.pipeline.catalog.source(statement.target)
            self.bench.feed_through(self.bench.records(source.topic)[-1])

    def _next(self, source: DataSource) -> Sql:
        """Decode the next unread record of a topic into a relation of one row."""
        topic = source.topic
        position = self.read.get(topic, 0)
        records = self.bench.records(topic, position)
        assert records, f"Expected record not found in topic {topic}: it has {position} records"
        self.read[topic] = position + 1
        relation = self.bench.pipeline.engine.log.relation(topic)
        raw = sql("(SELECT off AS i, * FROM {} WHERE off = {})", relation, lit(position))
        target = sql("asserted")
        rejected = decode_batch(self.bench.store, raw, target, key_side(source), value_side(source), [ident("ts")])
        assert not rejected, f"record {position} of {topic} cannot be decoded: {rejected[0].message}"
        return target

    def _assert_values(self, statement: ast.AssertValues | ast.AssertTombstone) -> None:
        source = self.bench.pipeline.catalog.source(statement.source)
        target = self._next(source)
        schema = source.schema
        internal = {c.name: (f"k{i}", c.type) for i, c in enumerate(schema.key)}
        internal |= {c.name: (f"v{i}", c.type) for i, c in enumerate(schema.value)}
        internal["ROWTIME"] = ("ts", BIGINT)
        names = statement.columns or tuple(n for n in internal if n != "ROWTIME")
        checks = [sql("vnull") if isinstance(statement, ast.AssertTombstone) else sql("NOT vnull")]
        for name, value in zip(names, statement.values, strict=True):
            if name not in internal:
                raise KsqlError(f"column {name} does not exist in {source.name}")
            column, type_ = internal[name]
            typed = coerce(type_expression(value, EmptyScope(), self.bench.pipeline.env()), type_)
            checks.append(sql("{} IS NOT DISTINCT FROM {}", ident(column), compile_expression(typed).sql))
        found = self.bench.store.rows(sql("SELECT {} FROM {}", join(" AND ", checks), target))[0][0]
        actual = self.bench.records(source.topic)[self.read[source.topic] - 1]
        assert found, f"Expected record does not match actual: {actual}"

    def _assert_source(self, statement: ast.AssertSource) -> None:
        source = self.bench.pipeline.catalog.get(statement.name)
        assert source is not None and source.kind == statement.kind, f"no {statement.kind} {statement.name}"
        wanted = declared_schema(statement.kind, statement.columns, self.bench.pipeline.env())
        assert wanted.key == source.schema.key, "Expected key columns do not match actual"
        assert wanted.value == source.schema.value, "Expected value columns do not match actual"
        for prop in statement.properties:
            actual = _property(source, prop.name.upper())
            value = getattr(prop.value, "value", None)
            same = actual is None or str(value).upper() == actual.upper()
            assert same, f"Expected {prop.name} does not match: {actual}"


def _property(source: DataSource, name: str) -> str | None:
    return {
        "KAFKA_TOPIC": source.topic,
        "KEY_FORMAT": source.key_format.name,
        "VALUE_FORMAT": source.value_format.name,
        "TIMESTAMP": source.timestamp.column if source.timestamp else "",
    }.get(name)
