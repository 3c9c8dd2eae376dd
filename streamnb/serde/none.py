"""NONE: the key has no columns and its bytes are ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from streamnb.duck import Sql, sql
from streamnb.serde.base import FastPath, Features, Side, StrictDecoder

__all__ = ["NONE", "NoneFormat"]


_FEATURES = Features(singles=frozenset(), types=frozenset(), value=False)


@dataclass(frozen=True)
class NoneFormat:
    """The format of a side without columns."""

    name: str = "NONE"
    features: Features = _FEATURES

    def learn(self, side: Side, samples: Sequence[bytes]) -> None:
        """Learn nothing."""

    def fast_path(self, side: Side, raw: Sql, prefix: str) -> FastPath:
        """Vouch for every row."""
        return FastPath((), (), (), sql("({} IS NULL)", raw), sql("true"))

    def decode_ahead(self, side: Side, documents: pa.Array) -> Mapping[str, pa.Array]:
        """Leave it to SQL."""
        return {}

    def ahead_path(self, side: Side, raw: Sql) -> FastPath:
        """Read the bytes: nothing was decoded ahead."""
        return self.fast_path(side, raw, "_v")

    def strict_decoder(self, side: Side) -> StrictDecoder:
        """Accept any bytes."""
        return lambda data: []

    def encode(self, side: Side, values: Sequence[Sql]) -> Sql:
        """Write nothing."""
        return sql("NULL::BLOB")


NONE = NoneFormat()
