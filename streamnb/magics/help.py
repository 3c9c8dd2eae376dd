"""The text of ``%ksql --help`` and ``%%ksql?``, made of the declared options and commands."""

from __future__ import annotations

from streamnb.magics.commands import COMMANDS
from streamnb.magics.options import CELL_OPTIONS, usage_of

__all__ = ["HELP"]


def _commands() -> list[str]:
    usages = {command.usage(name): command.help for name, command in COMMANDS.items()}
    width = max(map(len, usages))
    return [f"  {usage:<{width}}  {text}" for usage, text in usages.items()]


HELP = "\n".join(
    [
        "Run streaming SQL: a statement on the line, or the statements of the cell.",
        "",
        "  %ksql URL                   open a pipeline: memory://, a file such as pipeline.duckdb, kafka://host:9092",
        "  %ksql [OPTIONS] STATEMENT   run one statement",
        "  %%ksql [OPTIONS]            run the statements below; the cell returns at once, live views go on",
        "  %ksql COMMAND               one of the commands below",
        "",
        "Options",
        *usage_of(CELL_OPTIONS),
        "",
        "Commands",
        *_commands(),
        "",
        "In a statement",
        "  :name      the value of a Python variable, as a typed literal: WHERE stars < :most, LIMIT :n, x IN :names",
        "  {{name}}   the name of a stream, table, column or topic that a Python variable holds",
        "  ${name}    a variable of DEFINE",
        "",
        "Examples",
        "  %ksql memory://",
        "",
        "  %%ksql -o poor --limit 50",
        "  SELECT user_id, stars, message FROM ratings WHERE stars < :most EMIT CHANGES;",
        "",
        "  %%ksql fraud << --chart bar",
        "  SELECT card_number, COUNT(*) AS n FROM attempts",
        "    WINDOW TUMBLING (SIZE 5 SECONDS) GROUP BY card_number EMIT CHANGES;",
        "",
        "  %ksql print ratings --limit 5 --from-beginning",
        "  %ksql stop --all",
        "  %ksql export pipeline.sql",
        "",
        "%config KsqlMagics lists settings: how many rows, how many frames a second, where queries start.",
    ]
)
