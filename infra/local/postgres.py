"""A real PostgreSQL server on loopback, without Docker: the database of the tests and of `make demo POSTGRES=1`."""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError
from infra.local.certificate import Certificate
from infra.local.ports import HOST, free_ports
from infra.secret import Secret

START_SECONDS = 60.0  # up in half a second on two idle cores; the rest is for a loaded machine
STOP_SECONDS = 15.0  # takes 0.1 s; killed after that
INITDB_SECONDS = 120.0  # 1.5 s as measured
LOOK_SECONDS = 0.05
USER = "pipeline"  # the database's own superuser
SYSTEM_USER = "postgres"  # Debian's; PostgreSQL refuses to run as root
DEBIAN = Path("/usr/lib/postgresql")
PROGRAMS = ("initdb", "postgres", "pg_isready")
# Nothing of it has to survive a power cut, so a commit need not wait for the disk. It survives a crash of the server.
FAST = ("fsync=off", "full_page_writes=off")
# Gives up root, then ends with its parent: the kernel forgets PR_SET_PDEATHSIG when the user changes. SIGINT waits for no client.
_TIED_TO_PARENT = (
    "import ctypes, os, signal, sys\n"
    "parent, uid, gid = map(int, sys.argv[1:4])\n"
    "if os.getuid() != uid: os.setgroups([]); os.setgid(gid); os.setuid(uid)\n"
    "sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, signal.SIGINT)\n"
    "os.getppid() == parent or sys.exit(1)\n"
    "os.execv(sys.argv[4], sys.argv[4:])\n"
)


class PostgresServer:
    """One server, for tests and demos: its data ends with it, and a power cut may damage them.

    It ends when the thread that started it ends, however that happens (on Linux). `folder` holds its log. The data lie in
    the system's temporary folder, because Debian's user for the server, whom root needs, may not look into root's folders.
    With a certificate it takes TLS too.
    """

    def __init__(self, folder: Path, clock: Clock, certificate: Certificate | None = None) -> None:
        self._log = folder / "postgres.log"
        self._clock = clock
        self._certificate = certificate
        self._password = secrets.token_hex(16)
        self._port = 0
        self._place: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> Secret:
        """Where its one database is, as its superuser; valid while it runs."""
        return Secret(f"postgresql://{USER}:{self._password}@{HOST}:{self._port}/postgres")

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Return once the server answers; after `kill` on the same port, with its data.

        Raises:
            ConfigurationError: PostgreSQL is not installed, or it ended while starting; the text says what to do.
            TransientError: it does not answer in time.
        """
        programs = _programs()
        account = _account()
        self._log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            if self._place is None:
                self._place = Path(tempfile.mkdtemp(prefix="postgres-"))
                os.chown(self._place, account.pw_uid, account.pw_gid)
                self._make_data(programs, account)
                (self._port,) = free_ports(1)
            self._run(programs, account)
            self._wait_until_ready(programs)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End the server and remove its data; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)  # "fast": disconnect everybody
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGQUIT)  # SIGKILL would leave its children and its shared memory behind
                process.wait()
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)
            self._place = None

    def kill(self) -> None:
        """End the server as a crash would, its data left for the next start; harmless when it is not running."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)  # at once, writing nothing; SIGKILL would leave its children behind
            process.wait()

    def _make_data(self, programs: Path, account: pwd.struct_passwd) -> None:
        place = self._place_of()
        password = _owned(place / "password", self._password, account)
        command = [str(programs / "initdb"), "-D", str(place / "data"), "-U", USER, f"--pwfile={password}"]
        options = ["--auth-local=trust", "--auth-host=scram-sha-256", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
        result = subprocess.run(
            [*command, *options],
            cwd=place,
            capture_output=True,
            text=True,
            timeout=INITDB_SECONDS,
            check=False,
            user=account.pw_uid if os.getuid() == 0 else None,
            group=account.pw_gid if os.getuid() == 0 else None,
            extra_groups=[] if os.getuid() == 0 else None,
        )
        password.unlink()
        if result.returncode != 0:
            raise ConfigurationError(f"the local PostgreSQL server's data could not be made: {result.stderr[-300:]}")

    def _run(self, programs: Path, account: pwd.struct_passwd) -> None:
        place = self._place_of()
        settings = [
            f"listen_addresses={HOST}",
            f"port={self._port}",
            f"unix_socket_directories={place}",
            *FAST,
            *self._tls(account),
        ]
        options = [part for one in settings for part in ("-c", one)]
        command = [str(programs / "postgres"), "-D", str(place / "data"), *options]
        user = [str(account.pw_uid), str(account.pw_gid)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _TIED_TO_PARENT, str(os.getpid()), *user, *command],
                cwd=place,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches its owner alone, who stops it in order
            )

    def _tls(self, account: pwd.struct_passwd) -> list[str]:
        if self._certificate is None:
            return []
        place, given = self._place_of(), self._certificate
        certificate = _owned(place / "server.crt", given.certificate.read_text(), account)
        key = _owned(place / "server.key", given.key.read_text(), account)
        return ["ssl=on", f"ssl_cert_file={certificate}", f"ssl_key_file={key}"]

    def _wait_until_ready(self, programs: Path) -> None:
        deadline = self._clock.monotonic() + START_SECONDS
        ask = [str(programs / "pg_isready"), "-q", "-h", HOST, "-p", str(self._port)]
        while subprocess.run(ask, check=False).returncode != 0:
            if self._process is None or self._process.poll() is not None:
                raise ConfigurationError(f"the local PostgreSQL server ended while starting; {self._log} says why")
            if self._clock.monotonic() > deadline:
                raise TransientError(f"the local PostgreSQL server did not answer within {START_SECONDS:.0f} s")
            self._clock.sleep(LOOK_SECONDS)

    def _place_of(self) -> Path:
        assert self._place is not None  # noqa: S101  # start() has made it
        return self._place


def _programs() -> Path:
    """The folder of the newest PostgreSQL here."""
    versions = sorted(DEBIAN.glob("*/bin"), key=lambda folder: float(folder.parent.name), reverse=True)
    found = shutil.which("postgres")
    for folder in (*versions, *([Path(found).parent] if found else [])):
        if all((folder / program).exists() for program in PROGRAMS):
            return folder
    raise ConfigurationError("PostgreSQL is not installed: make install-system (as root)")


def _account() -> pwd.struct_passwd:
    """Ours, or for root the one that Debian's packages make."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    try:
        return pwd.getpwnam(SYSTEM_USER)
    except KeyError as error:
        raise ConfigurationError(
            f"there is no user {SYSTEM_USER}, and PostgreSQL refuses to run as root: make install-system"
        ) from error


def _owned(path: Path, content: str, account: pwd.struct_passwd) -> Path:
    """Write a file that the server's user alone can read."""
    path.touch(mode=0o600)
    path.write_text(content)
    os.chown(path, account.pw_uid, account.pw_gid)
    return path
