"""``--functions FILE.py``: the user's functions in Python, for pipelines that run without a notebook."""

from __future__ import annotations

import sys
import traceback
import types
from collections.abc import Iterable
from pathlib import Path

from streamnb.errors import Span, StreamnbError

__all__ = ["load_functions"]


def load_functions(paths: Iterable[str]) -> None:
    """Run Python files, whose decorators register functions; each can import the modules beside it.

    Raises: StreamnbError that names the file, and the line in it where it fails.
    """
    for path in paths:
        _load(path)


def _load(path: str) -> None:
    file = Path(path).resolve()
    try:
        source = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise StreamnbError(
            f"file {path} cannot be read: {reason}", hint="--functions takes a Python file that declares functions"
        ) from error
    folder = str(file.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    module = types.ModuleType(file.stem)
    module.__file__ = str(file)
    # A dataclass of the file looks its module up; one of the same name that is imported already keeps its place.
    sys.modules.setdefault(file.stem, module)
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)
    except (Exception, SystemExit) as error:
        if sys.modules.get(file.stem) is module:
            del sys.modules[file.stem]
        raise _failed(path, file, source, error) from error


def _failed(path: str, file: Path, source: str, error: BaseException) -> StreamnbError:
    """Name the line of the file that raised, and show it; of a signature that is wrong, show that."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        line, what = error.lineno or 1, f"SyntaxError: {error.msg}"
    else:
        frames = traceback.extract_tb(error.__traceback__)
        line = next((f.lineno or 1 for f in reversed(frames) if f.filename == str(file)), 1)
        what = traceback.format_exception_only(error)[-1].strip()
    where = f"file {path}, line {line}"
    if isinstance(error, StreamnbError):
        summary = error.summary or error.message
        return StreamnbError(f"{where}: {summary}", hint=error.hint, text=error.text, span=error.span)
    return StreamnbError(f"{where}: {what}", text=source, span=_line_span(source, line))


def _line_span(source: str, number: int) -> Span:
    """Find a line, without the blanks around it."""
    lines = source.split("\n")
    number = min(max(number, 1), len(lines))
    line = lines[number - 1]
    start = sum(len(x) + 1 for x in lines[: number - 1]) + len(line) - len(line.lstrip())
    return Span(start, start + max(len(line.strip()), 1))
