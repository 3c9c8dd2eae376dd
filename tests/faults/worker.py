"""A process that runs a pipeline until it has taken in a number of records, or until somebody kills it.

Usage: worker.py URL STATEMENTS TOTAL [max.batch.records]; TOTAL is what each query takes in over all runs. Statements
are executed only when the pipeline is new, so they must all say IF NOT EXISTS: a kill may come between two of them.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import streamnb
from streamnb.state import keyed
from streamnb.workspace import Workspace

keyed.INDEX_ROWS = 3  # the tables are small, and are to be indexed soon, and folded often
keyed._NEWER_MIN = 40


def main(url: str, statements: str, total: str, batch_records: str = "200") -> None:
    """Run the pipeline; the exit code is 3 when a query has failed."""
    workspace = streamnb.connect(url, auto_offset_reset="earliest", max_batch_records=batch_records)
    engine = workspace.pipeline.engine
    engine.settings = replace(engine.settings, wal_bytes_max=16 << 10)  # checkpoints come often
    workspace.execute(Path(statements).read_text())
    while not _has_taken(workspace, int(total)):
        failed = [q.errors for q in workspace.pipeline.catalog.queries.values() if q.state == "ERROR"]
        if failed or engine.failure:
            sys.stderr.write(f"{failed} {engine.failure}\n")
            sys.exit(3)
        time.sleep(0.02)
    flush = getattr(workspace.pipeline.outside, "flush", None)
    if flush is not None and not flush(60.0):
        sys.exit(4)
    workspace.close()


def _has_taken(workspace: Workspace, total: int) -> bool:
    """Tell whether the queries have taken in all records there are; what one writes for another is in the same tick."""
    queries = list(workspace.pipeline.engine.queries.values())
    written = {query.sink.source.topic for query in queries}
    places = [q.task.place for q in queries if not written.intersection(r.topic for r in q.task.readers)]
    taken = [sum(sum(parts.values()) for parts in p.positions.values()) for p in places if p is not None]
    return bool(taken) and all(n >= total for n in taken)


if __name__ == "__main__":
    main(*sys.argv[1:])
