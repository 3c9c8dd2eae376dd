"""Words that may be typed where the grammar only knows text or a name: properties, settings, topics, functions."""

from __future__ import annotations

import contextlib
import inspect
import re
import types
from collections.abc import Iterable, Mapping

from streamnb.config import SETTINGS
from streamnb.connectors.datagen import CONNECTOR_KEYS, DATAGEN_CLASSES
from streamnb.connectors.quickstarts import QUICKSTARTS
from streamnb.errors import StreamnbError
from streamnb.plan.properties import PROPERTY_NAMES
from streamnb.schema import SqlType
from streamnb.serde.registry import AVAILABLE_FORMATS
from streamnb.sql.bindings import literal_of, value_of
from streamnb.sql.print_expressions import format_expression
from streamnb.workspace import Workspace

__all__ = [
    "Found",
    "connector_words",
    "functions",
    "kind_of",
    "property_words",
    "settings",
    "topics",
    "values",
    "variables",
]

Found = list[tuple[str, str]]  # text, and what it is

_NEVER_BOUND = ("In", "Out", "exit", "quit", "get_ipython", "open")
_SHOWN_MAX = 20
_COMMON = ("KAFKA_TOPIC", "VALUE_FORMAT", "KEY_FORMAT", "FORMAT", "PARTITIONS", "TIMESTAMP", "TIMESTAMP_FORMAT")
_TOPICS = ("KAFKA_TOPIC", "kafka.topic")
_BOOLEANS = ("true", "false")
_VALUES: Mapping[str, tuple[str, ...]] = {
    "FORMAT": AVAILABLE_FORMATS,
    "KEY_FORMAT": AVAILABLE_FORMATS,
    "VALUE_FORMAT": AVAILABLE_FORMATS,
    "CLEANUP_POLICY": ("compact", "delete", "compact,delete"),
    "WINDOW_TYPE": ("TUMBLING", "HOPPING", "SESSION"),
    "KEY_DELIMITER": ("TAB", "SPACE"),
    "VALUE_DELIMITER": ("TAB", "SPACE"),
    "connector.class": DATAGEN_CLASSES[:1],
    "quickstart": tuple(q.name for q in QUICKSTARTS),
}


def property_words(statement: str) -> Found:
    """List the properties of WITH that a statement may take and has not yet."""
    taken = statement.upper()
    clause = "insert" if taken.lstrip().startswith("INSERT") else "sink" if " SELECT" in taken else "source"
    free = [name for name in PROPERTY_NAMES[clause] if f"{name}=" not in taken.replace(" ", "")]
    return [(name, "property") for name in sorted(free, key=_rank)]


def kind_of(type_: SqlType) -> str:
    """Name the kind of a column in one word: what JupyterLab writes beside a completion has room for no more."""
    return re.split("[<(]", str(type_), maxsplit=1)[0]


def _rank(name: str) -> int:
    """Put first what most statements need."""
    return _COMMON.index(name) if name in _COMMON else len(_COMMON)


def connector_words(statement: str) -> Found:
    """List the keys of a connector that a statement has not yet, without quotes."""
    return [(key, "key") for key in CONNECTOR_KEYS if f"'{key}'" not in statement.lower()]


def values(name: str, workspace: Workspace | None) -> Found:
    """List what the value of a property, connector key or setting may be, without quotes."""
    if name in _TOPICS:
        return topics(workspace)
    found = _VALUES.get(name) or _VALUES.get(name.upper())
    if found is not None:
        return [(value, "value") for value in found]
    setting = next((s for s in SETTINGS if s.name == name), None)
    if setting is None:
        return []
    choices = setting.choices or (_BOOLEANS if setting.kind == "boolean" else ())
    return [(value, "value") for value in choices or filter(None, (setting.default,))]


def settings() -> Found:
    """List the settings of SET."""
    return [(setting.name, "setting") for setting in SETTINGS]


def topics(workspace: Workspace | None) -> Found:
    """List the topics of the log, and those that sources name."""
    if workspace is None:
        return []
    pipeline = workspace.pipeline
    known = {source.topic for source in pipeline.catalog}
    with contextlib.suppress(StreamnbError):  # of a broker that does not answer, the sources' topics are known
        known |= set(pipeline.ask_log(pipeline.outside.log, lambda log: [topic.name for topic in log.topics()]))
    return [(name, "topic") for name in sorted(known)]


def functions(workspace: Workspace) -> Found:
    """List the functions of all kinds."""
    registry = workspace.pipeline.registry
    kinds: Iterable[tuple[str, list[str]]] = (
        ("function", registry.names()),
        ("aggregate", registry.aggregate_names()),
        ("table\N{NO-BREAK SPACE}function", registry.table_names()),
    )
    return sorted({name: kind for kind, names in kinds for name in names}.items())


def variables(names: Mapping[str, object], *, as_names: bool) -> Found:
    """List the variables of the notebook that ``:name``, or ``{{name}}``, may stand for, and what they hold."""
    found: Found = []
    for name, value in list(names.items()):
        if name.startswith("_") or name in _NEVER_BOUND or isinstance(value, types.ModuleType | type):
            continue
        shown = _literal(value)
        if shown is not None and (not as_names or isinstance(value_of(value), str)):
            found.append((name, shown))
    return sorted(found)


def _literal(value: object) -> str | None:
    if inspect.isroutine(value):
        return None
    try:
        text = format_expression(literal_of(value))
    except Exception:  # a value of somebody else's class may do anything when it is asked
        return None
    text = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1] + "…"
    return text.replace(" ", "\N{NO-BREAK SPACE}")
