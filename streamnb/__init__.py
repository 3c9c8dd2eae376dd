"""Streaming SQL in the notebook: the ksqlDB dialect on DuckDB, over an embedded log or Kafka."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from streamnb.errors import StreamnbError
    from streamnb.functions.user import drop_function, udaf, udf, udtf
    from streamnb.results import Live, Message, Rows
    from streamnb.widgets.dashboard import dashboard
    from streamnb.widgets.param import param
    from streamnb.workspace import Workspace, connect

__version__ = "0.1.0"
__all__ = [
    "Live",
    "Message",
    "Rows",
    "StreamnbError",
    "Workspace",
    "__version__",
    "connect",
    "dashboard",
    "drop_function",
    "param",
    "udaf",
    "udf",
    "udtf",
]

_HOMES = {
    "Live": "streamnb.results",
    "Message": "streamnb.results",
    "Rows": "streamnb.results",
    "StreamnbError": "streamnb.errors",
    "Workspace": "streamnb.workspace",
    "connect": "streamnb.workspace",
    "dashboard": "streamnb.widgets.dashboard",
    "drop_function": "streamnb.functions.user",
    "param": "streamnb.widgets.param",
    "udaf": "streamnb.functions.user",
    "udf": "streamnb.functions.user",
    "udtf": "streamnb.functions.user",
}


def __getattr__(name: str) -> Any:
    """Load public names when they are first used, so that ``import streamnb`` takes milliseconds."""
    if name not in _HOMES:
        raise AttributeError(f"module 'streamnb' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def load_ipython_extension(shell: Any) -> None:
    """Register %ksql and %%ksql: what ``%load_ext streamnb`` calls."""
    from streamnb.magics.ksql import load_ipython_extension as load

    load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Close the notebook's pipeline: what ``%unload_ext streamnb`` calls."""
    from streamnb.magics.ksql import unload_ipython_extension as unload

    unload(shell)
