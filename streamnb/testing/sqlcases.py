"""SQL cases: ``--@test`` blocks whose statements run one by one, with ASSERT VALUES and ASSERT STREAM|TABLE."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from streamnb.catalog import DataSource
from streamnb.duck import Sql, ident, join, lit, sql
from streamnb.engine.sides import key_side, value_side
from streamnb.errors import KsqlError, StreamnbError
from streamnb.plan.expressions import EmptyScope, type_expression
from streamnb.plan.sources import declared_schema
from streamnb.schema import BIGINT
from streamnb.serde.decode import decode_batch
from streamnb.sql import ast
from streamnb.sql.parser import parse_statement, split_statements
from streamnb.statements.inserts import constant_sql
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
    return Case(f"{path.stem} - {name}", path.name, "sql", ("\n".join(lines),), {}, body, path.parent)


def run_sql_case(case: Case) -> None:
    """Run an SQL case. Raises: CaseFailure when it does not end as expected."""
    bench = Bench(case.properties)
    expected = case.body.get("expectedException")
    try:
        try:
            _Script(bench, case.folder).run("\n".join(case.statements))
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

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.folder = folder
        self.read: dict[str, int] = {}

    def run(self, script: str) -> None:
        for text in split_statements(script):
            statement = parse_statement(text.text, test_tool=True)
            if isinstance(statement, ast.AssertValues | ast.AssertTombstone):
                self._assert_values(statement)
            elif isinstance(statement, ast.AssertSource):
                self._assert_source(statement)
            elif isinstance(statement, ast.RunScript):
                self.run(self._script(statement, script))
            else:
                self._execute(statement, text.text)

    def _script(self, statement: ast.RunScript, around: str) -> str:
        """Read a script beside the case's file; one that is not there may stand in a comment of the case."""
        file = self.folder / statement.path.lstrip("/")
        if file.is_file():
            return file.read_text(encoding="utf-8")
        told = re.search(r"^-- contents of script:\n((?:--.*\n)+)", around, re.MULTILINE)
        if told is None:
            raise KsqlError(f"Failed to read file: {statement.path}", hint=f"it is looked for in {self.folder}.")
        return re.sub(r"^-- ?", "", told[1], flags=re.MULTILINE)

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
            typed = type_expression(value, EmptyScope(), self.bench.pipeline.env())
            checks.append(sql("{} IS NOT DISTINCT FROM {}", ident(column), constant_sql(typed, type_)))
        found = self.bench.store.rows(sql("SELECT {} FROM {}", join(" AND ", checks), target))[0][0]
        actual = self.bench.records(source.topic)[self.read[source.topic] - 1]
        assert found, f"Expected record does not match actual: {actual}"

    def _assert_source(self, statement: ast.AssertSource) -> None:
        source = self.bench.pipeline.catalog.get(statement.name)
        if source is None:
            raise KsqlError(f"Source {statement.name} does not exist.")
        if source.kind != statement.kind:
            raise KsqlError(f"Expected type does not match actual for source {source.name}.")
        wanted = declared_schema(statement.kind, statement.columns, self.bench.pipeline.env())
        if (wanted.key, wanted.value) != (source.schema.key, source.schema.value):
            raise KsqlError(f"Expected schema does not match actual for source {source.name}.")
        given = {p.name.upper(): str(getattr(p.value, "value", None)) for p in statement.properties}
        if "FORMAT" in given:
            given.setdefault("KEY_FORMAT", given["FORMAT"])
            given.setdefault("VALUE_FORMAT", given["FORMAT"])
        for name, (what, actual) in _properties(source).items():
            if name in given and given[name].upper() != actual.upper():
                raise KsqlError(f"Expected {what} does not match actual for source {source.name}.")


def _properties(source: DataSource) -> dict[str, tuple[str, str]]:
    """List the properties that ASSERT STREAM and TABLE compare: how messages name them, and their values."""
    timestamp = source.timestamp
    return {
        "KAFKA_TOPIC": ("kafka topic", source.topic),
        "KEY_FORMAT": ("key format", source.key_format.name),
        "VALUE_FORMAT": ("value format", source.value_format.name),
        "TIMESTAMP": ("timestamp column", timestamp.column if timestamp else ""),
        "TIMESTAMP_FORMAT": ("timestamp format", (timestamp.pattern or "") if timestamp else ""),
    }
