"""Named places where a test makes the process fail.

``failpoint("batch.before_commit")`` does nothing unless ``STREAMNB_FAILPOINTS`` names it, as in
``batch.before_commit=kill@3;publish.mid=raise:OSError``: the action, and at which hit (from 1) it happens. Actions:
``kill`` (SIGKILL to this process), ``exit``, ``stop`` (SIGSTOP), ``raise:Class`` (a built-in exception).
"""

from __future__ import annotations

import builtins
import os
import signal
from collections import Counter

__all__ = ["failpoint", "hits"]

hits: Counter[str] = Counter()


def _parse(text: str) -> dict[str, tuple[str, int]]:
    plans: dict[str, tuple[str, int]] = {}
    for entry in filter(None, (part.strip() for part in text.split(";"))):
        name, _, action = entry.partition("=")
        action, _, count = action.partition("@")
        plans[name] = (action, int(count or 1))
    return plans


_plans = _parse(os.environ.get("STREAMNB_FAILPOINTS", ""))


def failpoint(name: str) -> None:
    """Pass a named place; fail there when the environment asks for it."""
    if not _plans:
        return
    hits[name] += 1
    action, at = _plans.get(name, ("", 0))
    if hits[name] == at:
        _fail(action)


def _fail(action: str) -> None:
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "stop":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "exit":
        os._exit(70)
    elif action.startswith("raise:"):
        raise getattr(builtins, action.removeprefix("raise:"))("failpoint")
    else:
        raise ValueError(f"no such failpoint action: {action}")
