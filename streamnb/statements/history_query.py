"""A SELECT over history as a tree: parsed, its names folded and resolved, and what it may call checked twice.

sqlglot parses the user's text and prints a new one from the tree; DuckDB then parses that text without running it, and
its own tree (which has every default and every rewriting in it) is held against lists of what is allowed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel, ParseError, TokenError, UnsupportedError

from streamnb.catalog import closest
from streamnb.duck import Sql, lit, sql
from streamnb.errors import KsqlFunctionError, KsqlStatementError, ParseFailedError, Span
from streamnb.statements.history_bindings import bind
from streamnb.statements.history_functions import ROW_SOURCES, SCALARS
from streamnb.store import Store

__all__ = ["OPENS", "HistoryQuery", "find_name", "parse_history", "prefix"]

prefix = "history:"
OPENS = re.compile(r"(\s|--[^\n]*\n|/\*.*?\*/|\()*(SELECT|WITH|FROM|VALUES)\b", re.IGNORECASE | re.DOTALL)
_RELATIONS = frozenset({"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT"})


class _Dialect(DuckDB):
    """DuckDB's SQL with ksqlDB's back quotes."""

    class Tokenizer(DuckDB.Tokenizer):
        IDENTIFIERS: ClassVar = ['"', "`"]


@dataclass(frozen=True)
class HistoryQuery:
    """A parsed SELECT whose tables are in place; ``names`` are those of the columns it names."""

    tree: exp.Query
    text: str
    names: frozenset[str]

    def mentions(self, name: str) -> bool:
        """Tell whether a column name stands anywhere in the query."""
        return name in self.names

    def printed(self, store: Store, own: Collection[str] = ()) -> Sql:
        """Print the query for DuckDB, and check what DuckDB reads there; ``own`` names functions that it may call too.

        Raises: KsqlError for what is not allowed.
        """
        try:
            text = Sql(self.tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE, comments=False))
        except UnsupportedError as error:
            raise KsqlStatementError(f"This SELECT is not supported: {error}") from None
        answer = json.loads(store.rows(sql("SELECT json_serialize_sql({})", lit(text)))[0][0])
        if answer["error"] or len(answer["statements"]) != 1:
            reason = str(answer.get("error_message", "it is more than one statement"))
            unread = "syntax error" in reason or "without selection list" in reason
            raise (ParseFailedError if unread else KsqlStatementError)(
                f"This SELECT is not supported: {reason}",
                summary="this form of SELECT is not supported over history",
                hint="write one SELECT without parameters and without PIVOT.",
            )
        wrong = _disallowed(answer["statements"][0], SCALARS.union(own))
        if wrong is not None:
            raise self._no_function(store, wrong)
        return text

    def _no_function(self, store: Store, name: str) -> KsqlFunctionError:
        exists = store.rows(sql("SELECT 1 FROM duckdb_functions() WHERE function_name = {} LIMIT 1", lit(name.lower())))
        what = "may not be called over history" if exists else "is not one of DuckDB's"
        near = None if exists else closest(name, SCALARS)
        return KsqlFunctionError(
            f"Can't find any functions with the name '{name.upper()}'",
            summary=f"function {name.upper()} {what}",
            hint=(f"did you mean {near.upper()}? " if near else "")
            + "over history there are DuckDB's functions that compute; none reaches files or settings.",
            span=find_name(self.text, name, call=True),
        )


def parse_history(
    text: str,
    resolve: Callable[[exp.Table, Span | None], str],
    own: Collection[str] = (),
    params: Mapping[str, object] | None = None,
) -> HistoryQuery:
    """Parse one SELECT of DuckDB's. ``resolve`` names the relation that stands for a table, or raises.

    ``own`` are the user's functions, in upper case, which hide others of the same names. ``params`` are what ``:name``
    (a value) and ``{{name}}`` (a name) stand for. Unquoted names are folded to upper case, as in the stream SQL.
    Raises: KsqlStatementError and its kin.
    """
    if OPENS.match(text) is None:
        raise _no_select(text)
    if "\x00" in text:
        raise ParseFailedError("A SELECT over history cannot hold a NUL character", summary="a NUL character is in it")
    bound = bind(text, params)
    try:
        statements = [s for s in _parse(bound.text, own) if s is not None]
    except ParseError as error:
        raise _syntax_error(error, text) from None
    except TokenError:
        raise ParseFailedError(
            "The text cannot be read: a quote or a comment is not closed", summary="a quote or a comment is not closed"
        ) from None
    except IndexError:  # sqlglot's, of a lambda without parameters
        raise ParseFailedError("The text cannot be read") from None
    except RecursionError:
        raise ParseFailedError("The statement is nested too deeply") from None
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise _no_select(text)
    tree = statements[0]
    bound.put_into(tree)
    for identifier in tree.find_all(exp.Identifier):
        if not identifier.quoted:
            identifier.set("this", identifier.name.upper())
    names = frozenset(c.name for c in tree.find_all(exp.Column)) | frozenset(i.name for i in _using(tree))
    _name_columns(tree)
    _resolve(tree, frozenset(), resolve)
    return HistoryQuery(tree, text, names)


def _parse(text: str, own: Collection[str]) -> list[exp.Expr | None]:
    """Parse a text; the user's functions are none that sqlglot knows by their names."""
    dialect = _Dialect()
    if not own:
        return list(dialect.parse(text))
    base = type(dialect.parser())
    known = {name: build for name, build in base.FUNCTIONS.items() if name not in own}
    parser = type("OwnParser", (base,), {"FUNCTIONS": known})(dialect=dialect)
    found: list[exp.Expr | None] = parser.parse(dialect.tokenize(text), text)
    return found


