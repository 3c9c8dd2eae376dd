"""``kafka://host:port?...``: which cluster, where the state is, and everything that librdkafka is told."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from streamnb.errors import LogError

__all__ = ["KafkaUrl", "parse_kafka_url"]

DEFAULT_PORT = 9092
DEFAULT_SERVICE_ID = "default_"  # ksqlDB's

_SERVICE_ID = re.compile(r"[a-zA-Z0-9_-]{1,100}\Z")
_REFERENCE = re.compile(r"\$\{(env|file):([^}]+)\}")
_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::(\d{1,5}))?\Z")
_SHOWN = frozenset(
    (
        "client.id",
        "enable.ssl.certificate.verification",
        "sasl.mechanism",
        "sasl.mechanisms",
        "security.protocol",
        "socket.timeout.ms",
        "ssl.endpoint.identification.algorithm",
    )
)
"""Keys whose values may be printed; the value of every other key is masked."""


@dataclass(frozen=True, repr=False)
class KafkaUrl:
    """A parsed URL.

    ``client`` goes to librdkafka as it is, ``settings`` to the workspace. Values may hold ``${env:NAME}`` and
    ``${file:PATH}``, which ``client_settings`` resolves; they are kept unresolved here.
    """

    bootstrap: str
    service_id: str = DEFAULT_SERVICE_ID
    state: Path | None = None
    client: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def state_path(self) -> Path:
        """Return the database file: the one named, or ``./<service id>.duckdb``."""
        return self.state if self.state is not None else Path(f"{self.service_id}.duckdb")

    def client_settings(self) -> dict[str, str]:
        """Return librdkafka's settings with references resolved: secrets in clear text, never to be kept or shown.

        Raises: LogError when a reference leads nowhere.
        """
        resolved = {key: _resolve(key, value) for key, value in self.client.items()}
        return {"bootstrap.servers": self.bootstrap, **resolved}

    def __repr__(self) -> str:
        shown = {"service.id": self.service_id, "state": str(self.state_path)}
        shown |= {
            key: value if key in _SHOWN else "***" for key, value in (*self.client.items(), *self.settings.items())
        }
        return f"kafka://{self.bootstrap}?" + "&".join(f"{key}={value}" for key, value in shown.items())

    __str__ = __repr__


def _resolve(key: str, value: str) -> str:
    """Put what ``${env:NAME}`` and ``${file:PATH}`` refer to in their places."""

    def read(match: re.Match[str]) -> str:
        kind, name = match.groups()
        try:
            return os.environ[name] if kind == "env" else Path(name).read_text().strip()
        except (KeyError, OSError) as error:
            what = f"the {'environment variable' if kind == 'env' else 'file'} {name}"
            raise LogError(
                f"{key} refers to {what}, which cannot be read", summary=f"{key} refers to {what}, which cannot be read"
            ) from error

    return _REFERENCE.sub(read, value)


def parse_kafka_url(text: str, setting_names: Collection[str] = ()) -> KafkaUrl:
    """Parse ``kafka://host[:port][,host[:port]...]?key=value&...``.

    ``state``, ``service.id`` (also ``ksql.service.id``), names in ``setting_names`` and those that begin with
    ``ksql.`` or ``schema.registry.`` are ours; every other key is librdkafka's. A user and password before the hosts
    become ``sasl.username`` and ``sasl.password``. Raises: LogError, which does not repeat the text.
    """
    parts = urlsplit(text)
    user, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme != "kafka" or not hosts or parts.path not in ("", "/") or parts.fragment:
        raise _malformed("it must look like kafka://host:9092?key=value")
    client: dict[str, str] = {}
    if user:
        name, _, password = user.partition(":")
        client |= {"sasl.username": unquote(name), "sasl.password": unquote(password)}
    ours: dict[str, str] = {}
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError as error:
        raise _malformed("behind the question mark come key=value pairs, joined by &") from error
    for key, value in pairs:
        is_ours = (
            key in ("state", "service.id") or key in setting_names or key.startswith(("ksql.", "schema.registry."))
        )
        (ours if is_ours else client)[key] = value
    service_id = ours.pop("service.id", None) or ours.pop("ksql.service.id", None) or DEFAULT_SERVICE_ID
    if not _SERVICE_ID.match(service_id):
        raise _malformed("a service id is made of up to 100 letters, digits, '_' and '-'")
    if "bootstrap.servers" in client:
        raise _malformed("the servers stand before the question mark")
    state = ours.pop("state", None)
    return KafkaUrl(_bootstrap(hosts), service_id, Path(state) if state else None, client, ours)


def _bootstrap(hosts: str) -> str:
    servers = []
    for host in hosts.split(","):
        match = _HOST.match(host)
        if match is None or int(match[2] or DEFAULT_PORT) > 65535:
            raise _malformed("servers are written host:port, joined by commas")
        servers.append(f"{match[1]}:{match[2] or DEFAULT_PORT}")
    return ",".join(servers)


def _malformed(why: str) -> LogError:
    return LogError(f"The Kafka URL is malformed: {why}", summary="the Kafka URL is malformed", hint=why)
