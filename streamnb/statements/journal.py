"""The statements that rebuild a pipeline when its file is opened again.

What is stored is the net result, not the history: a statement goes when what it made is dropped, CREATE OR REPLACE
takes the place of the statement it replaces, and the state of a query stands beside the statement that started it.
So opening a file executes nothing that would destroy state, and never makes a topic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamnb.config import check_setting
from streamnb.duck import sql
from streamnb.sql import ast
from streamnb.store import Store

__all__ = ["Entry", "Journal", "Present", "Waiting", "subject"]

_TABLE = sql(
    "CREATE TABLE IF NOT EXISTS streamnb.statements (id BIGINT, kind VARCHAR, name VARCHAR, text VARCHAR,"
    " properties MAP(VARCHAR, VARCHAR), query_id VARCHAR, status VARCHAR)"
)


@dataclass(frozen=True)
class Entry:
    """A stored statement.

    ``kind`` and ``name`` say what it made (SOURCE, INSERT, CONNECTOR, TYPE, SETTING); ``status`` is that of the query
    it started: RUNNING, PAUSED or TERMINATED.
    """

    id: int
    kind: str
    name: str
    text: str
    properties: Mapping[str, str]
    query_id: str | None
    status: str = "RUNNING"


@dataclass(frozen=True)
class Waiting:
    """A stored statement that cannot be executed for now, and why."""

    entry: Entry
    problem: str


@dataclass(frozen=True)
class Present:
    """What there is after a statement: sources, connectors, the queries with their state, and what waits by its id."""

    sources: frozenset[str]
    connectors: frozenset[str]
    queries: Mapping[str, str]
    waiting: Mapping[int, Waiting] = field(default_factory=dict)


def subject(statement: ast.Statement, query_id: str | None) -> tuple[str, str] | None:
    """Tell what kind of thing a statement makes, and its name; None for one that makes nothing."""
    if isinstance(statement, ast.CreateSource | ast.CreateAs):
        return "SOURCE", statement.name
    if isinstance(statement, ast.InsertInto):
        return "INSERT", query_id or ""
    if isinstance(statement, ast.CreateConnector):
        return "CONNECTOR", statement.name
    if isinstance(statement, ast.CreateType | ast.DropType):  # sources made in between keep their types
        return "TYPE", statement.name
    if isinstance(statement, ast.AlterSystem):
        return "SETTING", check_setting(statement.name, statement.value)[0]
    return None


class Journal:
    """Reads and writes the stored statements, in the caller's transaction."""

    def __init__(self, store: Store) -> None:
        self._store = store
        store.execute(_TABLE)

    def entries(self) -> list[Entry]:
        """List the stored statements in the order in which they are to be executed."""
        rows = self._store.rows(
            sql("SELECT id, kind, name, text, properties, query_id, status FROM streamnb.statements ORDER BY id")
        )
        return [
            Entry(i, kind, name, text, dict(p or {}), query, status) for i, kind, name, text, p, query, status in rows
        ]

    def add(self, kind: str, name: str, text: str, properties: Mapping[str, str], query_id: str | None) -> None:
        """Store a statement; that of a source or setting which is there already takes the old one's place."""
        rows = self._store.rows(
            sql("SELECT id FROM streamnb.statements WHERE kind IN ('SOURCE', 'SETTING') AND kind = ? AND name = ?"),
            (kind, name),
        )
        if rows:
            self.remove(rows[0][0])
            id_ = rows[0][0]
        else:
            id_ = self._store.rows(sql("SELECT coalesce(max(id), 0) + 1 FROM streamnb.statements"))[0][0]
        self._store.execute(
            sql("INSERT INTO streamnb.statements VALUES (?, ?, ?, ?, ?, ?, 'RUNNING')"),
            (id_, kind, name, text, dict(properties), query_id),
        )

    def remove(self, id_: int) -> None:
        """Forget a statement."""
        self._store.execute(sql("DELETE FROM streamnb.statements WHERE id = ?"), (id_,))

    def settle(self, present: Present) -> None:
        """Forget what is no longer there, and note the state of each query."""
        for entry in self.entries():
            status = _status(entry, present)
            if status is None:
                self.remove(entry.id)
            elif status != entry.status:
                self._store.execute(sql("UPDATE streamnb.statements SET status = ? WHERE id = ?"), (status, entry.id))


def _status(entry: Entry, present: Present) -> str | None:
    """Tell the state of what a statement made; None when it is gone."""
    if entry.id in present.waiting:
        return present.waiting[entry.id].entry.status
    if entry.kind in ("TYPE", "SETTING"):
        return entry.status
    if entry.kind == "CONNECTOR":
        return entry.status if entry.name in present.connectors else None
    if entry.kind == "SOURCE" and entry.name not in present.sources:
        return None
    if entry.query_id is None:
        return entry.status
    state = present.queries.get(entry.query_id)
    if state is None:
        return "TERMINATED" if entry.kind == "SOURCE" else None
    return "PAUSED" if state == "PAUSED" else "RUNNING"
