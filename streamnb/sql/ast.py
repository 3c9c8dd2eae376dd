"""The syntax tree of the dialect: small frozen dataclasses, each with the span of its text.

Names of columns, sources and fields are stored resolved: upper case unless they were quoted with back quotes or
double quotes. Types are ``streamnb.schema`` types; a name that is no built-in type is a ``TypeName``.
"""

from __future__ import annotations

import decimal
from dataclasses import dataclass, field

from streamnb.errors import Span
from streamnb.schema import SqlType

NO_SPAN = Span(0, 0)


@dataclass(frozen=True)
class Node:
    """Base of all nodes. The span takes no part in comparison."""

    span: Span = field(default=NO_SPAN, compare=False, repr=False, kw_only=True)


# Expressions


@dataclass(frozen=True)
class Expression(Node):
    """Base of all expressions."""


@dataclass(frozen=True)
class NullLiteral(Expression):
    """NULL."""


@dataclass(frozen=True)
class BooleanLiteral(Expression):
    """TRUE or FALSE."""

    value: bool


@dataclass(frozen=True)
class IntegerLiteral(Expression):
    """A whole number that fits INTEGER (else it is a LongLiteral)."""

    value: int


@dataclass(frozen=True)
class LongLiteral(Expression):
    """A whole number that fits BIGINT only."""

    value: int


@dataclass(frozen=True)
class DecimalLiteral(Expression):
    """A number with a point and no exponent: DECIMAL with the digits as written."""

    value: decimal.Decimal


@dataclass(frozen=True)
class DoubleLiteral(Expression):
    """A number with an exponent."""

    value: float


@dataclass(frozen=True)
class StringLiteral(Expression):
    """Text in single quotes, with the quotes removed."""

    value: str


@dataclass(frozen=True)
class ColumnRef(Expression):
    """A column: ``name``, or ``source.name``."""

    name: str
    source: str | None = None


@dataclass(frozen=True)
class FieldRef(Expression):
    """A field of a struct: ``base->name``."""

    base: Expression
    name: str


@dataclass(frozen=True)
class Subscript(Expression):
    """``base[index]``: an element of an array or the value of a map's key."""

    base: Expression
    index: Expression


@dataclass(frozen=True)
class Call(Expression):
    """A function call; ``COUNT(*)`` has the single argument ``Star``. The name is upper case."""

    name: str
    args: tuple[Expression, ...]


@dataclass(frozen=True)
class Lambda(Expression):
    """``x => body`` or ``(k, v) => body``; an argument is used in the body as a ``ColumnRef``."""

    params: tuple[str, ...]
    body: Expression


@dataclass(frozen=True)
class Cast(Expression):
    """``CAST(operand AS type)``."""

    operand: Expression
    type: SqlType


@dataclass(frozen=True)
class WhenClause(Node):
    """``WHEN condition THEN result``; in a simple CASE ``condition`` is the compared operand."""

    condition: Expression
    result: Expression


@dataclass(frozen=True)
class Case(Expression):
    """A searched CASE (``operand`` is None) or a simple one."""

    operand: Expression | None
    whens: tuple[WhenClause, ...]
    default: Expression | None


@dataclass(frozen=True)
class Unary(Expression):
    """``-x``, ``+x`` or ``NOT x``; ``op`` is ``-``, ``+`` or ``NOT``."""

    op: str
    operand: Expression


@dataclass(frozen=True)
class Binary(Expression):
    """An operator between two operands: + - * / % || AND OR = <> < <= > >=.

    ``!=`` is stored as ``<>``. IS [NOT] DISTINCT FROM is a Binary with that text as its operator.
    """

    op: str
    left: Expression
    right: Expression


@dataclass(frozen=True)
class IsNull(Expression):
    """``operand IS [NOT] NULL``."""

    operand: Expression
    negated: bool = False


@dataclass(frozen=True)
class Between(Expression):
    """``operand [NOT] BETWEEN low AND high``."""

    operand: Expression
    low: Expression
    high: Expression
    negated: bool = False


