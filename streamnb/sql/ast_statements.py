"""The syntax tree of statements."""

from __future__ import annotations

from dataclasses import dataclass, field

from streamnb.errors import Span
from streamnb.schema import SqlType
from streamnb.sql.ast_expressions import NO_SPAN, Expression, Node
from streamnb.sql.ast_queries import Duration, Query

__all__ = [
    "AlterSource",
    "AlterSystem",
    "AssertSchema",
    "AssertSource",
    "AssertTombstone",
    "AssertTopic",
    "AssertValues",
    "ColumnDef",
    "CreateAs",
    "CreateConnector",
    "CreateSource",
    "CreateType",
    "Define",
    "Describe",
    "DropConnector",
    "DropSource",
    "DropType",
    "Explain",
    "InsertInto",
    "InsertValues",
    "PrintTopic",
    "Property",
    "QueryControl",
    "RunScript",
    "Select",
    "SetProperty",
    "Show",
    "Statement",
    "Undefine",
    "UnsetProperty",
]


@dataclass(frozen=True)
class Statement(Node):
    """Base of all statements. ``at`` is where the name stands of what the statement is about, if it names anything."""

    at: Span = field(default=NO_SPAN, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True)
class Property(Node):
    """One ``NAME = literal`` of a WITH clause; the name is upper case unless it was quoted."""

    name: str
    value: Expression


@dataclass(frozen=True)
class ColumnDef(Node):
    """A declared column. ``constraint`` is None, KEY, PRIMARY KEY or HEADERS (with ``header_key`` for one header)."""

    name: str
    type: SqlType
    constraint: str | None = None
    header_key: str | None = None


@dataclass(frozen=True)
class CreateSource(Statement):
    """CREATE [OR REPLACE] [SOURCE] STREAM|TABLE with declared columns."""

    kind: str  # STREAM or TABLE
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False
    is_source: bool = False


@dataclass(frozen=True)
class CreateAs(Statement):
    """CREATE [OR REPLACE] STREAM|TABLE ... AS SELECT."""

    kind: str
    name: str
    query: Query
    properties: tuple[Property, ...] = ()
    or_replace: bool = False
    if_not_exists: bool = False


@dataclass(frozen=True)
class InsertInto(Statement):
    """INSERT INTO target [WITH (...)] SELECT."""

    target: str
    query: Query
    properties: tuple[Property, ...] = ()


@dataclass(frozen=True)
class InsertValues(Statement):
    """INSERT INTO target [(columns)] VALUES (values); no columns means all of them. ``places``: where these stand."""

    target: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]
    places: tuple[Span, ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class DropSource(Statement):
    """DROP STREAM|TABLE [IF EXISTS] name [DELETE TOPIC]."""

    kind: str
    name: str
    if_exists: bool = False
    delete_topic: bool = False


@dataclass(frozen=True)
class AlterSource(Statement):
    """ALTER STREAM|TABLE name ADD COLUMN ..."""

    kind: str
    name: str
    columns: tuple[ColumnDef, ...]


@dataclass(frozen=True)
class CreateType(Statement):
    """CREATE TYPE [IF NOT EXISTS] name AS type."""

    name: str
    type: SqlType
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropType(Statement):
    """DROP TYPE [IF EXISTS] name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class CreateConnector(Statement):
    """CREATE SOURCE|SINK CONNECTOR [IF NOT EXISTS] name WITH (...)."""

    kind: str  # SOURCE or SINK
    name: str
    properties: tuple[Property, ...]
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropConnector(Statement):
    """DROP CONNECTOR [IF EXISTS] name."""

    name: str
    if_exists: bool = False


@dataclass(frozen=True)
class Select(Statement):
    """A SELECT on its own: a push query when it has EMIT, else a pull query."""

    query: Query


@dataclass(frozen=True)
class PrintTopic(Statement):
    """PRINT topic [FROM BEGINNING] [INTERVAL|SAMPLE n] [LIMIT n]."""

    topic: str
    from_beginning: bool = False
    interval: int | None = None
    limit: int | None = None


@dataclass(frozen=True)
class QueryControl(Statement):
    """TERMINATE, PAUSE or RESUME of a query id, or of all queries (``query_id`` is None)."""

    action: str
    query_id: str | None


@dataclass(frozen=True)
class Explain(Statement):
    """EXPLAIN of a statement or of a query id."""

    statement: Statement | None = None
    query_id: str | None = None


@dataclass(frozen=True)
class Show(Statement):
    """SHOW|LIST what [EXTENDED].

    ``what``: STREAMS, TABLES, TOPICS, ALL TOPICS, QUERIES, FUNCTIONS, PROPERTIES, TYPES, VARIABLES, CONNECTORS,
    SOURCE CONNECTORS, SINK CONNECTORS, CONNECTOR PLUGINS.
    """

    what: str
    extended: bool = False


@dataclass(frozen=True)
class Describe(Statement):
    """DESCRIBE of a source, a function, a connector, or of all STREAMS or TABLES.

    ``what``: SOURCE, FUNCTION, CONNECTOR, STREAMS, TABLES.
    """

    what: str
    name: str | None = None
    extended: bool = False


@dataclass(frozen=True)
class SetProperty(Statement):
    """SET 'name' = 'value'."""

    name: str
    value: str


@dataclass(frozen=True)
class UnsetProperty(Statement):
    """UNSET 'name'."""

    name: str


@dataclass(frozen=True)
class AlterSystem(Statement):
    """ALTER SYSTEM 'name' = 'value'."""

    name: str
    value: str


@dataclass(frozen=True)
class Define(Statement):
    """DEFINE name = 'value'."""

    name: str
    value: str


@dataclass(frozen=True)
class Undefine(Statement):
    """UNDEFINE name."""

    name: str


@dataclass(frozen=True)
class RunScript(Statement):
    """RUN SCRIPT 'file'."""

    path: str


@dataclass(frozen=True)
class AssertTopic(Statement):
    """ASSERT [NOT EXISTS] TOPIC name [WITH (...)] [TIMEOUT duration]."""

    name: str
    properties: tuple[Property, ...] = ()
    timeout: Duration | None = None
    exists: bool = True


@dataclass(frozen=True)
class AssertSchema(Statement):
    """ASSERT [NOT EXISTS] SCHEMA [SUBJECT s] [ID i] [TIMEOUT duration]."""

    subject: str | None = None
    schema_id: int | None = None
    timeout: Duration | None = None
    exists: bool = True


@dataclass(frozen=True)
class AssertValues(Statement):
    """ASSERT VALUES source (columns) VALUES (values), of the test tool."""

    source: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class AssertTombstone(Statement):
    """ASSERT NULL VALUES source (columns) KEY (values), of the test tool."""

    source: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]


@dataclass(frozen=True)
class AssertSource(Statement):
    """ASSERT STREAM|TABLE name (columns) WITH (...), of the test tool."""

    kind: str
    name: str
    columns: tuple[ColumnDef, ...] = ()
    properties: tuple[Property, ...] = ()
