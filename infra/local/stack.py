"""Everything on one machine: a real S3 server, the simulated Zoom with its chat, the receiver and the processors."""

import http.client
import os
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.local.kafka_broker import KafkaBroker
from infra.local.matrix_room import MatrixRoom
from infra.local.process import Child
from infra.local.s3_server import S3Server
from infra.secret import Secret
from infra.settings import Address
from infra.storage.s3 import S3Store
from infra.zoom.simulator import SimulatorServer
from infra.zoom.simulator.hosts import HOSTS

BUCKET = "call-recordings"
CALL_PAGE_URL = "https://marketplace.example/calls/{call_id}"
READY_SECONDS = 30.0  # every part answers within a few seconds; a loaded machine is slower
MINIMUM_FREE_BYTES = 500 * 1024 * 1024  # the S3 server reserves as much before it takes a file
_LOOK_SECONDS = 0.05
_LISTENERS = ("the receiver", "the simulated Zoom", "the portal")
_OPTIONS = ("--receiver HOST:PORT", "--zoom HOST:PORT", "--portal HOST:PORT")
_TOKEN = ("create", "marketplace", "--scope", "calls", "--scope", "recordings", "--scope", "reports")


class Stack:
    """The whole product over one folder, all of it on loopback. A second start over the folder finds its data again.

    With `matrix` its chat is a room on a real homeserver. Its database is the one that `database_url` names, else a SQLite file. Without an address for it there is no portal.
    `environment` is what every part was started with: with it in the shell, every command of the product reaches it.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        say: Callable[[str], None],
        *,
        receiver: Address,
        zoom: Address,
        kafka: bool,
        portal: Address | None = None,
        database_url: str | None = None,
        matrix: bool = False,
    ) -> None:
        self._folder = folder
        self._database_url = database_url or f"sqlite:///{folder.absolute() / 'processors.db'}"
        self._clock = clock
        self._say = say
        self._addresses = receiver, zoom
        self._portal = portal
        self._kafka = KafkaBroker(folder / "kafka", clock) if kafka else None
        self._s3 = S3Server(folder / "s3", clock)
        self.matrix = MatrixRoom(folder / "matrix", clock) if matrix else None
        self._children: list[Child] = []
        self.zoom: SimulatorServer | None = None
        self.environment: Mapping[str, str] = {}

    @property
    def receiver_url(self) -> str:
        """Where Zoom's webhooks go."""
        return f"http://{self._addresses[0]}/webhooks/zoom"

    @property
    def webhook_secret(self) -> Secret:
        """What the simulated Zoom signs with."""
        return Secret(self.environment["ZOOM_WEBHOOK_SECRETS"].split(",")[0])

    def start(self, settings: Mapping[str, str] | None = None) -> None:
        """Start every part, and return once all of them answer; `settings` come on top of the stack's own.

        Raises:
            ConfigurationError: the disk is full, a port is taken, or a part ended; the text says what to do.
            TransientError: a part does not answer in time.
        """
        self._prepare_folder()
        for program, option, address in zip(_LISTENERS, _OPTIONS, (*self._addresses, self._portal), strict=True):
            if address is not None:
                _claim(program, option, address)
        if self._kafka is not None:
            self._say("starting a Kafka broker (the first time its jars are fetched from Maven Central)")
            self._kafka.start()
        self._say(
            "starting the S3 server" if self._s3.is_real else "starting moto's S3 server: SeaweedFS has no wheel here"
        )
        self._s3.start()
        if self.matrix is not None:
            self._say("starting the Matrix homeserver")
            self.matrix.start()
        host = self._addresses[1]
        self.zoom = SimulatorServer(host.host, host.port, chat_path=self._folder / "chat.db").start()
        self.environment = {**os.environ, **self._settings(self.zoom), **(settings or {})}
        self._say("starting the receiver and the processors" + ("" if self._portal is None else ", and the portal"))
        self._run("migrate", "-m", "infra", "migrate")
        self._children = [
            self._child("receiver", "-m", "webhook_receiver"),
            self._child("processors", "-m", "processors", "run", "--all"),
        ]
        if self._portal is not None:
            self._children.append(self._child("portal", "-m", "portal"))
        self._wait_for("receiver", self._addresses[0])
        if self._portal is not None:
            self._wait_for("portal", self._portal)
            self.environment = {**self.environment, "PORTAL_TOKEN": self._portal_token()}

    def open_store(self) -> S3Store:
        """Open the bucket with the server's own keys; the caller closes it."""
        return S3Store(BUCKET, self._s3.endpoint_url, self._s3.client())

    def sign_in_link(self) -> str:
        """Return a link that signs a lead in to the portal, once."""
        return self._portal_says("sign-in", "--role", "lead")

    def check(self) -> None:
        """Raise ConfigurationError when a part has ended by itself."""
        for child in self._children:
            if child.exit_code is not None:
                raise ConfigurationError(
                    f"the {child.name} ended; the last it said, in {child.log}:\n{child.last_words()}"
                )

    def stop(self) -> None:
        """End every part, the last started first."""
        for child in self._children:
            child.ask_to_stop()
        for child in self._children:
            child.stop()
        if self.zoom is not None:
            self.zoom.close()
        if self.matrix is not None:
            self.matrix.stop()
        self._s3.stop()
        if self._kafka is not None:
            self._kafka.stop()

    def _prepare_folder(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._folder.chmod(0o700)
        except OSError as error:
            raise ConfigurationError(f"{self._folder} cannot be made: {error.strerror}") from error
        if shutil.disk_usage(self._folder).free < MINIMUM_FREE_BYTES:
            raise ConfigurationError(f"the disk under {self._folder} is full: 500 MB must be free")

    def _settings(self, zoom: SimulatorServer) -> dict[str, str]:
        log = self._folder.absolute() / "log.db"
        settings = {
            **self._s3.environment(),
            "TRANSPORT_URL": f"sqlite:///{log}" if self._kafka is None else f"kafka://{self._kafka.bootstrap_servers}",
            "DATABASE_URL": self._database_url,
            "SPOOL_PATH": str(self._folder.absolute() / "spool" / "receiver.db"),
            "ARCHIVE_BUCKET": BUCKET,
            "ARCHIVE_OBJECT_LOCK": "yes",
            "RECEIVER_BIND": str(self._addresses[0]),
            "ZOOM_WEBHOOK_SECRETS": _kept_secret(self._folder / "webhook-secret"),
            "ZOOM_CLIENT_ID": zoom.credentials.client_id,
            "ZOOM_CLIENT_SECRET": zoom.credentials.client_secret,
            "ZOOM_OAUTH_ACCOUNT_ID": zoom.credentials.account_id,
            "ZOOM_APP_ID": zoom.credentials.app_id,
            "ZOOM_API_URL": zoom.api_url,
            "ZOOM_OAUTH_URL": zoom.oauth_url,
            "ZOOM_HOSTS": zoom.url,
            "CHAT_URL": zoom.chat_url,
            "CALL_PAGE_URL": CALL_PAGE_URL,
            "ZOOM_HOST_USERS": ",".join(HOSTS),
        }
        if self.matrix is not None:
            settings |= self.matrix.environment()
        if self._portal is not None:
            settings["PORTAL_BIND"] = str(self._portal)
            settings["PORTAL_URL"] = f"http://{self._portal}"
            settings["PORTAL_AUDIT_HEAD"] = str(self._folder.absolute() / "audit-head.json")
            settings["PORTAL_AUDIT_KEY"] = _kept_secret(self._folder / "audit-key")
        if "ZOOM_CLIENT_ID" in os.environ:  # a real account, whose events must not be refused for the simulated one's
            return {**settings, **{name: os.environ[name] for name in settings if name in os.environ}}
        return {**settings, "ZOOM_ACCOUNT_IDS": zoom.credentials.account_id}

    def _portal_token(self) -> str:
        """The service token of the marketplace's back end, which there is none of here: people try its requests by hand."""
        path = self._folder / "portal-token"
        if not path.exists():
            token = self._portal_says("tokens", *_TOKEN)
            path.touch(mode=0o600)
            path.write_text(token)
        return path.read_text()

    def _portal_says(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "portal", *arguments]
        said = subprocess.run(command, env=dict(self.environment), capture_output=True, text=True, check=False)
        if said.returncode != 0:
            raise ConfigurationError(f"portal {arguments[0]} failed: {said.stderr.strip()}")
        return said.stdout.strip()

    def _child(self, name: str, *arguments: str) -> Child:
        return Child(name, [sys.executable, *arguments], self.environment, self._folder / f"{name}.log")

    def _run(self, name: str, *arguments: str) -> None:
        child = self._child(name, *arguments)
        while child.exit_code is None:
            self._clock.sleep(_LOOK_SECONDS)
        if child.exit_code != 0:
            raise ConfigurationError(f"{name} failed; the last it said, in {child.log}:\n{child.last_words()}")

    def _wait_for(self, name: str, address: Address) -> None:
        deadline = self._clock.monotonic() + READY_SECONDS
        while self._clock.monotonic() < deadline:
            self.check()
            if _answers(address):
                return
            self._clock.sleep(_LOOK_SECONDS)
        raise TransientError(
            f"the {name} did not answer within {READY_SECONDS:.0f} s: see {self._folder / f'{name}.log'}"
        )


def _claim(program: str, option: str, address: Address) -> None:
    """Make sure that nobody listens there; one that was just closed is free."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address.host, address.port))
        except OSError as error:
            raise ConfigurationError(
                f"{program} cannot listen on {address} ({error.strerror}): end what uses port {address.port} "
                f"(ss -ltnp 'sport = :{address.port}' names it), or give another with {option}"
            ) from error


def _answers(address: Address) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _kept_secret(path: Path) -> str:
    """The secret of an earlier start, or a new one, readable by its owner alone."""
    with suppress(FileNotFoundError):
        return path.read_text()
    secret = secrets.token_urlsafe(32)
    path.touch(mode=0o600)
    path.write_text(secret)
    return secret
