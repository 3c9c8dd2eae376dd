"""The command ``streamnb``: options, and which function each sub-command calls.

What a sub-command needs is imported when it runs, so that ``--version`` and ``--help`` answer at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from streamnb import __version__
from streamnb.errors import StreamnbError

__all__ = ["build_parser", "main"]

URL_HELP = "memory://, a DuckDB file such as pipeline.duckdb, or kafka://host:9092 (default: memory://)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    options = build_parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except StreamnbError as error:
        console = Console(stderr=True)
        console.print(Text.from_ansi(error.render(coloured=console.is_terminal)), soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # the reader of our output has gone, as in `streamnb sql … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def build_parser() -> argparse.ArgumentParser:
    """Declare the sub-commands and their options."""
    parser = argparse.ArgumentParser(
        prog="streamnb", description="Streaming SQL: the ksqlDB dialect on DuckDB, over an embedded log or Kafka."
    )
    parser.add_argument("--version", action="version", version=f"streamnb {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    demo = commands.add_parser("demo", help="open the tutorial in JupyterLab, or run its pipeline here")
    demo.add_argument("--headless", action="store_true", help="run the pipeline in the terminal, with a live table")
    demo.add_argument("--url", help=URL_HELP)
    demo.add_argument("--seconds", type=_seconds, default=10.0, help="how long the headless demo runs (default: 10)")
    demo.set_defaults(run=_demo)

    run = commands.add_parser("run", help="run a file of statements until Ctrl-C, without a notebook")
    run.add_argument("file", metavar="FILE.sql", help="the statements; - reads them from standard input")
    run.add_argument("--url", default="memory://", help=URL_HELP)
    run.add_argument("--seconds", type=_seconds, help="stop after this time")
    _add_functions(run)
    run.set_defaults(run=_run)

    sql = commands.add_parser("sql", help="execute statements and print their results")
    sql.add_argument("statements", metavar="SQL", help="the statements; - reads them from standard input")
    sql.add_argument("--url", default="memory://", help=URL_HELP)
    sql.add_argument("--seconds", type=_seconds, help="end a SELECT with EMIT CHANGES after this time")
    _add_functions(sql)
    sql.set_defaults(run=_sql)

    test = commands.add_parser("test", help="run test cases in the JSON form of ksqlDB's tests")
    test.add_argument("paths", metavar="PATH", nargs="*", type=Path, help="files and folders of cases")
    test.add_argument("-s", "--sql-file", type=Path, help="the statements of a single case")
    test.add_argument("-i", "--input-file", type=Path, help="its input records")
    test.add_argument("-o", "--output-file", type=Path, help="the output records that are expected")
    test.add_argument("--known-failures", type=Path, help="a list of cases that may fail; those that pass must go")
    _add_functions(test)
    test.set_defaults(run=_test, parser=test)
    return parser


def _add_functions(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--functions",
        metavar="FILE.py",
        action="append",
        default=[],
        help="a Python file that declares functions for the statements; may be given several times",
    )


def _load_functions(options: argparse.Namespace) -> None:
    if options.functions:
        from streamnb.cli.functions import load_functions

        load_functions(options.functions)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")
    return seconds


def _demo(options: argparse.Namespace) -> int:
    from streamnb.cli.demo import open_notebook, run_headless

    if options.headless:
        return run_headless(Console(), options.url or "memory://", options.seconds)
    return open_notebook(Console(), options.url)


def _run(options: argparse.Namespace) -> int:
    from streamnb.cli.run import run_file

    _load_functions(options)
    return run_file(Console(), options.url, options.file, options.seconds)


def _sql(options: argparse.Namespace) -> int:
    from streamnb.cli.run import read_statements, run_sql

    _load_functions(options)
    text = read_statements("-") if options.statements == "-" else options.statements
    return run_sql(Console(), options.url, text, options.seconds)


def _test(options: argparse.Namespace) -> int:
    single = (options.sql_file, options.input_file, options.output_file)
    if bool(options.paths) == any(single) or (any(single) and not all(single)):
        options.parser.error("give PATHs of cases, or one case by -s, -i and -o")
    from streamnb.cli.cases import run_cases, run_single

    _load_functions(options)
    if options.paths:
        return run_cases(Console(), options.paths, options.known_failures)
    return run_single(Console(), *single)
