"""A Jupyter kernel without a page: cells, interrupts, and how the process ends."""

from __future__ import annotations

import os
import queue
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
ANSWER_S = 60.0
CYCLES = int(os.environ.get("STREAMNB_CYCLES", "5"))
"""How often a test of a kernel's life does again what it tests."""
THREADS = "import threading; print(sorted(t.name for t in threading.enumerate() if t.name.startswith('streamnb')))"
GROWTH_MB = 60  # the records and the state of the minutes that the cycles take, and the allocators' slack
FILES_MORE = 16  # journals of databases, and sockets of ended threads, which ipykernel lets go of later


@dataclass(frozen=True)
class Usage:
    """What a process holds: threads, processes it has started, open files and sockets, and memory."""

    threads: int
    processes: int
    files: int
    memory_mb: int

    @classmethod
    def of(cls, pid: int) -> Usage:
        """Look at a running process."""
        process = psutil.Process(pid)
        memory_mb = process.memory_info().rss >> 20
        return cls(process.num_threads(), len(process.children(recursive=True)), process.num_fds(), memory_mb)

    def assert_no_more_than(self, before: Usage, memory_mb: int) -> None:
        """Compare with an earlier look, of which the memory alone may have grown, and print both for the reader."""
        print(f"left after {CYCLES} cycles: {self}, before: {before}")
        assert self.threads <= before.threads
        assert self.processes <= before.processes
        assert self.files <= before.files + FILES_MORE
        assert self.memory_mb <= before.memory_mb + memory_mb


class Kernel:
    """A kernel in a process of its own, with streamnb to be loaded from this tree."""

    def __init__(self, folder: Path) -> None:
        self._manager = KernelManager(kernel_name="python3")
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(folder / "ipython")}
        self._manager.start_kernel(env=environment, cwd=str(folder))
        self._connect()

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self._manager.blocking_client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=ANSWER_S)

    @property
    def process(self) -> Any:
        """The kernel's process, as ``subprocess`` has it."""
        provisioner: Any = self._manager.provisioner
        return provisioner.process

    def usage(self) -> Usage:
        """Tell what the kernel's process holds now, garbage apart."""
        self.run("import gc; _ = gc.collect()")
        return Usage.of(self.process.pid)

    def start(self, cell: str, cell_id: str = "") -> str:
        """Start a cell and return the id of the request."""
        message = self.client.session.msg("execute_request", _request(cell), metadata={"cellId": cell_id})
        self.client.shell_channel.send(message)
        return str(message["header"]["msg_id"])

    def run(self, cell: str, cell_id: str = "") -> str:
        """Run a cell and return what it prints. Raises: AssertionError when it fails."""
        request = self.start(cell, cell_id)
        printed, error = self.finish(request)
        assert error is None, error
        return printed

    def finish(self, request: str) -> tuple[str, str | None]:
        """Wait until a cell has ended; return what it printed and the name of its error."""
        printed, error = "", None
        deadline_s = time.monotonic() + ANSWER_S
        while True:
            try:
                message = self.client.get_iopub_msg(timeout=max(0.1, deadline_s - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"the kernel did not answer within {ANSWER_S:.0f} s") from None
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                printed += content["text"]
            elif kind == "error":
                error = f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return printed, error

    def wait_for(self, request: str, kind: str) -> None:
        """Wait until a running cell has sent a message of a kind: ``stream`` or ``display_data``, say."""
        while True:
            message = self.client.get_iopub_msg(timeout=ANSWER_S)
            if message["msg_type"] == kind and message["parent_header"].get("msg_id") == request:
                return

    def interrupt(self) -> None:
        """Interrupt the running cell, as the page's button does."""
        self._manager.interrupt_kernel()

    def shut_down(self) -> int:
        """Ask the kernel to end and return its exit code. Raises: TimeoutExpired when it does not end."""
        process = self.process
        self.client.shutdown()
        self.client.stop_channels()
        code = int(process.wait(ANSWER_S))
        self._manager.cleanup_resources()
        return code

    def restart(self) -> int:
        """End the kernel and start it anew under the same address; return the exit code of the old process."""
        old = self.process
        self.client.shutdown(restart=True)
        code = int(old.wait(ANSWER_S))
        self.client.stop_channels()
        self._manager.restart_kernel(now=True)
        self._connect()
        return code

    def end(self) -> None:
        """Kill the kernel if it is still there."""
        if self._manager.has_kernel:
            self._manager.shutdown_kernel(now=True)


def _request(cell: str) -> dict[str, Any]:
    return {
        "code": cell,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
