"""The formats of a source's topic, as serdes want them."""

from __future__ import annotations

from streamnb.catalog import DataSource
from streamnb.serde.base import Side, Window
from streamnb.serde.registry import format_named

__all__ = ["key_side", "value_side"]


def key_side(source: DataSource) -> Side:
    """Describe the keys of a source's topic; a topic whose source declares no key has keys nobody reads."""
    spec = source.key_format
    window: Window | None = None
    if source.window is not None:
        window = "session" if source.window.kind == "SESSION" else "time"
    return Side(
        format=format_named(spec.name if source.schema.key else "NONE"),
        columns=source.schema.key,
        wrapped=spec.wrapped,
        delimiter=spec.delimiter or ",",
        window=window,
        window_size_ms=source.window.size_ms if source.window is not None else None,
    )


def value_side(source: DataSource) -> Side:
    """Describe the values of a source's topic."""
    spec = source.value_format
    return Side(
        format=format_named(spec.name),
        columns=source.schema.value,
        wrapped=spec.wrapped,
        delimiter=spec.delimiter or ",",
    )
