"""FROM: one source, or a chain of joins."""

from __future__ import annotations

from streamnb.catalog import Catalog
from streamnb.plan.expressions import Env
from streamnb.plan.relations import Relation, scan
from streamnb.sql import ast

__all__ = ["plan_from"]


def plan_from(query: ast.Query, catalog: Catalog, env: Env) -> Relation:
    """Plan the FROM clause. Raises: KsqlStatementError with ksqlDB's wording."""
    first = catalog.source(query.source.name, query.source.span)
    return scan(first, query.source.alias, 0)
