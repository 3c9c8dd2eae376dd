"""Arrays, maps and structs: how they are made and how their parts are reached."""

from __future__ import annotations

from collections.abc import Sequence

from streamnb import schema as s
from streamnb.catalog import closest
from streamnb.errors import KsqlStatementError
from streamnb.plan.coercion import coerce, coerce_all
from streamnb.plan.typed import (
    Typed,
    TypedArray,
    TypedCast,
    TypedElement,
    TypedField,
    TypedMap,
    TypedMapValue,
    TypedStruct,
)
from streamnb.plan.types import type_name
from streamnb.schema import STRING, Array, Field, Map, Struct

__all__ = ["array", "field", "map_", "struct", "subscript"]

_ISSUE = "(see https://github.com/confluentinc/ksql/issues/4239)"


def array(items: Sequence[tuple[Typed, str]]) -> Typed:
    """Type ``ARRAY[...]``; each item comes with its text."""
    if not items:
        raise KsqlStatementError(
            f"Array constructor cannot be empty. Please supply at least one element {_ISSUE}.",
            summary="an array needs at least one element",
        )
    element, converted = coerce_all(items)
    if element is None:
        raise KsqlStatementError(
            f"Cannot construct an array with all NULL elements {_ISSUE}. As a workaround, you may cast a NULL value "
            "to the desired type.",
            summary="an array of NULLs has no type",
            hint="write CAST(NULL AS ...) for one of them",
        )
    return TypedArray(Array(element), tuple(converted))


def map_(keys: Sequence[tuple[Typed, str]], values: Sequence[tuple[Typed, str]]) -> Typed:
    """Type ``MAP(...)``; each key and value comes with its text."""
    if not keys:
        raise KsqlStatementError(
            f"Map constructor cannot be empty. Please supply at least one key value pair {_ISSUE}.",
            summary="a map needs at least one entry",
        )
    key, converted_keys = coerce_all(keys)
    if key is None:
        raise KsqlStatementError(
            f"Cannot construct a map with all NULL keys {_ISSUE}. As a workaround, you may cast a NULL key to the "
            "desired type.",
            summary="a map whose keys are NULL has no type",
            hint="write CAST(NULL AS STRING) for one of them",
        )
    value, converted_values = coerce_all(values)
    if value is None:
        raise KsqlStatementError(
            f"Cannot construct a map with all NULL values {_ISSUE}. As a workaround, you may cast a NULL value to the "
            "desired type.",
            summary="a map whose values are NULL has no type",
            hint="write CAST(NULL AS ...) for one of them",
        )
    return TypedMap(Map(key, value), tuple(zip(converted_keys, converted_values, strict=True)))


def struct(fields: Sequence[tuple[str, Typed, str]]) -> Typed:
    """Type ``STRUCT(...)``; each field is its name, its value and the value's text."""
    names = [name for name, _, _ in fields]
    twice = [name for i, name in enumerate(names) if name in names[:i]]
    if twice:
        raise KsqlStatementError(
            f"Duplicate field names found in STRUCT: '{twice[0]}'.",
            summary=f"field {twice[0]} stands twice in the struct",
        )
    for name, value, text in fields:
        if value.type is None:
            raise KsqlStatementError(
                f"Can't infer a type of {text.lower()}. Please explicitly cast it to a required type, "
                "e.g. CAST(null AS VARCHAR).",
                summary=f"field {name} of the struct is NULL and has no type",
                hint="write CAST(NULL AS VARCHAR)",
            )
    types = tuple(Field(name, value.type) for name, value, _ in fields if value.type is not None)
    return TypedStruct(Struct(types), tuple(value for _, value, _ in fields))


def field(base: Typed, name: str, text: str) -> Typed:
    """Type ``base->name``; ``text`` is that of the base."""
    if not isinstance(base.type, Struct):
        raise KsqlStatementError(
            f"Expected STRUCT type, got: {type_name(base.type)}",
            summary=f"{text} is of type {type_name(base.type)}, and only a STRUCT has fields",
            hint="a text of JSON is read by EXTRACTJSONFIELD(text, '$.field')." if base.type == STRING else None,
        )
    found = base.type.field(name)
    if found is None:
        names = [f.name for f in base.type.fields]
        near = closest(name, names)
        raise KsqlStatementError(
            f"Could not find field '{name}' in '{text}'.",
            summary=f"{text} has no field {name}",
            hint=(f"did you mean {near}? " if near else "") + f"its fields are {', '.join(names)}",
        )
    return TypedField(found.type, base, name)


def subscript(base: Typed, index: Typed, text: str) -> Typed:
    """Type ``base[index]``; ``text`` is that of the whole."""
    if isinstance(base.type, Map):
        return TypedMapValue(base.type.value, base, coerce(index, base.type.key))
    if isinstance(base.type, Array):
        if index.type == s.BIGINT:
            return TypedElement(base.type.element, base, TypedCast(s.INTEGER, index))
        if index.type == s.INTEGER:
            return TypedElement(base.type.element, base, index)
        raise KsqlStatementError(
            f"Array subscript must be a whole number, but is of type {type_name(index.type)}: {text}",
            summary=f"an array's index is a whole number, not {type_name(index.type)}",
            hint="the first element is [1], the last one [-1].",
        )
    raise KsqlStatementError(
        f"Subscript expression ({text}) do not apply to {type_name(base.type)}.",
        summary=f"only an ARRAY or a MAP has elements, not {type_name(base.type)}",
        hint="SPLIT(text, ',') makes an array of a text."
        if base.type == STRING
        else "fields of a struct: name->field.",
    )
