"""What expressions can use beside columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from streamnb.functions.registry import Registry
from streamnb.plan.types import named_type
from streamnb.schema import SqlType

__all__ = ["Env", "resolve_type"]


@dataclass(frozen=True)
class Env:
    """Functions, custom types by name, and the session's settings."""

    registry: Registry
    types: Mapping[str, SqlType] = field(default_factory=dict)
    config: Mapping[str, str] = field(default_factory=dict)


def resolve_type(type_: SqlType, env: Env) -> SqlType:
    """Replace the custom types inside a declared type by what they stand for.

    Raises: KsqlStatementError for a name that is no type.
    """
    return named_type(type_, env.types)
