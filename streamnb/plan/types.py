"""ksqlDB's rules for types: names to types, widening, the precision of decimals, what converts to what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from streamnb import schema as s
from streamnb.catalog import closest
from streamnb.errors import KsqlStatementError
from streamnb.schema import Array, Decimal, Field, Map, SqlType, Struct
from streamnb.sql import ast

__all__ = [
    "PRECISION_MAX",
    "arithmetic_type",
    "as_decimal",
    "can_cast",
    "common_type",
    "converts_implicitly",
    "named_type",
    "type_name",
]

PRECISION_MAX = 38
_SCALE_KEPT = 6  # fractional digits that a result keeps when it has to be narrowed to PRECISION_MAX digits
_RANK: dict[SqlType, int] = {s.INTEGER: 0, s.BIGINT: 1, s.DOUBLE: 3}
_INTEGERS: dict[SqlType, Decimal] = {s.INTEGER: Decimal(10, 0), s.BIGINT: Decimal(19, 0)}


TYPE_WORDS = (
    "BOOLEAN", "INT", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "VARCHAR", "STRING", "BYTES", "DATE", "TIME",
    "TIMESTAMP", "ARRAY", "MAP", "STRUCT",
)  # fmt: skip
# What other databases call them.
_ELSEWHERE = {
    "TEXT": "VARCHAR", "CHAR": "VARCHAR", "NVARCHAR": "VARCHAR", "JSON": "VARCHAR, or STRUCT<...> for its fields",
    "FLOAT": "DOUBLE", "REAL": "DOUBLE", "NUMBER": "DECIMAL(p, s)", "NUMERIC": "DECIMAL(p, s)",
    "DECIMAL": "DECIMAL(p, s), with its precision and scale", "LONG": "BIGINT", "INT8": "BIGINT", "INT4": "INT",
    "SMALLINT": "INT", "TINYINT": "INT", "MEDIUMINT": "INT", "SHORT": "INT", "BOOL": "BOOLEAN", "BIT": "BOOLEAN",
    "DATETIME": "TIMESTAMP", "TIMESTAMPTZ": "TIMESTAMP", "BLOB": "BYTES", "BINARY": "BYTES", "VARBINARY": "BYTES",
    "ARRAY": "ARRAY<...>, with the type of its elements", "MAP": "MAP<STRING, ...>, with the type of its values",
    "STRUCT": "STRUCT<field type, ...>",
}  # fmt: skip


def named_type(type_: SqlType, custom: Mapping[str, SqlType]) -> SqlType:
    """Replace the custom types inside a type by what they stand for.

    Raises: KsqlStatementError for a name that is no type.
    """
    if isinstance(type_, ast.TypeName):
        if type_.name in custom:
            return named_type(custom[type_.name], custom)
        near = _ELSEWHERE.get(type_.name) or closest(type_.name, (*TYPE_WORDS, *custom))
        raise KsqlStatementError(
            f"Cannot resolve unknown type: {type_.name}",
            summary=f"type {type_.name} does not exist",
            hint=f"did you mean {near}?"
            if near
            else f"types are {', '.join(TYPE_WORDS)}; SHOW TYPES lists custom ones.",
        )
    if isinstance(type_, Array):
        return Array(named_type(type_.element, custom))
    if isinstance(type_, Map):
        return Map(named_type(type_.key, custom), named_type(type_.value, custom))
    if isinstance(type_, Struct):
        return Struct(tuple(Field(f.name, named_type(f.type, custom)) for f in type_.fields))
    return type_


def type_name(type_: SqlType | None) -> str:
    """Write a type as ksqlDB's messages do; the untyped NULL has the type null."""
    return "null" if type_ is None else str(type_)


def as_decimal(type_: SqlType) -> Decimal:
    """Return the DECIMAL that holds every value of an exact number type."""
    return type_ if isinstance(type_, Decimal) else _INTEGERS[type_]


def _rank(type_: SqlType) -> int:
    return 2 if isinstance(type_, Decimal) else _RANK[type_]


def _fit(precision: int, scale: int) -> Decimal:
    """Narrow a DECIMAL to the digits DuckDB has: integral digits first, but not below six fractional ones."""
    if precision > PRECISION_MAX:
        scale = max(min(scale, _SCALE_KEPT), PRECISION_MAX - (precision - scale))
        precision = PRECISION_MAX
    return Decimal(max(precision, scale, 1), scale)


