from __future__ import annotations

import datetime as dt
import decimal
import itertools
import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from streamnb.schema import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
)
from streamnb.serde.arrow import value_array
from streamnb.widgets.cells import column_kind
from streamnb.widgets.columns import Packer, pack_columns
from streamnb.widgets.transport import static_text


def read(values: list[Any], type_: SqlType) -> list[Any]:
    """Pack a column and read it back as a page does."""
    packer = Packer()
    packer.add(b"x")  # what comes first has any length
    rows = pa.table([value_array(values, type_)], names=["c0"])
    (described,) = pack_columns(rows, [("C", type_, column_kind("C", type_))], packer)
    buffer = packer.buffer()

    def part(name: str, dtype: str) -> Any:
        offset, length = described[name]
        assert offset % 8 == 0
        return np.frombuffer(buffer, dtype, length // np.dtype(dtype).itemsize, offset)

    valid = part("valid", "u1") if "valid" in described else np.ones(len(values))
    if described["as"] == "text":
        offsets, (start, _) = part("offsets", "<i4"), described["data"]
        texts = [buffer[start + a : start + b].decode() for a, b in itertools.pairwise(offsets)]
        return [text if ok else None for text, ok in zip(texts, valid, strict=True)]
    numbers = part("data", "<f8" if described["as"] == "f8" else "u1").tolist()
    return [number if ok else None for number, ok in zip(numbers, valid, strict=True)]


@pytest.mark.parametrize(
    ("type_", "values", "wanted"),
    [
        (INTEGER, [1, None, -2147483648], [1.0, None, -2147483648.0]),
        (BIGINT, [2**53, None], [float(2**53), None]),
        (BIGINT, [2**53 + 1, None, 1], ["9007199254740993", None, "1"]),
        (BIGINT, [-(2**63)], ["-9223372036854775808"]),
        (DOUBLE, [0.1, None, float("inf")], [0.1, None, float("inf")]),
        (Decimal(38, 10), [decimal.Decimal("1E-10"), None], ["0.0000000001", None]),
        (BOOLEAN, [True, None, False], [1, None, 0]),
        (STRING, ["é𝄞", "", None], ["é𝄞", "", None]),
        (STRING, ["x" * 300], ["x" * 199 + "…"]),
        (BYTES, [b"\x01\x02\x03"], ["AQID"]),
        (TIMESTAMP, [dt.datetime(1970, 1, 1, 0, 0, 1, 500_000), None], [1500.0, None]),
        (DATE, [dt.date(1970, 1, 2)], [86_400_000.0]),
        (TIME, [dt.time(12, 30), None], ["12:30:00", None]),
        (Array(STRING), [["a", None], None], ['["a", null]', None]),
        (Map(STRING, INTEGER), [{"a": 1}], ["{a: 1}"]),
        (STRING, [], []),
        (BIGINT, [], []),
    ],
)
def test_column_comes_out_as_it_went_in(type_: SqlType, values: list[Any], wanted: list[Any]) -> None:
    assert read(values, type_) == wanted


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node here; the browser tests read frames as well")
def test_page_reads_what_the_kernel_wrote() -> None:
    packer = Packer()
    columns = [("A", BIGINT), ("B", STRING), ("C", BOOLEAN)]
    rows = pa.table([[1, None], ["é", None], [True, False]], names=["c0", "c1", "c2"])
    order = packer.add(np.array([7.0, 2.0**40]))
    places = packer.add(np.array([0, 1], np.int32))
    described = pack_columns(rows, [(n, t, column_kind(n, t)) for n, t in columns], packer)
    message = {"order": order, "rows": places, "columns": described}
    script = (
        f"{static_text('table/frames.js')}\n"
        f"const bytes = new Uint8Array([9, ...Buffer.from({packer.buffer().hex()!r}, 'hex')]);\n"
        f"const frame = new Frame({json.dumps(message)}, [new DataView(bytes.buffer, 1)]);\n"
        "console.log(JSON.stringify([Array.from(frame.order), frame.row(0), frame.row(1)]));"
    )
    done = subprocess.run(["node", "-e", script], capture_output=True, text=True, check=True, timeout=30)
    assert json.loads(done.stdout) == [[7, 2**40], [1, "é", True], [None, None, False]]
