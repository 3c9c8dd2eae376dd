"""The syntax tree of SELECT."""

from __future__ import annotations

from dataclasses import dataclass

from streamnb.sql.ast_expressions import Expression, Node, Star, StructStar

__all__ = [
    "SUBQUERY_ALIAS",
    "UNIT_MS",
    "Duration",
    "Join",
    "OrderItem",
    "Query",
    "SelectItem",
    "SourceRef",
    "SubQuery",
    "Union",
    "Window",
    "Within",
]


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


SUBQUERY_ALIAS = "SUBQUERY"
"""The alias of a sub-query that has none."""


@dataclass(frozen=True)
class SubQuery(Node):
    """A SELECT in parentheses that is read like a source."""

    query: Query
    alias: str = SUBQUERY_ALIAS

    @property
    def name(self) -> str:
        """What messages call it: its alias."""
        return self.alias


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
    right: SourceRef | SubQuery
    condition: Expression
    within: Within | None = None


@dataclass(frozen=True)
class OrderItem(Node):
    """One expression of ORDER BY; a whole number is the place of a result column, from 1."""

    expression: Expression
    descending: bool = False
    nulls_first: bool = False


@dataclass(frozen=True)
class Union(Node):
    """A further SELECT whose rows join those before it; without ``keep_all`` equal rows are one."""

    query: Query
    keep_all: bool


@dataclass(frozen=True)
class Query(Node):
    """A SELECT. ``emit`` is CHANGES, FINAL or None (pull, or the default of a persistent query).

    ``distinct``, ``unions``, ``order_by`` and a SubQuery as a source are none of ksqlDB's. ``order_by``, ``emit`` and
    ``limit`` are about the rows of all unions.
    """

    items: tuple[SelectItem | Star | StructStar, ...]
    source: SourceRef | SubQuery
    joins: tuple[Join, ...] = ()
    window: Window | None = None
    where: Expression | None = None
    group_by: tuple[Expression, ...] = ()
    partition_by: tuple[Expression, ...] = ()
    having: Expression | None = None
    emit: str | None = None
    limit: int | None = None
    distinct: bool = False
    unions: tuple[Union, ...] = ()
    order_by: tuple[OrderItem, ...] = ()

    @property
    def refs(self) -> tuple[SourceRef | SubQuery, ...]:
        """What FROM and the joins read, in order."""
        return (self.source, *(j.right for j in self.joins))
