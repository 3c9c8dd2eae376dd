"""A notebook with the extension loaded and a pipeline in memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from IPython.core.interactiveshell import InteractiveShell

from tests.magics.notebook import Notebook


@pytest.fixture
def notebook() -> Iterator[Notebook]:
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.colors = "nocolor"
    shell.run_line_magic("load_ext", "streamnb")
    session = Notebook(shell)
    session.run("%ksql memory://")
    yield session
    shell.run_line_magic("unload_ext", "streamnb")
    InteractiveShell.clear_instance()
