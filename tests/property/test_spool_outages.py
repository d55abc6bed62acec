"""Whatever the outages, crashes and restarts: no acknowledged event is lost, and what was spooled keeps its order."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st

from infra.errors import TransientError
from infra.transport.spool import Spool
from schemas.envelope import Envelope, Headers
from schemas.topics import WEBHOOKS
from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from tests.fakes.transport import FakeProducer, FakeTransport
from webhook_receiver.publisher import Publisher
from webhook_receiver.relay import Relay

KEYS = 2


class Crash(BaseException):
    """The process dies here."""


class ShakyLog(FakeProducer):
    """What happens next is scripted: `ok`, `down`, `ghost` (stored, but not acknowledged), `crash` (stored, then death)."""

    def __init__(self, transport: FakeTransport, clock: FakeClock, script: list[str]) -> None:
        super().__init__(transport.records, clock)
        self.script = script
        self.taken: list[bytes] = []

    def produce(self, topic: str, *, key: bytes | None, headers: Headers, value: bytes, timeout_seconds: float) -> None:
        happens = self.script.pop() if self.script else "ok"
        if happens == "down":
            raise TransientError("down")
        super().produce(topic, key=key, headers=headers, value=value, timeout_seconds=timeout_seconds)
        self.taken.append(value)
        if happens == "ghost":
            raise TransientError("not acknowledged")
        if happens == "crash":
            raise Crash


class World:
    """A receiver that is started again over the same spool after each crash."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.clock = FakeClock()
        self.transport = FakeTransport(self.clock)
        self.acknowledged: list[bytes] = []
        self.spooled: list[bytes] = []
        self._relay_log = ShakyLog(self.transport, self.clock, [])
        self._count = 0
        self._start()

    def deliver(self, key: int, script: list[str], *, die_before_answer: bool) -> None:
        """One event from Zoom; what it was answered is known only if the process lives to say it."""
        self._count += 1
        value = b"%d:%d" % (key, self._count)
        envelope = Envelope(id=value.decode(), source="/zoom", type="us.zoom.x", data=value, partitionkey=str(key))
        before = self._spool.state().records
        publisher = Publisher(ShakyLog(self.transport, self.clock, script), self._spool, RecordingMetrics(), self.clock)
        try:
            publisher.publish(WEBHOOKS.name, envelope, self.clock.monotonic())
        except Crash:
            self.restart()
            return
        if self._spool.state().records > before:
            self.spooled.append(value)
        if die_before_answer:
            self.restart()
        else:
            self.acknowledged.append(value)

    def relay(self, script: list[str]) -> None:
        """Let the relay do one step."""
        self._relay_log.script = script
        try:
            self._relay.step()
        except Crash:
            self.restart()

    def restart(self) -> None:
        """As after `kill -9`: nothing but the file stays."""
        self._start()

    def heal(self) -> None:
        self._relay_log.script = []
        while self._spool.state().records:
            self._relay.step()

    def arrived(self) -> list[bytes]:
        return [record.value for record in self.transport.records[WEBHOOKS.name]]

    def relayed_once(self) -> list[bytes]:
        """What the relay brought, each at its first time."""
        return list(dict.fromkeys(self._relay_log.taken))

    def close(self) -> None:
        self._spool.close()

    def _start(self) -> None:
        if self._count:
            self._spool.close()
        self._spool = Spool(self._path, self.clock)
        self._relay = Relay(self._spool, self._relay_log, RecordingMetrics(), self.clock, lambda: True)


HAPPENS = st.lists(st.sampled_from(["ok", "down", "ghost", "crash"]), max_size=4)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("deliver"), st.integers(0, KEYS - 1), HAPPENS.map(lambda script: script[:1]), st.booleans()),
        st.tuples(st.just("relay"), HAPPENS),
        st.tuples(st.just("restart")),
    ),
    max_size=20,
)


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_acknowledged_events_arrive_in_order_whatever_happens(steps: list[tuple[object, ...]]) -> None:
    """Each acknowledged event is in the log in the end; spooled events of one key were brought in their order."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder) / "receiver.db")
        for step in steps:
            play(world, step)
        world.heal()
        world.close()

    assert set(world.acknowledged) <= set(world.arrived())
    for key in range(KEYS):
        mine = [value for value in world.spooled if value.startswith(b"%d:" % key)]
        assert [value for value in world.relayed_once() if value in mine] == mine


def play(world: World, step: tuple[object, ...]) -> None:
    match step:
        case ("deliver", int(key), list(script), bool(dies)):
            world.deliver(key, script, die_before_answer=dies)
        case ("relay", list(script)):
            world.relay(script)
        case ("restart",):
            world.restart()
        case _:
            unknown(step)


def unknown(step: object) -> NoReturn:
    raise AssertionError(f"no such step: {step}")