def _add(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return _fit(scale + max(left.precision - left.scale, right.precision - right.scale) + 1, scale)


def _multiply(left: Decimal, right: Decimal) -> Decimal:
    return _fit(left.precision + right.precision + 1, left.scale + right.scale)


def _divide(left: Decimal, right: Decimal) -> Decimal:
    scale = max(6, left.scale + right.precision + 1)
    return _fit(left.precision - left.scale + right.scale + scale, scale)


def _modulo(left: Decimal, right: Decimal) -> Decimal:
    scale = max(left.scale, right.scale)
    return _fit(min(left.precision - left.scale, right.precision - right.scale) + scale, scale)


_DECIMAL_RESULT: dict[str, Callable[[Decimal, Decimal], Decimal]] = {
    "+": _add,
    "-": _add,
    "*": _multiply,
    "/": _divide,
    "%": _modulo,
}


def arithmetic_type(op: str, left: SqlType, right: SqlType) -> SqlType | None:
    """Find the type of ``left op right`` for two numbers, or None when one of them is no number."""
    if not (left.is_numeric and right.is_numeric):
        return None
    wider = left if _rank(left) >= _rank(right) else right
    if isinstance(wider, Decimal):
        return _DECIMAL_RESULT[op](as_decimal(left), as_decimal(right))
    return wider


def common_type(left: SqlType, right: SqlType) -> SqlType | None:
    """Find the type both types convert to without loss, or None: numbers widen, structs join their fields."""
    if left == right:
        return left
    if left.is_numeric and right.is_numeric:
        wider = left if _rank(left) >= _rank(right) else right
        if not isinstance(wider, Decimal):
            return wider
        a, b = as_decimal(left), as_decimal(right)
        scale = max(a.scale, b.scale)
        return _fit(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
    if isinstance(left, Array) and isinstance(right, Array):
        element = common_type(left.element, right.element)
        return None if element is None else Array(element)
    if isinstance(left, Map) and isinstance(right, Map):
        key, value = common_type(left.key, right.key), common_type(left.value, right.value)
        return None if key is None or value is None else Map(key, value)
    if isinstance(left, Struct) and isinstance(right, Struct):
        return _common_struct(left, right)
    return None


def _common_struct(left: Struct, right: Struct) -> Struct | None:
    joined = {f.name: f.type for f in left.fields}
    for f in right.fields:
        type_ = common_type(joined[f.name], f.type) if f.name in joined else f.type
        if type_ is None:
            return None
        joined[f.name] = type_
    return Struct(tuple(Field(name, type_) for name, type_ in joined.items()))


def converts_implicitly(source: SqlType, target: SqlType) -> bool:
    """Tell whether values of a type are accepted where another one is wanted: numbers by rank, and element-wise."""
    if source == target:
        return True
    if isinstance(source, Decimal) and isinstance(target, Decimal):
        return source.scale <= target.scale and source.precision - source.scale <= target.precision - target.scale
    if source.is_numeric and target.is_numeric:
        return _rank(source) < _rank(target)
    if isinstance(source, Array) and isinstance(target, Array):
        return converts_implicitly(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return converts_implicitly(source.key, target.key) and converts_implicitly(source.value, target.value)
    if isinstance(source, Struct) and isinstance(target, Struct):
        return all(_field_converts(f, target) for f in source.fields)
    return False


def _field_converts(field: Field, target: Struct) -> bool:
    found = target.field(field.name)
    return found is not None and converts_implicitly(field.type, found.type)


_CASTS: dict[str, frozenset[str]] = {
    "BOOLEAN": frozenset({"STRING"}),
    "INTEGER": frozenset({"BIGINT", "DECIMAL", "DOUBLE", "STRING"}),
    "BIGINT": frozenset({"INTEGER", "DECIMAL", "DOUBLE", "STRING"}),
    "DECIMAL": frozenset({"INTEGER", "BIGINT", "DECIMAL", "DOUBLE", "STRING"}),
    "DOUBLE": frozenset({"INTEGER", "BIGINT", "DECIMAL", "STRING"}),
    "STRING": frozenset({"BOOLEAN", "INTEGER", "BIGINT", "DECIMAL", "DOUBLE", "DATE", "TIME", "TIMESTAMP"}),
    "DATE": frozenset({"STRING", "TIMESTAMP"}),
    "TIME": frozenset({"STRING"}),
    "TIMESTAMP": frozenset({"STRING", "DATE", "TIME"}),
    "ARRAY": frozenset({"STRING"}),
    "MAP": frozenset({"STRING"}),
    "STRUCT": frozenset({"STRING"}),
    "BYTES": frozenset(),
}


def can_cast(source: SqlType, target: SqlType) -> bool:
    """Tell whether CAST converts from one type to another."""
    if source == target:
        return True
    if isinstance(source, Array) and isinstance(target, Array):
        return can_cast(source.element, target.element)
    if isinstance(source, Map) and isinstance(target, Map):
        return can_cast(source.key, target.key) and can_cast(source.value, target.value)
    if isinstance(source, Struct) and isinstance(target, Struct):
        pairs = [(f.type, found.type) for f in source.fields if (found := target.field(f.name)) is not None]
        return all(can_cast(a, b) for a, b in pairs)
    return target.base in _CASTS[source.base]
