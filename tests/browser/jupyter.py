"""JupyterLab in a real browser: the server, the page, and how to run a notebook in it."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import ConsoleMessage, Page, Request, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
READY_S = 60
ERRORS = "[data-mime-type='application/vnd.jupyter.stderr'], [data-mime-type='application/vnd.jupyter.error']"
_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]


def chromium_path() -> str | None:
    """Find a Chromium or Chrome of the system."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for name in names if (path := shutil.which(name))), None)


def missing(program: str = "jupyter-lab") -> str | None:
    """Say what a browser test lacks on this machine; None when all is there."""
    if chromium_path() is None:
        return "no Chromium on this machine"
    if not (Path(sys.executable).parent / program).exists():
        return f"{program} is not installed"
    return None


def require(program: str) -> None:
    """Without a program, or without Chromium, skip here and fail in CI."""
    lacking = missing(program)
    if lacking is not None:
        if os.environ.get("CI"):
            pytest.fail(f"browser tests cannot run: {lacking}")
        pytest.skip(lacking)


class Server:
    """A running Jupyter application whose files and settings live in a folder of their own."""

    program = ""
    ready = "api"  # a path that answers when the server works

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir(parents=True)
        self._folder = folder
        self._token = secrets.token_hex(16)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def _options(self) -> list[str]:
        return []

    def start(self) -> None:
        """Start the server and wait until it answers."""
        environment = dict(os.environ)
        for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
            environment[name] = str(self._folder / name.lower())
        environment["PYTHONPATH"] = str(ROOT)
        log = (self._folder / "server.log").open("wb")
        with log:
            self._process = subprocess.Popen(
                [str(Path(sys.executable).parent / self.program), "--no-browser", *self._options()],
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        deadline_s = time.monotonic() + READY_S
        while True:
            with contextlib.suppress(OSError), urllib.request.urlopen(self.address(self.ready), timeout=5):
                return
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                text = (self._folder / "server.log").read_text()
                raise AssertionError(f"{self.program} did not start:\n{text[-3000:]}")
            select_s = 0.2
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(select_s)

    def address(self, path: str) -> str:
        """Return the URL of a path of the server, with its token."""
        return f"http://127.0.0.1:{self._port}/{path}?token={self._token}"

    def stop(self) -> None:
        """End the server together with its kernels."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def write(self, name: str, cells: list[str]) -> str:
        """Write a notebook of code cells into the server's folder."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
        notebook.cells = [nbformat.v4.new_code_cell(source) for source in cells]
        nbformat.write(notebook, self.notebooks / name)
        return name


class Lab(Server):
    """A running JupyterLab."""

    program = "jupyter-lab"

    def _options(self) -> list[str]:
        return [
            *("--allow-root", "--ip=127.0.0.1", f"--port={self._port}", "--ServerApp.port_retries=0"),
            *(f"--IdentityProvider.token={self._token}", f"--ServerApp.root_dir={self.notebooks}"),
            *("--LabApp.expose_app_in_browser=True", "--LabApp.news_url="),
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ]


class Voila(Server):
    """A running Voilà, which serves notebooks as pages."""

    program = "voila"
    ready = ""

    def _options(self) -> list[str]:
        return ["--Voila.ip=127.0.0.1", f"--port={self._port}", f"--token={self._token}", str(self.notebooks)]


class NotebookPage:
    """A notebook that is open in the browser."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console_errors: list[str] = []
        self.foreign: list[str] = []  # requests that left this machine
        page.on("console", self._console)
        page.on("request", self._request)
        page.on("pageerror", lambda error: self.console_errors.append(f"page error: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.console_errors.append(f"{message.text} ({message.location.get('url', '')})")

    def _request(self, request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")):
            self.foreign.append(request.url)

    def open(self, lab: Lab, name: str) -> None:
        """Open a notebook and wait until its kernel can run cells."""
        self.page.goto(lab.address(f"doc/tree/{name}") + "&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.evaluate(
            """async () => {
                const open = async () => {
                    const shown = window.jupyterapp.shell.currentWidget;
                    await shown.revealed;
                    await shown.context.ready;
                    await shown.sessionContext.ready;
                    await shown.sessionContext.session.kernel.info;
                };
                const late = new Promise((_, reject) => setTimeout(() => reject(new Error('no kernel')), 45000));
                await Promise.race([open(), late]);
            }"""
        )

    def choose_theme(self, theme: str) -> None:
        """Give JupyterLab its light or dark theme, and wait for the splash to go: it lies over the page meanwhile."""
        page = self.page
        command = "(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"
        page.evaluate(command, f"JupyterLab {theme.title()}")
        light = str(theme == "light").lower()
        page.wait_for_function("(light) => document.body.dataset.jpThemeLight === light", arg=light)
        page.wait_for_selector("#jupyterlab-splash", state="detached")

    def save_and_reload(self) -> None:
        """Save the notebook, once more if a live view renewed its output meanwhile, and load the page again."""
        saved = """async () => {
            await window.jupyterapp.commands.execute('docmanager:save');
            return !window.jupyterapp.shell.currentWidget.context.model.dirty;
        }"""
        self.page.wait_for_function(saved, polling=250)
        self.page.reload()

    def save_and_close(self) -> None:
        """Close the notebook's tab, and save what JupyterLab asks about: live views renew their outputs."""
        self.page.evaluate("() => { window.jupyterapp.shell.currentWidget.close(); }")
        self.page.wait_for_function(
            """() => {
                document.querySelector('.jp-Dialog .jp-mod-accept:not(.jp-mod-warn)')?.click();
                return !document.querySelector('.jp-Notebook');
            }""",
            polling=250,
        )

    def start_all(self) -> None:
        """Start to run all cells."""
        self.page.evaluate(
            """() => {
                window.__done = undefined;
                window.jupyterapp.commands.execute('notebook:run-all-cells').then(
                    (result) => { window.__done = result; }, (error) => { window.__done = String(error); });
            }"""
        )

    def run_all(self, timeout_s: float = 60, *, fails: bool = False) -> None:
        """Run all cells and wait until none of them runs any more; an error ends the run early.

        Raises: AssertionError with the cell's error, unless the run is meant to fail.
        """
        self.start_all()
        self.page.wait_for_function(
            """() => {
                const shown = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')];
                const prompts = shown.map((prompt) => prompt.textContent);
                return window.__done !== undefined && prompts.some((text) => /\\[\\d+\\]/.test(text))
                    && !prompts.some((text) => text.includes('*'));
            }""",
            timeout=timeout_s * 1000,
        )
        errors = self.page.locator(ERRORS).all_text_contents()
        assert bool(errors) == fails, errors

    def shut_kernel_down(self) -> None:
        """End the notebook's kernel."""
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")

    def kernel(self, code: str) -> str:
        """Run code in the kernel without a cell and return what it prints."""
        result: Any = self.page.evaluate(
            """async (code) => {
                const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
                const future = kernel.requestExecute({code, store_history: false});
                let text = '';
                future.onIOPub = (message) => {
                    if (message.header.msg_type === 'stream') text += message.content.text;
                    if (message.header.msg_type === 'error') text += message.content.traceback.join('\\n');
                };
                await Promise.race([future.done, new Promise((resolve) => setTimeout(resolve, 20000))]);
                return text;
            }""",
            code,
        )
        return str(result)


@contextlib.contextmanager
def browser_page(folder: Path) -> Iterator[Page]:
    """Open a fresh Chromium with one page."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            folder,
            executable_path=chromium_path(),
            headless=True,
            args=_FLAGS,
            viewport={"width": 1280, "height": 900},
        )
        context.set_default_timeout(30_000)
        try:
            yield context.pages[0] if context.pages else context.new_page()
        finally:
            context.close()


def write_settings(folder: Path, settings: dict[str, dict[str, Any]]) -> None:
    """Write user settings of JupyterLab, by plugin."""
    for plugin, values in settings.items():
        package, name = plugin.split(":")
        place = folder / "jupyter_config_dir" / "lab" / "user-settings" / package
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{name}.jupyterlab-settings").write_text(json.dumps(values))


def copy_shared(folder: Path) -> None:
    """Have Jupyter load the prebuilt extension and the page of this tree, not those of an installation."""
    for place, source in (("labextensions", "labextension"), ("voila/templates", "voila")):
        shutil.copytree(ROOT / "streamnb" / source, folder / "jupyter_data_dir" / place / "streamnb")
