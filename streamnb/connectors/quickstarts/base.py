"""What a quickstart is: a function from the numbers of records to their keys and the JSON of their values.

Rules: a record depends on its number, the seed and its event time, on nothing else. The engine asks for a whole
block of numbers at a time, so that a draw may look at its neighbours (a burst of charges) and still be the same
after a restart in the middle of the block. No loop over records: values are columns of JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = [
    "BLOCK_ROWS",
    "Draw",
    "Field",
    "Ints",
    "Quickstart",
    "Records",
    "cents",
    "choices",
    "int_keys",
    "integers",
    "json_objects",
    "text",
]

BLOCK_ROWS = 4096
"""How many records are drawn together; part of what a seed means, so never changed."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Draw:
    """The randomness of one block: the numbers of its records, and generators of its own and of all blocks.

    ``rng`` starts differently for each block. ``shared_rng()`` gives the same generator for every block of a seed:
    what a table's row keeps over all its updates, such as a name, is drawn from it.
    """

    index: Ints
    rng: np.random.Generator
    shared_rng: Callable[[], np.random.Generator]

    @property
    def rows(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Field:
    """A field of the values: its name, and the JSON text of each record; None stands for the event time in ms."""

    name: str
    texts: pa.Array | None = None


@dataclass(frozen=True)
class Records:
    """The records of a block: fields in the order in which they are written, and keys unless they are null."""

    fields: tuple[Field, ...]
    keys: pa.Array | None = None


@dataclass(frozen=True)
class Quickstart:
    """A data set. ``declaration`` is the statement that makes its topic a stream or table of SQL.

    ``table_rows`` is the number of rows of a table, None for a stream. A table's first records are its rows, one
    each; the records after them are updates.
    """

    name: str
    title: str
    declaration: str
    draw: Callable[[Draw], Records]
    table_rows: int | None = None


def integers(values: Ints) -> pa.Array:
    """Write integers as JSON."""
    return pc.cast(pa.array(values, pa.int64()), pa.string())


def cents(values: Ints) -> pa.Array:
    """Write non-negative amounts of cents as JSON numbers with two decimals."""
    whole, rest = np.divmod(values, 100)
    return pc.binary_join_element_wise(integers(whole), pc.utf8_lpad(integers(rest), 2, "0"), ".")


def choices(pool: Sequence[Any], picks: Ints) -> pa.Array:
    """Write for each pick the value of the pool at its place, as JSON."""
    return pa.array([json.dumps(value, ensure_ascii=False) for value in pool], pa.string()).take(pa.array(picks))


def text(*parts: pa.Array | str) -> pa.Array:
    """Write the joined parts as JSON strings; the parts hold no character that JSON escapes."""
    return pc.binary_join_element_wise('"', *parts, '"', "")


def int_keys(values: Ints) -> pa.Array:
    """Encode integers as keys of the KAFKA format's INT: four bytes, the highest first."""
    data = pa.py_buffer(values.astype(">i4").tobytes())
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(4), len(values), [None, data]).cast(pa.binary())


def json_objects(fields: Sequence[Field], event_time_ms: Ints, start: int, end: int) -> pa.Array:
    """Write records ``start`` to ``end`` of a block as JSON objects without blanks; ``event_time_ms`` is theirs."""
    times = integers(event_time_ms)
    pieces: list[pa.Array | str] = []
    for number, field in enumerate(fields):
        pieces.append(("," if number else "{") + json.dumps(field.name) + ":")
        pieces.append(times if field.texts is None else field.texts.slice(start, end - start))
    return pc.cast(pc.binary_join_element_wise(*pieces, "}", ""), pa.binary())
