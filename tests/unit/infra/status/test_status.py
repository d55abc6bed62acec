"""The screen for the night: what is well, what wants a look, what wants one now."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, insert

from infra.clock import SystemClock
from infra.database.engine import migrate, open_database, writing
from infra.database.status_queries import StatusQueries
from infra.database.tables import brakes, effects, progress, receipts, settled
from infra.errors import ConfigurationError, TransientError
from infra.settings import TransportSettings
from infra.status import cli
from infra.status.receiver_side import spooled
from infra.status.screen import Line, lines, receiver_lines, spool_line
from infra.transport import Transport
from infra.transport.connect import connect
from infra.transport.sqlite import SqliteTransport
from schemas.topics import QUARANTINE, WEBHOOKS, dead_letter
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DEAD = dead_letter(WEBHOOKS.name, "call_events").name


class Night:
    """A log and a database, and the screen over them."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(NOW)
        self.engine: Engine = open_database(f"sqlite:///{folder / 'processors.db'}")
        migrate(self.engine)
        self.transport = FakeTransport(self.clock)
        self.transport.create_topics()

    def produce(self, topic: str, kind: str = "us.zoom.meeting.started") -> None:
        """The fake gives every record the midnight before."""
        headers = (("ce_type", kind.encode()),)
        self.transport.producer().produce(topic, key=b"1", headers=headers, value=b"{}", timeout_seconds=1)

    def read_by_all(self, until: datetime) -> None:
        names = ("call_events", "chat_invitation", "meeting_flagging", "recording_archive")
        row = {"topic": WEBHOOKS.name, "partition": 0, "read_until": until}
        with writing(self.engine) as connection:
            connection.execute(insert(progress), [{**row, "processor": name} for name in names])

    def effect(self, number: int, **values: object) -> None:
        row = {
            "effect_id": f"effect-{number}",
            "processor": "call_events",
            "state_key": "1",
            "kind": "publish_event",
            "target": "stream",
            "command": "{}",
            "status": "pending",
            "due_at": datetime(1970, 1, 1, tzinfo=UTC),
            "attempts": 0,
            "created_at": NOW,
        }
        with writing(self.engine) as connection:
            connection.execute(insert(effects).values({**row, **values}))

    def published(self, number: int, kind: str, session: str, days_ago: int) -> None:
        command = json.dumps({"type": kind, "data": json.dumps({"session_id": session})})
        self.effect(number, command=command, status="done", created_at=NOW - timedelta(days=days_ago))

    def screen(self) -> list[Line]:
        return list(lines(StatusQueries(self.engine), self.transport, self.clock))  # type: ignore[arg-type]

    def about(self, subject: str) -> list[Line]:
        return [line for line in self.screen() if line.subject == subject]


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    night = Night(tmp_path)
    yield night
    night.engine.dispose()


def test_a_quiet_night_is_well(night: Night) -> None:
    """An empty log is no alarm, nor is one that everybody has read."""
    assert {line.level for line in night.screen()} == {0}
    night.produce(WEBHOOKS.name)
    night.read_by_all(NOW)

    assert {line.level for line in night.screen()} == {0}
    assert night.about("last event") == [Line(0, "last event", "us.zoom.meeting.started, 12 h ago")]


@pytest.mark.parametrize(("minutes", "level"), [(0.5, 0), (2, 1), (20, 2)])
def test_a_processor_that_falls_behind_shows(night: Night, minutes: float, level: int) -> None:
    """By the age of the oldest event that it has not taken."""
    night.produce(WEBHOOKS.name)
    night.clock.advance(minutes * 60 - 12 * 3600)

    (line,) = night.about("recording_archive")

    assert line.level == level
    assert line.text.startswith("oldest unprocessed event")


def test_a_brake_wants_a_look_now(night: Night) -> None:
    """With the reason and what to do."""
    with writing(night.engine) as connection:
        connection.execute(insert(brakes).values(processor="call_events", tripped_at=NOW, reason="KeyError in decide"))

    first, second, _ = night.about("call_events")

    assert (first.level, second.level) == (2, 2)
    assert "KeyError in decide" in first.text
    assert "resume call_events" in second.text


def test_effects_are_counted_by_what_they_wait_for(night: Night) -> None:
    """Due now and since when, put off after a failure, under way; a timer that is not due is none of them."""
    hour = timedelta(hours=1)
    night.effect(1, created_at=NOW - hour)
    night.effect(2, due_at=NOW + hour, attempts=2)
    night.effect(3, status="leased", leased_until=NOW + hour)
    night.effect(4, due_at=NOW + hour, kind="wake_at")

    (line,) = night.about("call_events")

    assert line == Line(1, "call_events", "up to date; effects: 1 due (oldest 60 min), 1 to be retried, 1 running")


def test_the_dead_are_told_by_cause(night: Night) -> None:
    """Effects by their reason, records by topic; what a person has seen to is not told."""
    for number in range(3):
        night.effect(number, status="dead", error="refused: x@example.com")
        night.produce(DEAD)
    record = night.transport.records[DEAD][0]
    with writing(night.engine) as connection:
        row = {"topic": DEAD, "partition": 0, "offset": 0, "recorded_at": record.timestamp}
        connection.execute(insert(settled).values(**row, outcome="redriven", settled_at=NOW))

    assert [line.text for line in night.about("dead")] == [
        "2 records of zoom.webhooks.call_events",
        "3 effects of call_events, publish_event: refused: …",
    ]


