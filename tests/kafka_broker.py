"""One Apache Kafka node on loopback, for tests: jars from Maven, data in a folder of the caller's."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

__all__ = ["KafkaBroker", "missing_tool"]

ROOT = Path(__file__).parent.parent
POM = Path(__file__).parent / "kafka" / "pom.xml"
LIBS = ROOT / ".stack" / "lib" / "kafka"

START_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 20.0

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=2
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=16777216
log.retention.ms=-1
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=1000
"""

_LOGGING = """\
rootLogger.level=WARN
rootLogger.appenderRef.o.ref=O
appender.o.type=Console
appender.o.name=O
appender.o.layout.type=PatternLayout
appender.o.layout.pattern=%d %p %m (%c)%n
"""


def missing_tool() -> str | None:
    """Say what a broker would need and this machine lacks, or None when it can run."""
    if shutil.which("java") is None:
        return "a Kafka broker needs Java 17 or newer on the PATH"
    if not _jars_ready() and shutil.which("mvn") is None:
        return "a Kafka broker needs Maven (mvn) on the PATH to fetch its jars"
    return None


def _stamp() -> Path:
    return LIBS / f".{hashlib.sha256(POM.read_bytes()).hexdigest()[:16]}"


def _jars_ready() -> bool:
    return _stamp().exists()


def fetch_jars() -> Path:
    """Copy the jars that the pom names to ``.stack/lib/kafka``, once; other processes wait meanwhile."""
    LIBS.parent.mkdir(parents=True, exist_ok=True)
    with (LIBS.parent / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _jars_ready():
            shutil.rmtree(LIBS, ignore_errors=True)
            command = ["mvn", "-q", "-B", "-Dstyle.color=never", "-f", str(POM), "dependency:copy-dependencies"]
            command += [f"-DoutputDirectory={LIBS}", "-DincludeScope=runtime"]
            subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
            _stamp().touch()
    return LIBS


def free_port() -> int:
    """Find a port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class KafkaBroker:
    """A broker and controller in one JVM; ``start`` returns when it accepts connections."""

    def __init__(self, folder: Path, *, heap: str = "384m") -> None:
        self.folder = folder
        self.port = free_port()
        self.controller_port = free_port()
        self._heap = heap
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Return host:port, for ``bootstrap.servers``."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start the node, creating its storage the first time; keeps its ports and data over restarts."""
        assert self._process is None, "the broker runs already"
        java = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"]
        classes = ["-cp", f"{fetch_jars()}/*", f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"]
        properties = self.folder / "server.properties"
        output = self.folder / "broker.log"
        if not properties.exists():
            self._configure(properties)
            cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode().replace("-", "A")
            format_ = ["kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)]
            with output.open("ab") as log:
                subprocess.run(java + classes + format_, check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        with output.open("ab") as log:
            self._process = subprocess.Popen(
                [*java, f"-Xmx{self._heap}", "-Xms128m", *classes, "kafka.Kafka", str(properties)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C of a test run ends the node through stop(), not behind its back
            )
        try:
            self._wait_for_port()
        except BaseException:
            self.kill()
            raise

    def _configure(self, properties: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        data = self.folder / "data"
        properties.write_text(_PROPERTIES.format(port=self.port, controller_port=self.controller_port, data=data))
        (self.folder / "log4j2.properties").write_text(_LOGGING)

    def _wait_for_port(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                break
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return
            time.sleep(0.1)
        raise RuntimeError("the Kafka broker did not start:\n" + self.log_tail())

    def log_tail(self, characters: int = 4000) -> str:
        """Return the end of the broker's log."""
        return (self.folder / "broker.log").read_text(errors="replace")[-characters:]

    def stop(self) -> None:
        """End the node in good order, or with SIGKILL when it takes too long."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the node with SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, with_signal: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        os.kill(process.pid, with_signal)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    @contextlib.contextmanager
    def running(self) -> Iterator[KafkaBroker]:
        """Run the node for the time of a block."""
        self.start()
        try:
            yield self
        finally:
            self.stop()
