"""Every setting: its name, default, kind, unit and meaning.

Settings are given as ``SET 'name'='value';``, as keywords of ``streamnb.connect`` or as options of a URL. Their
names are those of ksqlDB and Kafka Streams wherever these have one; the prefix ``ksql.streams.`` may be left out, as
there. Values are text; ``value_of`` turns one into what its kind says.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from streamnb.errors import KsqlStatementError

__all__ = ["ACCEPTED", "SETTINGS", "Setting", "check_setting", "find_setting", "reference_page", "value_of"]

Kind = Literal["text", "integer", "boolean", "choice"]


@dataclass(frozen=True)
class Setting:
    """A setting. ``default`` None means unset; ``least`` bounds integers; ``choices`` are written in small letters."""

    name: str
    default: str | None
    meaning: str
    kind: Kind = "text"
    unit: str = ""
    choices: tuple[str, ...] = ()
    least: int = 0


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "auto.offset.reset",
        "latest",
        "Where a new query starts to read its topics: with the records that come from now on, or with the oldest kept.",
        kind="choice",
        choices=("latest", "earliest"),
    ),
    Setting(
        "max.batch.records",
        "100000",
        "The most records that a query takes in at once; with 1 the changelog is ksqlDB's, record for record.",
        kind="integer",
        unit="records",
        least=1,
    ),
    Setting(
        "commit.interval.ms",
        "20",
        "The least time from one tick to the next while records keep coming. Every tick is one transaction.",
        kind="integer",
        unit="ms",
    ),
    Setting(
        "cache.max.bytes.buffering",
        "10000000",
        "With 0 a table emits every change; with more, the last change of each key and batch.",
        kind="integer",
        unit="bytes",
    ),
    Setting(
        "ksql.service.id",
        "default_",
        "The name of the pipeline. A second engine with the same name on the same Kafka is refused.",
    ),
    Setting(
        "ksql.persistence.default.format.key",
        "KAFKA",
        "The format of keys where a statement names none.",
    ),
    Setting(
        "ksql.persistence.default.format.value",
        None,
        "The format of values where a statement names none; unset, the statement has to name one.",
    ),
    Setting(
        "ksql.persistence.wrap.single.values",
        None,
        "Whether a value of one column is written as a record (true) or bare; unset, the format's own way.",
        kind="boolean",
    ),
    Setting(
        "ksql.output.topic.name.prefix",
        "",
        "What the names of topics begin with that a query creates.",
    ),
    Setting(
        "ksql.sink.partitions",
        None,
        "The number of partitions of topics that a query creates; unset, that of its first source.",
        kind="integer",
        least=1,
    ),
    Setting(
        "ksql.sink.replicas",
        None,
        "The number of replicas of topics that a query creates; unset, that of its first source.",
        kind="integer",
        least=1,
    ),
)

_ON = ("true",)
_OFF = ("false",)

ACCEPTED: tuple[Setting, ...] = (
    Setting(
        "processing.guarantee",
        "exactly_once_v2",
        "Every query is exactly once.",
        kind="choice",
        choices=("exactly_once_v2", "exactly_once", "exactly_once_beta", "at_least_once"),
    ),
    Setting("num.stream.threads", "1", "One thread runs all queries, DuckDB uses the cores.", kind="integer", least=1),
    Setting("num.standby.replicas", "0", "The state is in the pipeline's file.", kind="integer"),
    Setting("topology.optimization", "none", "There is no topology of Kafka Streams."),
    Setting(
        "__emit.interval.ms.kstreams.windowed.aggregation__",
        "0",
        "Final results of windows come with the record that closes them.",
        kind="integer",
        unit="ms",
    ),
    Setting("max.task.idle.ms", "0", "A query waits for records that are known to be there only.", kind="integer"),
    Setting("ksql.new.query.planner.enabled", "false", "There is one planner.", kind="boolean"),
    Setting("ksql.create.or.replace.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.insert.into.values.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.variable.substitution.enable", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.lambdas.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.headers.columns.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.query.pull.table.scan.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.query.pull.range.scan.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.query.pull.limit.clause.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.query.pull.stream.enabled", "true", "Cannot be switched off.", kind="choice", choices=_ON),
    Setting("ksql.fail.on.deserialization.error", "false", "Cannot be switched on.", kind="choice", choices=_OFF),
    Setting("ksql.timestamp.throw.on.invalid", "false", "Cannot be switched on.", kind="choice", choices=_OFF),
)
"""Settings of ksqlDB that its scripts give and that change nothing here; other values are refused."""

_PREFIX = "ksql.streams."
_FUNCTION_SETTING = re.compile(r"ksql\.functions\.[a-z0-9_]+\.[a-z0-9_.]+\Z")


def find_setting(name: str) -> Setting | None:
    """Find a setting by its name, with or without the prefix ``ksql.streams.``; None for a setting of a function.

    Raises: KsqlStatementError when there is no such setting; the hint names the nearest ones.
    """
    plain = name.strip().lower().removeprefix(_PREFIX)
    found = next((s for s in (*SETTINGS, *ACCEPTED) if s.name == plain), None)
    if found is None and not _FUNCTION_SETTING.match(plain):
        close = difflib.get_close_matches(plain, [s.name for s in SETTINGS], n=2, cutoff=0.5)
        raise KsqlStatementError(
            f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'",
            summary=f"there is no setting {name}",
            hint=f"did you mean {' or '.join(close)}?" if close else "docs/reference/settings.md lists the settings",
        )
    return found


def check_setting(name: str, value: str) -> tuple[str, str]:
    """Check a setting that a user gives; return its plain name and its value in the one form that is stored.

    Raises: KsqlStatementError when there is no such setting or its value is not of its kind.
    """
    setting = find_setting(name)
    if setting is None:
        return name.strip().lower().removeprefix(_PREFIX), value
    return setting.name, _checked(setting, value)


def _checked(setting: Setting, value: str) -> str:
    text = value.strip()
    if setting.kind == "integer" and re.fullmatch(r"[+-]?[0-9]+", text) and int(text) >= setting.least:
        return str(int(text))
    if setting.kind in ("choice", "boolean") and text.lower() in _choices(setting):
        return text.lower()
    if setting.kind == "text":
        return text
    wanted = (
        f"a whole number of at least {setting.least}" if setting.kind == "integer" else " or ".join(_choices(setting))
    )
    raise KsqlStatementError(
        f"Invalid value {value} for configuration {setting.name}",
        summary=f"setting {setting.name} cannot be {value!r}",
        hint=f"give {wanted}",
    )


def _choices(setting: Setting) -> tuple[str, ...]:
    return ("true", "false") if setting.kind == "boolean" else setting.choices


def value_of(config: Mapping[str, str], name: str) -> str | int | bool | None:
    """Read a setting from checked ones, falling back to its default: an int, a bool, or text as its kind says."""
    setting = next(s for s in (*SETTINGS, *ACCEPTED) if s.name == name)
    text = config.get(name, setting.default)
    if text is None:
        return None
    if setting.kind == "integer":
        return int(text)
    return text == "true" if setting.kind == "boolean" else text


def reference_page() -> str:
    """Write the reference page of all settings, in Markdown."""
    lines = [
        "# Settings",
        "",
        "Give a setting as `SET 'name'='value';` in SQL, or as a keyword of `streamnb.connect`. The prefix",
        "`ksql.streams.` may stand before a name. `UNSET 'name';` brings the default back. A setting applies to the",
        "statements after it. Made by `make docs` from `streamnb/config.py`.",
        "",
        *_table(SETTINGS),
        "| `ksql.functions.NAME.SETTING` | | | A setting of a function: `ksql.functions.collect_list.limit`. |",
        "",
        "Scripts for ksqlDB give settings that change nothing here. These are accepted, with the values in the table:",
        "",
        *_table(ACCEPTED),
    ]
    return "\n".join(lines) + "\n"


def _table(settings: Iterable[Setting]) -> list[str]:
    lines = ["| setting | default | values | meaning |", "|---|---|---|---|"]
    for setting in settings:
        default = "unset" if setting.default is None else f"`{setting.default}`" if setting.default else "empty"
        values = " or ".join(f"`{choice}`" for choice in _choices(setting)) or setting.unit or setting.kind
        lines.append(f"| `{setting.name}` | {default} | {values} | {setting.meaning} |")
    return lines


if __name__ == "__main__":
    sys.stdout.write(reference_page())
