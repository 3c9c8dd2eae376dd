"""A Jupyter kernel without a page: cells, interrupts, and how the process ends."""

from __future__ import annotations

import os
import queue
import time
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

ROOT = Path(__file__).resolve().parents[2]
ANSWER_S = 60.0


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
