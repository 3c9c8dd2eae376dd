"""SQL types, columns and schemas, as ksqlDB has them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

__all__ = [
    "BIGINT",
    "BOOLEAN",
    "BYTES",
    "DATE",
    "DOUBLE",
    "HEADERS_TYPE",
    "INTEGER",
    "STRING",
    "TIME",
    "TIMESTAMP",
    "Array",
    "Column",
    "Decimal",
    "Field",
    "Map",
    "Primitive",
    "Schema",
    "SqlType",
    "Struct",
    "quote_name",
]

_PLAIN_NAME = re.compile(r"[A-Z_][A-Z0-9_@]*\Z")


def quote_name(name: str) -> str:
    """Write a name in back quotes, doubling those inside: the form in which ksqlDB shows schemas."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class SqlType:
    """Base of all SQL types; ``str()`` gives ksqlDB's text form."""

    @property
    def is_numeric(self) -> bool:
        """Tell whether values of the type are numbers."""
        return False

    @property
    def base(self) -> str:
        """The type's name without parameters: DECIMAL, ARRAY, MAP, STRUCT, or the primitive's name."""
        return type(self).__name__.upper()


@dataclass(frozen=True)
class Primitive(SqlType):
    """A type without parameters: BOOLEAN, INTEGER, BIGINT, DOUBLE, STRING, BYTES, DATE, TIME, TIMESTAMP."""

    name: str

    @property
    def base(self) -> str:
        return self.name

    @property
    def is_numeric(self) -> bool:
        return self.name in ("INTEGER", "BIGINT", "DOUBLE")

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Decimal(SqlType):
    """DECIMAL(precision, scale); 1 <= precision <= 38 and 0 <= scale <= precision."""

    precision: int
    scale: int

    @property
    def is_numeric(self) -> bool:
        return True

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True)
class Array(SqlType):
    """ARRAY<element>."""

    element: SqlType

    def __str__(self) -> str:
        return f"ARRAY<{self.element}>"


@dataclass(frozen=True)
class Map(SqlType):
    """MAP<key, value>."""

    key: SqlType
    value: SqlType

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True)
class Field:
    """One field of a STRUCT; the name is case sensitive."""

    name: str
    type: SqlType

    def __str__(self) -> str:
        return f"{quote_name(self.name)} {self.type}"


@dataclass(frozen=True)
class Struct(SqlType):
    """STRUCT<field type, ...>, fields in order."""

    fields: tuple[Field, ...]

    def field(self, name: str) -> Field | None:
        """Find a field by its exact name."""
        return next((f for f in self.fields if f.name == name), None)

    def __str__(self) -> str:
        return f"STRUCT<{', '.join(map(str, self.fields))}>"


BOOLEAN = Primitive("BOOLEAN")
INTEGER = Primitive("INTEGER")
BIGINT = Primitive("BIGINT")
DOUBLE = Primitive("DOUBLE")
STRING = Primitive("STRING")
BYTES = Primitive("BYTES")
DATE = Primitive("DATE")
TIME = Primitive("TIME")
TIMESTAMP = Primitive("TIMESTAMP")
HEADERS_TYPE = Array(Struct((Field("KEY", STRING), Field("VALUE", BYTES))))


@dataclass(frozen=True)
class Column:
    """A named column of a schema."""

    name: str
    type: SqlType

    def __str__(self) -> str:
        return f"{quote_name(self.name)} {self.type}"


@dataclass(frozen=True)
class HeaderColumn(Column):
    """A read-only column filled from record headers: all of them, or the last one named ``header_key``."""

    header_key: str | None = None


@dataclass(frozen=True)
class Schema:
    """The columns of a source: those of the key, those of the value and those read from headers.

    Names are stored as resolved: upper case unless they were quoted.
    """

    key: tuple[Column, ...] = ()
    value: tuple[Column, ...] = ()
    headers: tuple[HeaderColumn, ...] = field(default=())

    def columns(self) -> Iterator[Column]:
        """Go through key, value and header columns in this order."""
        yield from self.key
        yield from self.value
        yield from self.headers

    def find(self, name: str) -> Column | None:
        """Find a column by its exact name."""
        return next((c for c in self.columns() if c.name == name), None)

    def with_value(self, columns: Iterable[Column]) -> Schema:
        """Return a copy with other value columns."""
        return replace(self, value=tuple(columns))

    def render(self, key_label: str = "KEY") -> str:
        """Write the schema as ksqlDB does; ``key_label`` is KEY for streams and PRIMARY KEY for tables."""
        parts = [f"{c} {key_label}" for c in self.key]
        parts += [str(c) for c in self.value]
        for c in self.headers:
            parts.append(f"{c} HEADERS" if c.header_key is None else f"{c} HEADER('{c.header_key}')")
        return ", ".join(parts)