def test_the_quarantine_is_told_for_a_day(night: Night) -> None:
    """What lies there longer was news yesterday."""
    night.produce(QUARANTINE.name)
    assert night.about("quarantine") == [Line(1, "quarantine", "1 deliveries in the last 24 h")]

    night.clock.advance(86400)
    assert night.about("quarantine")[0].level == 0


def test_a_session_without_recording_shows(night: Night) -> None:
    """Ended days ago, nothing archived, nothing found missing; the others are accounted for."""
    for number, session in enumerate(("lost", "archived", "missing")):
        night.published(number, "call.ended", session, 3)
    night.published(5, "call.recording_missing", "missing", 2)
    night.published(6, "call.ended", "still open to hope", 0)
    _archive(night, "archived")

    assert night.about("archive") == [Line(1, "archive", "1 sessions ended more than 26 h ago without a recording")]


def test_a_log_that_does_not_answer_is_a_line(night: Night, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database's lines are there all the same."""

    def away(_: str) -> None:
        raise TransientError("asking Kafka failed: NoBrokersAvailable")

    monkeypatch.setattr(night.transport, "end_offsets", away)

    assert Line(2, "last event", "asking Kafka failed: NoBrokersAvailable") in night.screen()
    assert night.about("archive")[0].level == 0


@pytest.mark.parametrize(
    ("metrics", "levels"),
    [
        ({"webhook_url_validated_timestamp_seconds": NOW.timestamp() - 3600}, [0, 0]),
        ({"webhook_url_validated_timestamp_seconds": NOW.timestamp() - 80 * 3600}, [0, 2]),
        ({"webhook_url_validated_timestamp_seconds": 0, "webhook_started_timestamp_seconds": NOW.timestamp()}, [0, 0]),
        ({"webhook_url_validated_timestamp_seconds": 0, "webhook_started_timestamp_seconds": 1.0}, [0, 2]),
        ({"webhook_log_available": 0.0}, [2, 0]),
        ({"webhook_spool_writable": 0.0}, [0, 2, 0]),
    ],
)
def test_the_receiver_tells_of_itself(metrics: dict[str, float], levels: list[int]) -> None:
    """Whether it reaches the log and could spool; Zoom's validation is due every 72 h."""
    assert [line.level for line in receiver_lines(metrics, FakeClock(NOW))] == levels


def test_the_spool_is_read_from_its_file(tmp_path: Path) -> None:
    """How many wait and for how long; no file, no line."""
    from infra.transport.spool import _TOPICS  # noqa: PLC0415 - the names that it really uses

    assert spooled(tmp_path / "spool.db", FakeClock(NOW)) is None
    clock = SystemClock()
    spool = SqliteTransport(tmp_path / "spool.db", clock)
    spool.create_topics(list(_TOPICS.values()))
    assert spooled(tmp_path / "spool.db", clock) == (0, 0.0)
    producer = spool.producer()
    for _ in range(3):
        producer.produce("waiting", key=None, headers=(), value=b"{}", timeout_seconds=5)
    producer.close()

    found = spooled(tmp_path / "spool.db", clock)

    assert found is not None
    assert found[0] == 3
    assert spool_line(*found).level == 1
    assert spool_line(0, 0.0) == Line(0, "spool", "empty")


def test_the_command_ends_by_the_worst_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every line is shown; the exit code is for scripts."""
    url = f"sqlite:///{tmp_path / 'processors.db'}"
    engine = open_database(url)
    migrate(engine)
    log = f"sqlite:///{tmp_path / 'log.db'}"
    transport: Transport = connect(TransportSettings(log), SystemClock())
    transport.create_topics()
    for name, value in {"DATABASE_URL": url, "TRANSPORT_URL": log}.items():
        monkeypatch.setenv(name, value)
    runner = CliRunner()

    well = runner.invoke(cli.status, [])
    with writing(engine) as connection:
        connection.execute(insert(brakes).values(processor="call_events", tripped_at=NOW, reason="a bug"))
    ill = runner.invoke(cli.status, [])
    mistyped = runner.invoke(cli.status, ["--receiver", "receiver"])
    engine.dispose()

    assert (well.exit_code, ill.exit_code) == (0, 2)
    assert any(line.startswith("! call_events") for line in ill.output.splitlines())
    assert isinstance(mistyped.exception, ConfigurationError)  # not "not asked", which would be well


def _archive(night: Night, session: str) -> None:
    row = {
        "object_key": session,
        "session_id": session,
        "kind": "video",
        "file_type": "MP4",
        "size_bytes": 1,
        "crc32": "",
        "sha256": "",
        "call_ended_at": NOW,
        "access_until": NOW,
        "expires_at": NOW,
        "hold": "none",
        "archived_at": NOW,
    }
    with writing(night.engine) as connection:
        connection.execute(insert(receipts).values(**row))
