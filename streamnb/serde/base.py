"""What a format is, and what one side (key or value) of a topic looks like.

Theory of operation: decoding runs in two steps. A format's *fast path* is SQL over the whole batch which also says, row
by row, whether its answer is beyond doubt; every other row goes to the format's *strict decoder*, plain Python that
follows ksqlDB's deserialiser to the letter. A fast path may vouch for too few rows, never for a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import pyarrow as pa

from streamnb.duck import Sql
from streamnb.schema import Array, Column, Map, SqlType, Struct

__all__ = [
    "AHEAD_OK",
    "SCALARS",
    "UNWRAP_SINGLES",
    "WRAP_SINGLES",
    "FastPath",
    "Features",
    "Format",
    "Memory",
    "Rejected",
    "Side",
    "StrictDecoder",
    "Undecodable",
    "Window",
]

Window = Literal["time", "session"]

AHEAD_OK = "_aok"
"""The column of ``Format.decode_ahead`` that says which rows are beyond doubt."""

WRAP_SINGLES = "WRAP_SINGLES"
UNWRAP_SINGLES = "UNWRAP_SINGLES"

SCALARS = frozenset(
    {"BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP"}
)
"""Base types of all values without parts."""


class Undecodable(Exception):
    """Bytes that are no record of the format; the text says why, in ksqlDB's words."""


StrictDecoder = Callable[[bytes], list[Any] | None]
"""Bytes in, one value per column out (in Arrow's Python forms; dates and times as integers), None for a null record."""


@dataclass(frozen=True)
class Features:
    """What a format can do, for the planner to check.

    ``singles``: which of WRAP_SINGLES and UNWRAP_SINGLES a statement may ask for. ``types``: base types it can hold.
    ``learns``: its fast path rests on what ``learn`` saw, so that the first batches are sampled.
    """

    singles: frozenset[str]
    types: frozenset[str]
    key: bool = True
    value: bool = True
    multi_column_key: bool = True
    schema_registry: bool = False
    delimiter: bool = False
    learns: bool = False

    @property
    def wraps_by_default(self) -> bool:
        """Tell whether a single value column is a record of one field when the statement does not say."""
        return WRAP_SINGLES in self.singles

    def unsupported_type(self, type_: SqlType) -> str | None:
        """Name the first base type inside a type which the format cannot hold."""
        if type_.base not in self.types:
            return type_.base
        inner: tuple[SqlType, ...] = ()
        if isinstance(type_, Array):
            inner = (type_.element,)
        elif isinstance(type_, Map):
            inner = (type_.key, type_.value)
        elif isinstance(type_, Struct):
            inner = tuple(f.type for f in type_.fields)
        return next((bad for bad in map(self.unsupported_type, inner) if bad is not None), None)


@dataclass(frozen=True)
class FastPath:
    """The SQL of a format's vectorised decoding, in three levels so that nothing is computed twice.

    ``text`` may refer to the raw bytes, ``parsed`` also to ``text``, the rest also to ``parsed``; both are (name, Sql)
    pairs. ``null``: the record is null. ``ok``: not true means that this row's columns must not be used.
    """

    text: tuple[tuple[str, Sql], ...]
    parsed: tuple[tuple[str, Sql], ...]
    columns: tuple[Sql, ...]
    null: Sql
    ok: Sql


@dataclass
class Memory:
    """What decoding has learned about the documents of one side; kept by the ``Side`` from batch to batch.

    ``unusual``: values are written in other forms than the commonest, so that a second test is worth its cost.
    ``flawed``: some documents were not vouched for, so that they are best told apart before they are parsed.
    ``plain``: nearly all are of the form that C code decodes.
    """

    layouts: list[Any] = field(default_factory=list)
    unusual: bool = False
    flawed: bool = False
    plain: bool = True


@dataclass(frozen=True)
class Side:
    """The key or the value of a topic as a statement declares it. Keep the object: it remembers learned layouts.

    ``wrapped``: a single column is a record of one field (several columns always are). ``window``: the key carries the
    bounds of a window; time windows need ``window_size_ms`` for the end.
    """

    format: Format
    columns: tuple[Column, ...]
    wrapped: bool = True
    delimiter: str = ","
    window: Window | None = None
    window_size_ms: int | None = None
    memory: Memory = field(default_factory=Memory, compare=False, repr=False)

    @property
    def bare(self) -> bool:
        """Tell whether the one column stands for itself, without a record around it."""
        return len(self.columns) == 1 and not self.wrapped


@dataclass(frozen=True)
class Rejected:
    """A record that could not be decoded, for the processing log."""

    i: int
    part: int
    off: int
    side: Literal["key", "value"]
    message: str
    data: bytes | None


class Format(Protocol):
    """A serialisation format: declared features, a fast path, a strict decoder and an encoder."""

    @property
    def name(self) -> str:
        """ksqlDB's name of the format."""

    @property
    def features(self) -> Features:
        """What the planner may ask of the format."""

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        """Look at raw documents of this side and remember in ``side.memory`` what speeds up the fast path.

        Called before a side's first batch, and after batches with many rows that the fast path did not vouch for.
        """

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        """Write the vectorised decoding of the BLOB expression ``raw``; names it makes up start with ``prefix``."""

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        """Decode a BINARY array before DuckDB sees it, into named columns; none where that is not possible or no gain.

        May be called by another thread than the other methods.
        """

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        """Write the fast path that reads the columns of ``decode_ahead``, beside the BLOB expression ``raw``."""

    def strict_decoder(self, side: Side) -> StrictDecoder:
        """Build the decoder for single records; it raises ``Undecodable`` for what ksqlDB refuses."""

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        """Write the BLOB expression that encodes one expression per column (cheap ones: they are repeated)."""
