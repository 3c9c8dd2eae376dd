"""Compiles the C code of ``streamnb/native`` when the package is installed or built, if there is a C compiler.

Nothing else depends on it: without the library, streamnb does the same in Python, and slower.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from packaging.tags import sys_tags

SOURCES = ("kafka.c", "json.c")
FLAGS = ("-std=c11", "-O2", "-Wall", "-shared", "-fPIC")


class NativeBuildHook(BuildHookInterface[Any]):
    """Puts ``_native.so`` beside its sources, and into the wheel."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, before the files of the wheel are gathered."""
        if self.target_name != "wheel" or not compile_native(Path(self.root) / "streamnb" / "native"):
            return
        build_data["artifacts"].append("/streamnb/native/_native.so")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{next(sys_tags()).platform}"


def compile_native(folder: Path) -> bool:
    """Compile the library; False, with a line on stderr, where that is not possible."""
    compiler = shlex.split(os.environ.get("CC", "cc"))
    target = folder / "_native.so"
    target.unlink(missing_ok=True)
    if shutil.which(compiler[0]) is None:
        print(f"streamnb: no C compiler ({compiler[0]}): Kafka and JSON are read by Python", file=sys.stderr)
        return False
    command = [*compiler, *FLAGS, "-o", str(target), *(str(folder / source) for source in SOURCES)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        print(f"streamnb: the C code does not compile here:\n{done.stderr}", file=sys.stderr)
        return False
    return True
