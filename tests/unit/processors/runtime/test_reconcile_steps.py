"""Reconciliation step by step, against a Zoom, a log and a bucket in memory and a database of its own."""

import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from infra.database.engine import open_database, writing
from infra.database.tables import metadata, receipts
from infra.errors import PermanentError, TransientError
from infra.storage.base import Description
from infra.transport import Record
from infra.zoom.answers import MeetingRecordings, PastInstance, PastMeeting, WebhookDelivery
from infra.zoom.errors import DailyLimitReached, RateLimited, ScopeMissing, UserNotFound
from processors.base import Event, Processor
from processors.call_events import CallEvents
from processors.commands import Reference
from processors.recording_archive import RecordingArchive
from processors.runtime.inbox import Inbox
from processors.runtime.reconcile.checkpoints import Checkpoints
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import ON_ITS_WAY, Report
from processors.runtime.reconcile.known import Database
from processors.runtime.reconcile.recordings import GIVEN_UP
from processors.runtime.reconcile.run import NO_APP, NO_CREDENTIALS, reconcile
from schemas.archive import object_key
from schemas.envelope import Envelope
from schemas.identity import read_occurrence
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED
from schemas.topics import WEBHOOKS
from schemas.zoom import RecordingFile
from tests.fakes.clock import FakeClock
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.transport import FakeTransport
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import ACCOUNT, HOST, MEETING, SESSION, T0, at

APP = "app-Kestrel"
NOW = T0 + timedelta(hours=3)
PERIOD = Period(T0 - timedelta(hours=2), NOW)
KEY = object_key(SESSION, "f1", call.stamp(5), "MP4")


