"""Keys and values of case files, whose JSON form does not depend on the serialisation format, into bytes and back.

Only the case runner and tests use this. It is plain Python and shares nothing with the decoders and encoders of the
formats, so that a case checks them too.
"""

from __future__ import annotations

import json
import struct
from decimal import Decimal
from typing import Any

from streamnb.schema import BIGINT, BYTES, DOUBLE, INTEGER, STRING, SqlType
from streamnb.serde.base import Side

__all__ = ["bytes_to_node", "node_to_bytes"]

_NUMBERS: dict[SqlType, str] = {INTEGER: ">i", BIGINT: ">q", DOUBLE: ">d"}
Bounds = tuple[int, int]


def node_to_bytes(side: Side, node: Any, window: Bounds | None = None) -> bytes | None:
    """Serialise a node (parsed with exact numbers) in a side's format, with the bounds of its window if it has one.

    Raises: ValueError when the format has no form for the node.
    """
    body = _body(side, node)
    if side.window is None or body is None:
        return body
    if window is None:
        raise ValueError("a windowed key needs the bounds of its window")
    start, end = window
    return body + (struct.pack(">q", start) if side.window == "time" else struct.pack(">qq", end, start))


def bytes_to_node(side: Side, data: bytes | None) -> tuple[Any, Bounds | None]:
    """Parse bytes of a side's format into a node, numbers exact, and the bounds of the window if the key has one."""
    if data is None:
        return None, None
    if side.window == "time":
        (start,) = struct.unpack(">q", data[-8:])
        return _node(side, data[:-8]), (start, start + (side.window_size_ms or 0))
    if side.window == "session":
        end, start = struct.unpack(">qq", data[-16:])
        return _node(side, data[:-16]), (start, end)
    return _node(side, data), None


def _body(side: Side, node: Any) -> bytes | None:
    name = side.format.name
    if node is None or name == "NONE":
        return None
    if name == "JSON":
        return dump_exactly(node).encode()
    if name == "KAFKA" and side.columns and (form := _NUMBERS.get(side.columns[0].type)) is not None:
        return struct.pack(form, float(node) if form == ">d" else int(node))
    if name in ("KAFKA", "DELIMITED"):
        return (node if isinstance(node, str) else dump_exactly(node)).encode()
    raise ValueError(f"no neutral form for {name}")


def _node(side: Side, data: bytes) -> Any:
    name = side.format.name
    if name == "NONE":
        return None
    if name == "JSON":
        return json.loads(data, parse_float=Decimal)
    if name == "KAFKA" and side.columns:
        type_ = side.columns[0].type
        if type_ not in (STRING, BYTES):
            (number,) = struct.unpack(_NUMBERS[type_], data)
            return number
    return data.decode()


def dump_exactly(node: Any) -> str:
    """Write JSON with decimals in all their digits."""
    if isinstance(node, Decimal):
        return str(node)
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(k, ensure_ascii=False)}:{dump_exactly(v)}" for k, v in node.items()) + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(dump_exactly, node)) + "]"
    return json.dumps(node, ensure_ascii=False)