@dataclass(frozen=True)
class InList(Expression):
    """``operand [NOT] IN (items)``."""

    operand: Expression
    items: tuple[Expression, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like(Expression):
    """``operand [NOT] LIKE pattern [ESCAPE escape]``; ``escape`` is one character."""

    operand: Expression
    pattern: Expression
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True)
class ArrayConstructor(Expression):
    """``ARRAY[a, b]``."""

    items: tuple[Expression, ...]


@dataclass(frozen=True)
class MapConstructor(Expression):
    """``MAP(k := v, ...)``."""

    entries: tuple[tuple[Expression, Expression], ...]


@dataclass(frozen=True)
class StructConstructor(Expression):
    """``STRUCT(name := value, ...)``."""

    fields: tuple[tuple[str, Expression], ...]


@dataclass(frozen=True)
class TimeUnit(Expression):
    """A bare time unit used as an argument, as in ``DATEADD(DAYS, 1, d)``; upper case, plural (``DAYS``)."""

    unit: str


@dataclass(frozen=True)
class AtTimeZone(Expression):
    """``operand AT TIME ZONE zone``."""

    operand: Expression
    zone: Expression


@dataclass(frozen=True)
class Star(Expression):
    """``*`` in a select list or in ``COUNT(*)``; ``source.*`` when ``source`` is given."""

    source: str | None = None


@dataclass(frozen=True)
class StructStar(Node):
    """``struct->*`` in a select list."""

    base: Expression


@dataclass(frozen=True)
class TypeName(SqlType):
    """A type named in a statement that is no built-in one: a custom type to be looked up."""

    name: str

    def __str__(self) -> str:
        return self.name


# Queries


@dataclass(frozen=True)
class SelectItem(Node):
    """An expression of a select list with its alias, if any."""

    expression: Expression
    alias: str | None = None


@dataclass(frozen=True)
class Duration(Node):
    """``5 SECONDS``: the unit is upper case and plural (DAYS, HOURS, MINUTES, SECONDS, MILLISECONDS, ...)."""

    amount: int
    unit: str

    @property
    def ms(self) -> int:
        """The duration in milliseconds."""
        return self.amount * UNIT_MS[self.unit]


UNIT_MS = {
    "MILLISECONDS": 1,
    "SECONDS": 1_000,
    "MINUTES": 60_000,
    "HOURS": 3_600_000,
    "DAYS": 86_400_000,
}


@dataclass(frozen=True)
class Window(Node):
    """A WINDOW clause. ``kind`` is TUMBLING, HOPPING or SESSION; for SESSION ``size`` is the gap."""

    kind: str
    size: Duration
    advance: Duration | None = None
    retention: Duration | None = None
    grace: Duration | None = None


@dataclass(frozen=True)
class SourceRef(Node):
    """A source with its alias (the source's name where none is written)."""

    name: str
    alias: str


@dataclass(frozen=True)
class Within(Node):
    """``WITHIN before`` or ``WITHIN (before, after)``, with ``GRACE PERIOD grace``."""

    before: Duration
    after: Duration
    grace: Duration | None = None


@dataclass(frozen=True)
class Join(Node):
    """One step of a chain of joins. ``kind`` is INNER, LEFT, RIGHT or FULL."""

    kind: str
    right: SourceRef
    condition: Expression
    within: Within | None = None


@dataclass(frozen=True)
class Query(Node):
    """A SELECT. ``emit`` is CHANGES, FINAL or None (pull, or the default of a persistent query)."""

    items: tuple[SelectItem | Star | StructStar, ...]
    source: SourceRef
    joins: tuple[Join, ...] = ()
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    partition_by: tuple[Expression, ...] = ()
    having: Expression | None = None
    emit: str | None = None
    limit: int | None = None


# Statements


@dataclass(frozen=True)
class Statement(Node):
    """Base of all statements."""


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
    """INSERT INTO target [(columns)] VALUES (values); no columns means all of them."""

    target: str
    columns: tuple[str, ...]
    values: tuple[Expression, ...]


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
