"""The world of a scenario: real receiver, log, database, S3 server and processors, simulated Zoom and chat, all on loopback."""

import http.client
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.local.ports import HOST, free_ports
from infra.local.postgres import PostgresServer
from infra.local.s3_server import S3Server
from infra.zoom.simulator import SimulatorServer
from processors.registry import PROCESSORS
from tests.fault_lab.brokers import Brokers
from tests.fault_lab.chat_house import ChatHouse
from tests.fault_lab.member import Plan
from tests.fault_lab.part import LabError, Part
from tests.fault_lab.points import Death
from tests.fault_lab.proxy import Proxy
from tests.fault_lab.settings import BUCKET, settings_of
from tests.fault_lab.witness import FileReader, KafkaReader, LogReader, Witness

CLOCK = SystemClock()
READY_SECONDS = 180.0  # a deadline: a few seconds on an idle machine, a minute on one that has ten times too much to do
NOTHING_LEFT = "up to date; effects: 0 due, 0 to be retried, 0 running"  # in the words of `python -m infra status`
KILLED = -9  # the exit code of a process that died at a fault point


@dataclass(frozen=True, slots=True)
class Shape:
    """Which parts a world has: the embedded log or so many Kafka brokers, SQLite or PostgreSQL, a process per processor or one."""

    brokers: int = 0
    database: Literal["sqlite", "postgres"] = "sqlite"
    each_its_own: bool = False