@dataclass
class ForgetfulZoom:
    """REST as a test fills it; `errors` are raised first, one a call, by the method's name."""

    log: list[WebhookDelivery] = field(default_factory=list)
    past: dict[str, PastMeeting] = field(default_factory=dict)
    recorded: dict[str, tuple[RecordingFile, ...]] = field(default_factory=dict)
    errors: dict[str, list[Exception]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def webhook_log(
        self, app_id: str, start: datetime, end: datetime, *, only_failed: bool = True
    ) -> Iterator[WebhookDelivery]:
        self._ask("webhook_log")
        assert app_id == APP
        for row in self.log:
            yield row
            self._fail("webhook_log in the middle")

    def past_meeting(self, session_id: str) -> PastMeeting | None:
        self._ask("past_meeting")
        return self.past.get(session_id)

    def past_instances(self, meeting_id: str) -> tuple[PastInstance, ...]:
        self._ask("past_instances")
        return tuple(PastInstance(one.session_id, one.start_at) for one in self.past.values())

    def user_recordings(self, user_id: str, first: date, last: date) -> Iterator[MeetingRecordings]:
        self._ask(f"user_recordings {user_id}")
        for session_id, files in self.recorded.items():
            yield MeetingRecordings(session_id, MEETING, files, None)

    def _ask(self, what: str) -> None:
        self.asked.append(what)
        self._fail(what)

    def _fail(self, what: str) -> None:
        waiting = self.errors.get(what, [])
        if waiting:
            raise waiting.pop(0)


class World:
    """A desk, and what happened before a run."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock(NOW)
        self.engine: Any = open_database(f"sqlite:///{folder / 'processors.db'}")
        metadata.create_all(self.engine)
        self.zoom = ForgetfulZoom()
        self.transport = FakeTransport(self.clock)
        self.store = FakeObjectStore()

    def desk(self, **changes: Any) -> Desk:
        desk = Desk(
            zoom=self.zoom,
            transport=self.transport,
            producer=self.transport.producer(),
            database=Database(self.engine),
            store=self.store,
            clock=self.clock,
            app_id=APP,
            account_ids=frozenset({ACCOUNT}),
        )
        return replace(desk, **changes)

    def run(self, period: Period = PERIOD, *, resumable: bool = False, **changes: Any) -> Report:
        checkpoints = Checkpoints(self.engine, "test", self.clock) if resumable else None
        return reconcile(self.desk(**changes), period, checkpoints)

    def told(self, *events: Event) -> None:
        """Let the processors that keep state hear of events, without the log having them."""
        processors: list[Processor[Any]] = [CallEvents(timedelta(days=1)), RecordingArchive()]
        for processor in processors:
            inbox = Inbox(self.engine, processor, self.clock)
            for event in events:
                if event.type in processor.types:
                    inbox.take(event, MEETING)

    def logged(self, event: Event, *, status: int = -1, tries: int = 1, name: str | None = None) -> None:
        """Let Zoom's log have an event's deliveries."""
        occurrence = read_occurrence(event.data)
        body = json.dumps(event.data)
        self.zoom.log += [
            WebhookDelivery(name or occurrence.event, status, f"request-{event.id}", number, None, body)
            for number in range(tries)
        ]

    def on_topic(self, event: Event) -> None:
        """Let our log have it."""
        kept = self.transport.records[WEBHOOKS.name]
        envelope = Envelope(event.id, "/zoom", event.type, b"{}")
        kept.append(Record(WEBHOOKS.name, 0, len(kept), NOW, b"k", envelope.headers(), b"{}"))

    def receipt(self, key: str = KEY, size: int = 4, *, expired: bool = False) -> None:
        row = {
            "object_key": key, "session_id": SESSION, "kind": "video", "file_type": "MP4", "size_bytes": size,
            "crc32": f"{zlib.crc32(b'good'):08x}", "sha256": "0" * 64, "call_ended_at": T0, "access_until": T0, "expires_at": T0,
            "hold": "none", "archived_at": T0, "expired_at": T0 if expired else None,
        }  # fmt: skip
        with writing(self.engine) as connection:
            connection.execute(insert(receipts).values(**row))

    def stored(self, key: str, body: bytes) -> None:
        self.store.put_small(key, body, Description("video/mp4", "", {}), zlib.crc32(body))

    def has_ended(self, session: str = SESSION, start: float | None = 0, end: float = 600) -> None:
        """Let Zoom know how a session went."""
        began = None if start is None else at(start)
        self.zoom.past[session] = PastMeeting(session, MEETING, HOST, began, at(end), 2)

    def produced(self) -> list[Envelope]:
        return [Envelope.from_record(one.headers, one.value) for one in self.transport.records[WEBHOOKS.name]]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.engine.dispose()


def recorded(file_id: str = "f1", status: str = "completed", start: float = 5) -> RecordingFile:
    stamps = (call.stamp(start), call.stamp(start + 60))
    return RecordingFile(file_id, "MP4", "MP4", 1000, status, None, *stamps, "https://zoom.us/rec/download/1")


def test_a_lost_event_comes_as_if_delivered(world: World) -> None:
    """With its own id, key and bytes, and a mark of how it came; four tries are one event."""
    lost = call.ended(600)
    world.logged(lost, tries=4)

    report = world.run()

    (brought,) = world.produced()
    assert (brought.id, brought.type, brought.partitionkey) == (lost.id, "us.zoom.meeting.ended", MEETING)
    assert json.loads(brought.data) == lost.data
    assert brought.extensions == {"zoomorigin": "reconcile", "zoomdeliveryid": f"request-{lost.id}"}
    assert (report.findings.lost, report.findings.deliveries) == ({"meeting.ended": 1}, 4)
    assert not report.findings.needs_a_person


def test_what_we_have_is_not_lost(world: World) -> None:
    """Whether it lies on the topic, or was handled and has left it."""
    on_topic, handled = call.started(0), call.ended(600)
    for one in (on_topic, handled):
        world.logged(one, status=200)
    world.on_topic(on_topic)
    world.told(handled)

    report = world.run()

    assert report.findings.lost == {}
    assert len(world.produced()) == 1


def test_others_events_stay_out(world: World) -> None:
    """Validations and foreign accounts say nothing; a body that is no event needs a person."""
    foreign = call.started(0)
    world.logged(replace(foreign, data={**foreign.data, "payload": {**foreign.data["payload"], "account_id": "x"}}))
    world.logged(call.started(1), name="endpoint.url_validation")
    world.zoom.log += [WebhookDelivery("meeting.started", -1, "r", number, None, "cut o") for number in range(2)]

    report = world.run()

    assert world.produced() == []
    assert (report.findings.lost, report.findings.unusable) == ({}, {"not_json": 1})
    assert report.findings.needs_a_person


def test_a_dry_run_says_the_same_and_writes_nothing(world: World) -> None:
    """Counts as in the real run, marked as what would be."""
    world.told(call.registered(), call.started(0))
    world.logged(call.joined(1, "101"))
    world.has_ended()
    world.zoom.recorded[SESSION] = (recorded(),)

    dry = world.run(dry_run=True)

    assert world.produced() == []
    assert dry.findings == world.run().findings
    assert (dry.document()["events_lost"], dry.document()["events_recovered"]) == (1, 0)
    assert "1 lost and would be recovered" in "\n".join(dry.lines())


def test_an_ended_less_call_is_closed(world: World) -> None:
    """By what Zoom's REST knows, once however often it is asked."""
    world.told(call.registered(), call.started(0))
    world.has_ended()

    first = world.run()
    (inferred,) = world.produced()
    world.told(Event(inferred.id, inferred.type, NOW, json.loads(inferred.data), inferred.time))
    second = world.run()

    assert (inferred.type, inferred.partitionkey, inferred.time) == (MEETING_ENDED, MEETING, at(600))
    assert json.loads(inferred.data)["account_id"] == ACCOUNT
    assert (first.findings.closed, second.findings.closed) == ([SESSION], [])


def test_a_call_that_never_ended_needs_a_person(world: World) -> None:
    """Thirty hours after its start, when Zoom knows no end either; before that it may be going on."""
    world.told(call.registered(), call.started(0))
    soon = world.run()
    world.clock.advance(31 * 3600)

    late = world.run()

    assert (soon.findings.never_ended, late.findings.never_ended) == ([], [SESSION])
    assert (soon.findings.needs_a_person, late.findings.needs_a_person) == (False, True)


def test_what_the_log_brings_is_not_inferred_as_well(world: World) -> None:
    """The processors have not heard of it yet; a guess beside Zoom's own word would be noise."""
    world.told(call.registered(), call.started(0))
    world.logged(call.ended(600))
    world.has_ended()

    report = world.run()

    assert [one.type for one in world.produced()] == ["us.zoom.meeting.ended"]
    assert report.findings.closed == []


def test_a_session_nobody_told_of_is_found(world: World) -> None:
    """By the meeting id of a registered call; its host's recordings are looked at as well."""
    world.told(call.registered())
    world.has_ended("unheard==")

    report = world.run()

    assert report.findings.discovered == ["unheard=="]
    assert [json.loads(one.data)["started_at"] for one in world.produced()] == [at(0).isoformat()]
    assert f"user_recordings {HOST}" in world.zoom.asked


def test_unannounced_files_are_announced(world: World) -> None:
    """Without links; files in the making, archived, expired or asked for are left alone."""
    world.told(call.registered(), call.started(0), call.ended(600))
    archived, expired = recorded("f2"), recorded("f3")
    for file, gone in ((archived, False), (expired, True)):
        key = object_key(SESSION, file.file_id, file.recording_start, "MP4")
        world.receipt(key, expired=gone)
    world.zoom.recorded[SESSION] = (recorded(), archived, expired, recorded("f4", "processing"))

    report = world.run()

    (announced,) = world.produced()
    assert announced.type == RECORDING_COMPLETED
    assert [file["file_id"] for file in json.loads(announced.data)["files"]] == ["f1"]
    assert b"http" not in announced.data
    assert (report.findings.announced, report.findings.unarchived) == ([KEY], {KEY: ON_ITS_WAY})


def test_files_past_their_retention_are_not_announced(world: World) -> None:
    """Half a year later Zoom may still have them; we may not."""
    world.told(call.registered(), call.started(0), call.ended(600))
    world.zoom.recorded[SESSION] = (recorded(start=-181 * 86400),)

    report = world.run()

    assert (report.findings.announced, world.produced()) == ([], [])


def test_a_file_that_was_given_up_needs_a_person(world: World) -> None:
    """Zoom has it, the archive was asked for it and failed: announcing it again would change nothing."""
    video = {**call.file("f1", "MP4"), "download_url": "https://zoom.us/rec/1"}
    asked = replace(call.completed(900, video), reference=Reference(WEBHOOKS.name, 0, 1))
    archive = RecordingArchive()
    (command,) = archive.decide(asked, None).commands
    world.told(call.registered(), call.started(0), call.ended(600), asked)
    died = replace(call.result(command, 950), type="dead.archive_file")
    Inbox(world.engine, archive, world.clock).take(died, MEETING)
    world.zoom.recorded[SESSION] = (recorded(),)

    report = world.run()

    assert (report.findings.announced, report.findings.unarchived) == ([], {KEY: GIVEN_UP})
    assert report.findings.needs_a_person


def test_objects_are_held_against_their_receipts(world: World) -> None:
    """One is there, one is gone, two have other bytes or fewer; an expired one may be gone."""
    for key, body in (("calls/good", b"good"), ("calls/other", b"evil"), ("calls/short", b"cut")):
        world.stored(key, body)
        world.receipt(key)
    world.receipt("calls/gone")
    world.receipt("calls/expired", expired=True)

    report = world.run()

    assert (report.findings.objects, report.findings.missing) == (4, ["calls/gone"])
    assert sorted(report.findings.short) == ["calls/other", "calls/short"]
    assert report.findings.needs_a_person


def test_the_rest_is_done_without_credentials(world: World) -> None:
    """It says what it cannot look at, and that is no fault."""
    world.receipt()
    world.stored(KEY, b"good")

    without_zoom, without_app = world.run(zoom=None), world.run(app_id=None)

    assert without_zoom.findings.left_out == dict.fromkeys(
        ("webhook log", "past meetings", "recordings"), NO_CREDENTIALS
    )
    assert without_app.findings.left_out == {"webhook log": NO_APP}
    assert (without_zoom.findings.objects, without_zoom.findings.needs_a_person) == (1, False)


def test_a_week_is_all_that_zoom_keeps(world: World) -> None:
    """An earlier start is said to be out of reach, and the rest of the log is read."""
    world.logged(call.ended(600))

    report = world.run(Period(NOW - timedelta(days=30), NOW))

    (left_out,) = report.findings.left_out
    assert left_out.startswith("webhook log before 2026-11-15")
    assert report.findings.lost == {"meeting.ended": 1}
    assert world.zoom.asked.count("webhook_log") == 7


def test_an_area_that_zoom_refuses_does_not_stop_the_others(world: World) -> None:
    """The report names it with Zoom's reason, and a person has to see to it."""
    world.told(call.registered(), call.started(0))
    world.has_ended()
    world.zoom.errors["webhook_log"] = [ScopeMissing(400, 4711)]

    report = world.run()

    assert "4711" in report.findings.unseen["webhook log"]
    assert report.findings.closed == [SESSION]
    assert report.findings.needs_a_person


def test_ended_less_calls_are_closed_without_the_scope_for_unheard_ones(world: World) -> None:
    """Not every plan offers it; what is left undone is said."""
    world.told(call.registered(), call.started(0))
    world.has_ended()
    world.zoom.errors["past_instances"] = [ScopeMissing(400, 4711)]

    report = world.run()

    assert report.findings.closed == [SESSION]
    assert list(report.findings.unseen) == ["sessions nobody told of"]


def test_a_host_who_left_is_said(world: World) -> None:
    """Zoom knows the user no more: nothing is wrong with us."""
    world.zoom.errors["user_recordings gone@example.com"] = [UserNotFound(404, 1001)]

    report = world.run(host_users=("gone@example.com",))

    assert list(report.findings.left_out) == ["recordings of gone@example.com"]
    assert not report.findings.needs_a_person


def test_a_step_is_tried_again_when_zoom_is_busy(world: World) -> None:
    """What its first try brought is neither brought twice nor forgotten in the counts."""
    for second in (1, 2):
        world.logged(call.joined(second, f"10{second}"))
    world.zoom.errors["webhook_log in the middle"] = [RateLimited("busy", retry_after_seconds=7)]

    report = world.run()

    assert report.findings.lost == {"meeting.participant_joined": 2}
    assert len(world.produced()) == 2
    assert world.clock.now() >= NOW + timedelta(seconds=7)


def test_an_interrupted_run_goes_on(world: World) -> None:
    """After a daily limit the same run does the steps that are left, over the same period, and reports all of it."""
    world.told(call.registered(), call.started(0))
    world.logged(call.joined(1, "101"))
    world.zoom.errors["past_meeting"] = [DailyLimitReached("used up", retry_after_seconds=7200)]

    with pytest.raises(TransientError):
        world.run(resumable=True)
    world.clock.advance(7200)
    later = Period(PERIOD.since + timedelta(hours=2), PERIOD.until + timedelta(hours=2))
    report = world.run(later, resumable=True)

    assert world.zoom.asked.count("webhook_log") == 1
    assert report.findings.lost == {"meeting.participant_joined": 1}
    assert datetime.fromisoformat(report.since) == PERIOD.since
    world.run(later, resumable=True)
    assert world.zoom.asked.count("webhook_log") == 2


def test_an_old_interrupted_run_is_begun_anew(world: World) -> None:
    """A day later what its steps saw is too old."""
    world.zoom.errors["webhook_log"] = [DailyLimitReached("used up", retry_after_seconds=7200)]
    with pytest.raises(TransientError):
        world.run(resumable=True)
    world.clock.advance(25 * 3600)

    report = world.run(Period(NOW, NOW + timedelta(hours=1)), resumable=True)

    assert datetime.fromisoformat(report.since) == NOW


def test_what_the_topic_refuses_is_unusable(world: World) -> None:
    """The others go on."""
    world.logged(call.ended(600))
    desk = world.desk()
    producer = world.transport.producer()
    producer.fail(PermanentError("too large"))

    report = reconcile(replace(desk, producer=producer), PERIOD, None)

    assert (report.findings.lost, report.findings.unusable) == ({}, {"refused_by_log": 1})


def test_the_report_is_the_same_for_people_and_programs(world: World) -> None:
    """Every list of the JSON has its line."""
    world.told(call.registered(), call.started(0))
    world.receipt("calls/gone")
    world.clock.advance(31 * 3600)

    report = world.run()

    lines, document = "\n".join(report.lines()), report.document()
    assert (document["never_ended"], document["missing"]) == ([SESSION], ["calls/gone"])
    assert f"never ended: session {SESSION}" in lines
    assert "missing: calls/gone" in lines
    assert datetime.fromisoformat(document["until"]) == NOW.astimezone(UTC)
