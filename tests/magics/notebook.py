"""A notebook without a browser: cells run in IPython's shell, and what they show is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import RichOutput, capture_output

from streamnb.results import Live

__all__ = ["SOURCE", "Notebook"]

SOURCE = """%%ksql
CREATE STREAM RATINGS (ID INT KEY, CHANNEL VARCHAR, STARS INT)
  WITH (KAFKA_TOPIC='ratings', PARTITIONS=1, VALUE_FORMAT='JSON');
INSERT INTO RATINGS VALUES (1, 'web', 5);
INSERT INTO RATINGS VALUES (2, 'ios', 1);
"""


class Notebook:
    """Runs cells as a notebook does, and keeps what the last one showed."""

    def __init__(self, shell: InteractiveShell) -> None:
        self.shell = shell
        self.outputs: list[RichOutput] = []
        self.printed = ""

    def run(self, cell: str) -> bool:
        run_cell: Callable[..., Any] = self.shell.run_cell
        with capture_output() as captured:
            result = run_cell(cell, store_history=True)
        self.outputs, self.printed = captured.outputs, captured.stdout + captured.stderr
        return bool(result.success)

    def texts(self) -> list[str]:
        return [output.data["text/plain"] for output in self.outputs]

    def value(self, name: str) -> Any:
        return self.shell.user_ns[name]

    def lives(self) -> list[Live]:
        """List the push queries of the pipeline that go on."""
        magics: Any = self.shell.magics_manager.registry["KsqlMagics"]
        found: list[Live] = magics.session.workspace.lives()
        return found
