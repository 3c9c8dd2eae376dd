"""Columns of rows as the bytes of a frame: what a page turns back into numbers and texts without losing a digit.

A frame's one buffer holds the parts one after another, each at a multiple of eight bytes; the message tells where they
are. Numbers travel as float64 where that is exact, else as text: BIGINT beyond 2^53, DECIMAL. Instants are milliseconds
since the epoch. Text is UTF-8 with int32 offsets. A part of one byte a row tells the values that are not null, where
some are null.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from streamnb.schema import BIGINT, BOOLEAN, DATE, DOUBLE, INTEGER, STRING, TIMESTAMP, SqlType
from streamnb.serde.arrow import array_values
from streamnb.widgets.cells import CELL_CHARS_MAX, cell_text

__all__ = ["Packer", "pack_columns"]

_EXACT_MAX = 2**53
_DAY_MS = 86_400_000.0


class Packer:
    """Lays arrays into one buffer."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, array: Any) -> list[int]:
        """Append an array or bytes and return its place: offset and length in bytes."""
        data = array if isinstance(array, bytes) else np.ascontiguousarray(array).tobytes()
        place = [self._size, len(data)]
        padding = -len(data) % 8
        self._parts.append(data + b"\0" * padding)
        self._size += len(data) + padding
        return place

    def buffer(self) -> bytes:
        """Return all parts as one buffer."""
        return b"".join(self._parts)


def pack_columns(rows: pa.Table, columns: Sequence[tuple[str, SqlType, str]], packer: Packer) -> list[dict[str, Any]]:
    """Pack the columns c0, c1, … of rows, given their names, types and kinds, and describe each: how it is written
    (``f8``, ``u1`` or ``text``), the place of its data, of the offsets of texts, and of the validity, if it has nulls.
    """
    return [
        _pack(rows.column(f"c{i}").combine_chunks(), type_, kind, packer) for i, (_, type_, kind) in enumerate(columns)
    ]


def _pack(array: Any, type_: SqlType, kind: str, packer: Packer) -> dict[str, Any]:
    described: dict[str, Any] = {}
    if array.null_count:
        described["valid"] = packer.add(pc.is_valid(array).to_numpy(zero_copy_only=False).astype(np.uint8))
    numbers = _numbers(array, type_)
    if numbers is not None:
        described["as"] = "u1" if type_ == BOOLEAN else "f8"
        described["data"] = packer.add(numbers)
        return described
    texts = _texts(array, type_, kind)
    encoded = [text.encode("utf-8", "replace") for text in texts]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return {**described, "as": "text", "offsets": packer.add(offsets), "data": packer.add(b"".join(encoded))}


def _numbers(array: Any, type_: SqlType) -> Any:
    """Write values as numbers; None if that is not exact."""
    if type_ == BOOLEAN:
        return array.cast(pa.uint8()).fill_null(0).to_numpy(zero_copy_only=False)
    if type_ in (INTEGER, DOUBLE):
        return array.cast(pa.float64()).fill_null(0.0).to_numpy(zero_copy_only=False)
    if type_ == BIGINT:
        whole = array.fill_null(0).to_numpy(zero_copy_only=False)
        if len(whole) and (whole.max() > _EXACT_MAX or whole.min() < -_EXACT_MAX):
            return None
        return whole.astype(np.float64)
    if type_ == TIMESTAMP:
        return array.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) / 1000.0
    if type_ == DATE:
        return array.cast(pa.int32()).fill_null(0).to_numpy(zero_copy_only=False) * _DAY_MS
    return None


def _texts(array: Any, type_: SqlType, kind: str) -> list[str]:
    """Write values as texts of bounded length; nulls are empty."""
    if type_ == STRING:
        array = pc.utf8_slice_codeunits(array, 0, CELL_CHARS_MAX + 1)
    return [cell_text(value, kind) or "" for value in array_values(array, type_)]
