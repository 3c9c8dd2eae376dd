"""Safe pieces of DuckDB SQL.

Theory of operation: every text that reaches DuckDB is of type ``Sql``, and an ``Sql`` is made only here: from a
template that stands in our source, from a quoted name, or from a quoted literal. User text therefore enters a
statement as an identifier or as a literal, and can do nothing else.
"""

from __future__ import annotations

import decimal
from collections.abc import Iterable

from streamnb import schema as s

__all__ = ["Sql", "duck_type", "field_names", "ident", "join", "lit", "sql"]


class Sql(str):
    """A piece of DuckDB SQL that holds no unquoted text of a user."""

    __slots__ = ()


def sql(template: str, /, *args: Sql, **named: Sql) -> Sql:
    """Fill a template with pieces, as ``str.format`` does; the template must be a constant of our source.

    Raises: TypeError when an argument is not an ``Sql``.
    """
    for value in (*args, *named.values()):
        if not isinstance(value, Sql):
            raise TypeError(f"not an Sql piece: {value!r}")
    return Sql(template.format(*args, **named))


def join(separator: str, parts: Iterable[Sql]) -> Sql:
    """Join pieces with a separator that stands in our source."""
    pieces = list(parts)
    for value in pieces:
        if not isinstance(value, Sql):
            raise TypeError(f"not an Sql piece: {value!r}")
    return Sql(separator.join(pieces))


def ident(*path: str) -> Sql:
    """Quote an identifier, or a dotted path of identifiers."""
    for part in path:
        if "\x00" in part:
            raise ValueError("an identifier cannot hold a NUL character")
    return Sql(".".join('"' + part.replace('"', '""') + '"' for part in path))


def lit(value: bool | int | float | decimal.Decimal | str | bytes | None) -> Sql:
    """Write a Python value as a DuckDB literal of the matching type."""
    if value is None:
        return Sql("NULL")
    if isinstance(value, bool):
        return Sql("true" if value else "false")
    if isinstance(value, int):
        return Sql(str(value))
    if isinstance(value, float):
        return Sql(f"'{value!r}'::DOUBLE")  # as text: without quotes it would pass through DECIMAL
    if isinstance(value, decimal.Decimal):
        return Sql(f"{value:f}")
    if isinstance(value, bytes):
        return Sql(f"from_hex('{value.hex()}')")
    if "\x00" in value:
        return Sql("(" + " || chr(0) || ".join(lit(part) for part in value.split("\x00")) + ")")
    return Sql("'" + value.replace("'", "''") + "'")


EMPTY_STRUCT_FIELD = "~"
"""The one field of a DuckDB struct that stands for a STRUCT without fields, which DuckDB does not have."""


def field_names(type_: s.Struct) -> tuple[str, ...]:
    """Name the fields of a struct as DuckDB knows them.

    DuckDB ignores case in the names of fields: one that differs from an earlier one in case only gets a mark.
    """
    names: list[str] = []
    taken: set[str] = set()
    for f in type_.fields:
        name = f.name
        while name.lower() in taken:
            name += "~"
        taken.add(name.lower())
        names.append(name)
    return tuple(names)


_PRIMITIVES = {
    s.BOOLEAN: "BOOLEAN",
    s.INTEGER: "INTEGER",
    s.BIGINT: "BIGINT",
    s.DOUBLE: "DOUBLE",
    s.STRING: "VARCHAR",
    s.BYTES: "BLOB",
    s.DATE: "DATE",
    s.TIME: "TIME",
    s.TIMESTAMP: "TIMESTAMP",
}


def duck_type(type_: s.SqlType) -> Sql:
    """Name the DuckDB type that holds values of an SQL type."""
    if isinstance(type_, s.Primitive):
        return Sql(_PRIMITIVES[type_])
    if isinstance(type_, s.Decimal):
        return Sql(f"DECIMAL({type_.precision}, {type_.scale})")
    if isinstance(type_, s.Array):
        return sql("{}[]", duck_type(type_.element))
    if isinstance(type_, s.Map):
        return sql("MAP({}, {})", duck_type(type_.key), duck_type(type_.value))
    if isinstance(type_, s.Struct):
        names = field_names(type_)
        fields = [sql("{} {}", ident(n), duck_type(f.type)) for n, f in zip(names, type_.fields, strict=True)]
        return sql("STRUCT({})", join(", ", fields or [Sql(f'"{EMPTY_STRUCT_FIELD}" BOOLEAN')]))
    raise TypeError(f"no DuckDB type for {type_}")
