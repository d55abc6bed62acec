"""A real Matrix homeserver beside us, for `make run CHAT=matrix` and the tests of the Matrix chat: Synapse out of a wheel.

It listens on 127.0.0.1 alone, talks to no other server, and lets in only whom `account` makes.
"""

import hmac
import http.client
import importlib.util
import json
import os
import secrets
import subprocess
import sys
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha1
from pathlib import Path
from typing import Any
from urllib.parse import quote

from infra.clock import Clock
from infra.errors import ConfigurationError, PermanentError, TransientError
from infra.local.ports import HOST, free_ports
from infra.local.process import tied_to_parent
from infra.secret import Secret

SERVER_NAME = "localhost"  # what ids end with: a homeserver without other servers needs no name of its own
START_SECONDS = 60.0  # up in 4 to 8 s as measured; the rest is for a loaded machine
STOP_SECONDS = 15.0  # takes about 1 s; killed after that
LOOK_SECONDS = 0.1
ANSWER_SECONDS = 30.0  # hashing a password takes it a second of CPU
_KEPT = "matrix.json"
_NO_LIMIT = {"per_second": 1000, "burst_count": 1000}  # for tests and a person's tries; see `limit` for the contrary


@dataclass(frozen=True, slots=True)
class Account:
    """A user with a session of its own."""

    user_id: str
    password: Secret
    token: Secret


class MatrixServer:
    """One homeserver over one folder. A second start over the same folder finds its rooms and users again."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder.absolute()
        self._clock = clock
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._kept: dict[str, str] = {}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Return once it answers. It ends with the thread that started it, at the latest.

        Raises:
            ConfigurationError: Synapse is not installed, or it ended at once; the text says what to do.
            TransientError: it did not answer in time.
        """
        if importlib.util.find_spec("synapse") is None:
            raise ConfigurationError("Synapse is not installed: make .venv/installed-matrix (PyPI must be reachable)")
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kept = self._secrets()
        (self._port,) = free_ports(1)
        config = self._folder / "homeserver.yaml"
        _write_private(config, json.dumps(self._config()))  # JSON is YAML
        with (self._folder / "synapse.log").open("ab") as log:
            self._process = subprocess.Popen(
                tied_to_parent([sys.executable, "-m", "synapse.app.homeserver", "--config-path", str(config)]),
                cwd=self._folder,
                env={**os.environ, "PYTHONWARNINGS": "ignore"},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def account(self, name: str, *, admin: bool = False) -> Account:
        """Make a user, or find the one that an earlier call has made, and open a new session for it."""
        password = hmac.new(self._kept["passwords"].encode(), name.encode(), "sha256").hexdigest()[:16]
        nonce = self.ask("GET", "/_synapse/admin/v1/register")[1]["nonce"]
        signed = b"\0".join(part.encode() for part in (nonce, name, password, "admin" if admin else "notadmin"))
        mac = hmac.new(self._kept["registration"].encode(), signed, sha1).hexdigest()  # Synapse's own choice of hash
        wanted = {"nonce": nonce, "username": name, "password": password, "admin": admin, "mac": mac}
        self.ask("POST", "/_synapse/admin/v1/register", body=wanted)  # 400 when there is one: then it logs in
        login = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": name},
            "password": password,
        }
        status, answer = self.ask("POST", "/_matrix/client/v3/login", body=login)
        if status != 200:
            raise PermanentError(f"the homeserver let {name} not in: {status}")
        return Account(answer["user_id"], Secret(password), Secret(answer["access_token"]))

    def room(self, name: str, owner: Account, guests: Sequence[Account] = ()) -> str:
        """Make a room with the alias `#name:localhost`, or find it, with everybody in it; return its id."""
        wanted = {"room_alias_name": name, "name": name, "preset": "public_chat"}
        status, answer = self.ask("POST", "/_matrix/client/v3/createRoom", owner.token, wanted)
        alias = quote(f"#{name}:{SERVER_NAME}", safe="")
        if status != 200:
            status, answer = self.ask("GET", f"/_matrix/client/v3/directory/room/{alias}", owner.token)
        if status != 200:
            raise PermanentError(f"the homeserver made no room: {status}")
        for guest in guests:
            self.ask("POST", f"/_matrix/client/v3/join/{alias}", guest.token, {})
        return str(answer["room_id"])

    def ask(
        self, method: str, path: str, token: Secret | None = None, body: Mapping[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Ask it as a client would; return the status and the answer.

        Raises:
            TransientError: it does not answer.
        """
        connection = http.client.HTTPConnection(HOST, self._port, timeout=ANSWER_SECONDS)
        headers = {} if token is None else {"Authorization": "Bearer " + token}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise TransientError(f"the homeserver does not answer: {type(error).__name__}") from error
        finally:
            connection.close()

    def _secrets(self) -> dict[str, str]:
        """Those of an earlier start, or new ones, readable by their owner alone."""
        path = self._folder / _KEPT
        if not path.exists():
            made = {name: secrets.token_hex(32) for name in ("registration", "passwords", "macaroons", "forms")}
            made["signing"] = f"ed25519 a_1 {b64encode(secrets.token_bytes(32)).decode().rstrip('=')}"
            _write_private(path, json.dumps(made))
        found: dict[str, str] = json.loads(path.read_text())
        return found

    def _config(self) -> dict[str, Any]:
        listener = {
            "port": self._port,
            "bind_addresses": [HOST],
            "type": "http",
            "tls": False,
            "resources": [{"names": ["client"]}],
        }
        return {
            "server_name": SERVER_NAME,
            "listeners": [listener],
            "database": {"name": "sqlite3", "args": {"database": str(self._folder / "homeserver.db")}},
            "media_store_path": str(self._folder / "media"),
            "pid_file": str(self._folder / "synapse.pid"),
            "signing_key": self._kept["signing"],
            "registration_shared_secret": self._kept["registration"],
            "macaroon_secret_key": self._kept["macaroons"],
            "form_secret": self._kept["forms"],
            "trusted_key_servers": [],
            "federation_domain_whitelist": [],
            "report_stats": False,
            "rc_message": _NO_LIMIT,
            "rc_joins": {"local": _NO_LIMIT, "remote": _NO_LIMIT},
            "rc_room_creation": _NO_LIMIT,
            "rc_login": dict.fromkeys(("address", "account", "failed_attempts"), _NO_LIMIT),
        }

    def _wait_until_ready(self) -> None:
        deadline = self._clock.monotonic() + START_SECONDS
        while not self._answers():
            if self._process is None or self._process.poll() is not None:
                raise ConfigurationError(f"Synapse ended at once; its output: {self._folder / 'synapse.log'}")
            if self._clock.monotonic() > deadline:
                raise TransientError(f"Synapse did not answer within {START_SECONDS:.0f} s")
            self._clock.sleep(LOOK_SECONDS)

    def _answers(self) -> bool:
        try:
            return self.ask("GET", "/_matrix/client/versions")[0] == 200
        except TransientError:
            return False


def _write_private(path: Path, content: str) -> None:
    path.touch(mode=0o600)
    path.write_text(content)