def _no_select(text: str) -> ParseFailedError:
    return ParseFailedError(
        "Expected exactly one SELECT statement",
        summary="one SELECT is expected",
        hint="over history there is SELECT only; one statement at a time.",
        span=Span(0, len(text)),
    )


def _name_columns(tree: exp.Query) -> None:
    """Name the computed columns of the result by their text, not by what DuckDB makes of it."""
    if not isinstance(tree, exp.Select):
        return
    for item in list(tree.expressions):
        stars = [s for s in item.find_all(exp.Star, exp.Columns) if not isinstance(s.parent, exp.Count)]
        plain = isinstance(item, exp.Alias | exp.Aliases | exp.Column | exp.Dot)
        if not plain and not stars and item.find(exp.Unnest, exp.Explode) is None:
            item.replace(exp.alias_(item.copy(), item.sql(dialect="duckdb", comments=False), quoted=True))


def _using(tree: exp.Query) -> Iterator[exp.Identifier]:
    for join in tree.find_all(exp.Join):
        yield from (i for i in join.args.get("using") or () if isinstance(i, exp.Identifier))


def _syntax_error(error: ParseError, text: str) -> ParseFailedError:
    """Tell where sqlglot lost the thread."""
    found = error.errors[0]
    word = found.get("highlight") or ""
    lines = text.split("\n")
    line = min(found.get("line") or 1, len(lines))
    start = sum(len(x) + 1 for x in lines[: line - 1]) + max((found.get("col") or 1) - len(word), 0)
    at_end = not text[start + len(word) :].strip()
    what = f"Syntax error at or behind '{word}'" if at_end else f"Syntax error at '{word}'"
    return ParseFailedError(
        f"line {line}:{start - text.rfind(chr(10), 0, start)}: {what}",
        summary=what[0].lower() + what[1:],
        hint="this is read as a SELECT of DuckDB's over history; look at the word before.",
        span=Span(start, start + max(len(word), 1)),
    )


def _span(node: exp.Expr) -> Span | None:
    start, end = node.meta.get("start"), node.meta.get("end")
    return None if start is None or end is None else Span(start, end + 1)


def _resolve(node: exp.Expr, ctes: frozenset[str], resolve: Callable[[exp.Table, Span | None], str]) -> None:
    """Put the relations that stand for tables in their places; names of WITH hide those of the catalogue."""
    with_ = node.args.get("with_")
    if isinstance(with_, exp.With):
        for cte in with_.expressions:
            name = cte.alias.upper()
            _resolve(cte.this, ctes | {name} if with_.recursive else ctes, resolve)
            ctes |= {name}
    named = isinstance(node, exp.Table) and not isinstance(node.this, exp.Func)
    if isinstance(node, exp.Table) and named and (node.db or node.name.upper() not in ctes):
        _place(node, resolve(node, _span(node.this)))
    for child in node.iter_expressions():
        if child is not with_:
            _resolve(child, ctes, resolve)


def _place(table: exp.Table, relation: str) -> None:
    name = table.name
    table.set("this", exp.to_identifier(relation, quoted=True))
    table.set("db", exp.to_identifier("temp"))
    table.set("catalog", None)
    alias = table.args.get("alias")
    if alias is None:
        table.set("alias", exp.TableAlias(this=exp.to_identifier(name, quoted=True)))
    elif alias.this is None:
        alias.set("this", exp.to_identifier(name, quoted=True))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting.extend(node.values())
        elif isinstance(node, list):
            waiting.extend(node)


def _disallowed(statement: dict[str, Any], functions: Collection[str]) -> str | None:
    """Hold DuckDB's own tree of the printed query against what is allowed; name the first function that is not."""
    nodes = list(_nodes(statement))
    ctes = {entry["key"].upper() for node in nodes if isinstance(node.get("map"), list) for entry in node["map"]}
    ctes |= {node["cte_name"].upper() for node in nodes if "cte_name" in node}
    for node in nodes:
        if "sample" in node and "alias" in node:
            _check_relation(node, ctes)
            if node["type"] == "TABLE_FUNCTION" and node["function"]["function_name"].lower() not in ROW_SOURCES:
                return str(node["function"]["function_name"])
        if "function_name" in node:
            path = node["qualified_name"]["path"]
            if len(path) != 1 or path[0].lower() not in functions:
                return ".".join(path)
        if node.get("class") in ("PARAMETER", "DEFAULT"):
            raise KsqlStatementError("A SELECT over history takes no parameters")
    return None


def _check_relation(node: dict[str, Any], ctes: set[str]) -> None:
    """Let pass what ``_place`` made, names of WITH, and what is built of them."""
    kind = node["type"]
    if kind == "BASE_TABLE":
        catalog, schema, name = node["catalog_name"], node["schema_name"], node["table_name"]
        ours = (catalog, schema) in (("", "temp"), ("temp", "main")) and name.startswith(prefix)
        if not ours and not (not catalog and not schema and name.upper() in ctes):
            raise KsqlStatementError(f"{name} does not exist.", summary=f"stream or table {name} does not exist")
    elif kind not in _RELATIONS:
        raise KsqlStatementError("Only SELECT runs over history", hint="SHOW and DESCRIBE stand alone.")


def find_name(text: str, name: str, *, call: bool = False) -> Span | None:
    """Find where a name stands in the user's text, as a call if asked for."""
    pattern = rf"(?<![\w$])[\"`]?{re.escape(name)}[\"`]?(?![\w$])" + (r"(?=\s*\()" if call else "")
    found = re.search(pattern, text, re.IGNORECASE)
    return None if found is None else Span(*found.span())