class World:
    """Every part over one folder; `start` it, break it, `heal` it, `stop` it."""

    def __init__(self, folder: Path, shape: Shape, seed: int) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder = folder
        self.shape = shape
        self.brokers = Brokers(folder / "kafka", shape.brokers) if shape.brokers else None
        self.postgres = PostgresServer(folder / "postgres", CLOCK) if shape.database == "postgres" else None
        self.s3 = S3Server(folder / "s3", CLOCK)
        self.chat = ChatHouse(folder / "chat.db", seed)
        self.zoom = SimulatorServer()
        self.clock_file = folder / "clock"
        self.died_file = folder / "died"
        self.receiver_port, self.admin_port = free_ports(2)
        self._store_door: Proxy | None = None
        self.environment: Mapping[str, str] = {}
        self.parts: dict[str, Part] = {}
        self.deaths: Mapping[str, Sequence[Death]] = {}

    @property
    def receiver(self) -> Part:
        return self.parts["receiver"]

    @property
    def receiver_url(self) -> str:
        return f"http://{HOST}:{self.receiver_port}/webhooks/zoom"

    @property
    def store_door(self) -> Proxy:
        """What stands between the processors and the S3 server."""
        if self._store_door is None:
            raise LabError("the world was not started")
        return self._store_door

    @property
    def processors(self) -> Sequence[Part]:
        return [part for name, part in self.parts.items() if name != "receiver"]

    def start(self) -> None:
        """Return once every part but the processors answers."""
        if self.brokers is not None:
            self.brokers.launch()
        if self.postgres is not None:
            self.postgres.start()
        self.s3.start()
        if self.brokers is not None:
            self.brokers.wait_until_ready()
        self.zoom.start()
        host, _, port = self.s3.endpoint_url.removeprefix("http://").rpartition(":")
        self._store_door = Proxy((host, int(port)))
        self.environment = settings_of(self)
        engine = open_database(self.environment["DATABASE_URL"])
        migrate(engine)
        engine.dispose()
        self.parts["receiver"] = Part(
            "receiver", ["-m", "tests.fault_lab.receiver", str(self.clock_file)], self.environment, self.folder
        )
        self.receiver.start()
        self.wait_for_receiver()

    def join_all(self) -> None:
        """Start every processor."""
        if not self.shape.each_its_own:
            self.join("processors", list(PROCESSORS))
            return
        for name in PROCESSORS:
            self.join(name, [name])

    def wait_for_processors(self) -> None:
        """Return once a processor has opened everything, the bucket last."""
        with closing(self.s3.client()) as client:

            def made() -> bool:
                self._assert_running(part for part in self.processors if part.exit_code != KILLED)
                return any(bucket["Name"] == BUCKET for bucket in client.list_buckets()["Buckets"])

            self.wait_until(made, READY_SECONDS, "a processor has made the bucket")

    def join(self, label: str, names: Sequence[str], deaths: Sequence[Death] = (), *, raises: bool = False) -> Part:
        """Start a process that runs these processors, in the place of an earlier one of the label."""
        plan = Plan(died=str(self.died_file), clock=str(self.clock_file), deaths=tuple(deaths), raises=raises)
        arguments = ["-m", "tests.fault_lab.member", *names, "--plan", plan.to_json()]
        if label not in self.parts:
            self.parts[label] = Part(label, arguments, self.environment, self.folder)
        self.parts[label].arguments = arguments
        self.parts[label].start()
        return self.parts[label]

    def wait_for_receiver(self) -> None:
        """Return once the receiver answers."""
        self.wait_until(self._receiver_answers, READY_SECONDS, "the receiver answers", watch=("receiver",))

    def wait_until(self, so: Callable[[], bool], seconds: float, what: str, watch: Sequence[str] = ()) -> None:
        """Look until it is so. Raises LabError at the deadline, or when a watched part has ended."""
        deadline = CLOCK.monotonic() + seconds
        while not so():
            self._assert_running(self.parts[name] for name in watch)
            if CLOCK.monotonic() > deadline:
                raise LabError(f"waited {seconds:.0f} s in vain until {what}; the logs are in {self.folder}")
            CLOCK.sleep(0.1)

    def assert_running(self) -> None:
        """Raise LabError when a part has ended by itself."""
        self._assert_running(self.parts.values())

    @staticmethod
    def _assert_running(parts: Iterable[Part]) -> None:
        for part in parts:
            if not part.is_running:
                raise LabError(f"{part.name} ended with {part.exit_code}: {part.last_words()}; see {part.log}")

    def run(self, *arguments: str, seconds: float = 120.0, codes: Sequence[int] = (0,)) -> str:
        """Run a command of the product to its end; return what it printed. Raises LabError at another exit code."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if done.returncode not in codes:
            raise LabError(f"{' '.join(arguments)} ended with {done.returncode}: {(done.stdout + done.stderr)[-800:]}")
        return done.stdout

    def has_nothing_left(self) -> bool:
        """Whether every processor has read everything, and has no effect under way or due."""
        return self.run("-m", "infra", "status", codes=(0, 1, 2)).count(NOTHING_LEFT) == len(PROCESSORS)

    def heal(self) -> None:
        """Have every part there and well, those that died on purpose started again without a plan."""
        if self.brokers is not None:
            self.brokers.heal()
        if self.postgres is not None and self.postgres.pid is None:
            self.postgres.start()
        if self.s3.pid is None:
            self.s3.start()
        self.store_door.mode = "open"
        self.chat.open()
        for part in self.parts.values():
            if part.is_running:
                with suppress(ProcessLookupError):
                    part.go_on()
            part.start()

    def witness(self) -> Witness:
        """Return somebody to look at this world from outside."""
        log: LogReader = FileReader(self.folder / "log.db")
        if self.brokers is not None:
            log = KafkaReader(self.brokers.bootstrap_servers)
        return Witness(log, self.chat.url, BUCKET, self.s3.client())

    def stop(self) -> None:
        """End every part, processes of our own first."""
        for part in self.parts.values():
            part.kill()
        self.chat.close()
        self.zoom.close()
        if self._store_door is not None:
            self._store_door.close()
        self.s3.kill()
        if self.postgres is not None:
            self.postgres.stop()
        if self.brokers is not None:
            self.brokers.stop()

    def _receiver_answers(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.receiver_port, timeout=2)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def metrics(self) -> dict[str, float]:
        """Return what the receiver's metrics say, without those that have labels."""
        connection = http.client.HTTPConnection(HOST, self.admin_port, timeout=5)
        try:
            connection.request("GET", "/metrics")
            lines = connection.getresponse().read().decode().splitlines()
        finally:
            connection.close()
        return {
            name: float(value) for name, _, value in (line.partition(" ") for line in lines) if name and name[0] != "#"
        }
