"""Plain DuckDB over a whole history: what a shape's one batch query says must be what the pipeline ends with.

Each source is a table of its records that can be decoded, in the order ``seq``: s(seq, part, off, ts, k, g, v, gone),
where ``gone`` marks a null value. ``s_`` leaves those out; of a table, ``t_`` is the rows it ends with.

The columns of a query's result are k0, k1, …, the window ``ws`` and ``we``, then ``ts``, each where it is told, and
then the values. That of a stream has to be ordered.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from tests.oracle.filter import Log, decoded
from tests.properties.histories import SOURCES

__all__ = ["Answer", "Judge", "close_to"]

_TYPES = {
    "seq": pa.int64(), "part": pa.int32(), "off": pa.int64(), "ts": pa.int64(), "k": pa.string(), "g": pa.string(),
    "v": pa.int64(), "gone": pa.bool_(),
}  # fmt: skip
_NEWEST = """
    CREATE VIEW {0}_ AS FROM (FROM {0} WHERE k IS NOT NULL
      QUALIFY row_number() OVER (PARTITION BY k ORDER BY seq DESC) = 1) WHERE NOT gone
"""


class Answer:
    """The rows of a query by key and window: ``places`` tells which columns are these, ``timed`` whether ts is one."""

    def __init__(self, names: Sequence[str], rows: Iterable[tuple[Any, ...]]) -> None:
        keyed = [n for n in names if n in ("ws", "we") or (n[0] == "k" and n[1:].isdigit())]
        self.timed = "ts" in names
        self.rows = [(row[: len(keyed)], row[len(keyed) :]) for row in rows]


class Judge:
    """A database of its own, that knows nothing of the engine."""

    def __init__(self) -> None:
        self._db = duckdb.connect(":memory:", config={"threads": 1})
        columns = "seq BIGINT, part INT, off BIGINT, ts BIGINT, k VARCHAR, g VARCHAR, v BIGINT, gone BOOL"
        for name, kind in SOURCES.items():
            self._db.execute(f"CREATE TABLE {name} ({columns})")
            view = f"CREATE VIEW {name}_ AS FROM {name} WHERE NOT gone" if kind == "STREAM" else _NEWEST.format(name)
            self._db.execute(view)

    def ask(self, query: str, sources: str, records: Sequence[Log]) -> Answer:
        """Run a query over a history."""
        for i, name in enumerate(sources):
            rows = []
            for seq, r in enumerate(records):
                good, fields = decoded(r.value)
                if r.source == i and good:
                    known = fields or {}
                    rows.append((seq, r.part, r.off, r.ts, r.key, known.get("G"), known.get("V"), fields is None))
            self._db.execute(f"DELETE FROM {name}")
            columns = list(zip(*rows, strict=True)) or [()] * len(_TYPES)
            table = pa.table({n: pa.array(c, t) for (n, t), c in zip(_TYPES.items(), columns, strict=True)})
            self._db.register("history", table)
            self._db.execute(f"INSERT INTO {name} FROM history")
        cursor = self._db.execute(query)
        return Answer([column[0] for column in cursor.description or ()], cursor.fetchall())


def close_to(value: Any) -> Any:
    """Round what was computed in another order; a NaN equals itself."""
    if isinstance(value, float):
        return "NaN" if value != value else float(f"{value:.9g}")
    if isinstance(value, list | tuple):
        return tuple(map(close_to, value))
    if isinstance(value, dict):
        return frozenset((k, close_to(v)) for k, v in value.items())
    return value
