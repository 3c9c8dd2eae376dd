"""Where the time goes, by statement."""

from __future__ import annotations

import re
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from streamnb.duck import Sql
from streamnb.store import Store

__all__ = ["profiled"]

SHOWN = 12
WIDTH = 90
_WRAPPED = ("rows", "arrow")


@contextmanager
def profiled(
    on: bool, *, shown: int = SHOWN, width: int = WIDTH
) -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Print at the end which statements took longest: seconds of all processors, how often, how they begin.

    Gives a context manager; what is run in it counts, on all threads. Numbers are shown as N, so that statements which
    differ in them only count as one.
    """
    spent: dict[str, list[float]] = defaultdict(lambda: [0, 0.0])
    whole = [0.0]

    def timed(original: Any) -> Any:
        def run(store: Store, statement: Sql, *rest: Any) -> Any:
            began = time.process_time()
            try:
                return original(store, statement, *rest)
            finally:
                entry = spent[re.sub(r"\b\d+\b", "N", " ".join(str(statement).split()))[:width]]
                entry[0] += 1
                entry[1] += time.process_time() - began

        return run

    @contextmanager
    def counted() -> Iterator[None]:
        originals = {name: getattr(Store, name) for name in _WRAPPED} if on else {}
        for name, original in originals.items():
            setattr(Store, name, timed(original))
        began = time.process_time()
        try:
            yield
        finally:
            whole[0] += time.process_time() - began
            for name, original in originals.items():
                setattr(Store, name, original)

    yield counted
    if on:
        print(f"  {whole[0]:8.4f} s in all, {sum(s for _, s in spent.values()):.4f} in:", file=sys.stderr)
        for text, (count, seconds) in sorted(spent.items(), key=lambda entry: -entry[1][1])[:shown]:
            print(f"  {seconds:8.4f} s {count:6,.0f} × {text}", file=sys.stderr)
