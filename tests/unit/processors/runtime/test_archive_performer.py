"""Archiving one file: where its link comes from, what is written when it is done, and what stops it."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from infra.archive.errors import NotARecording, TokenRefused
from infra.archive.journal import Beginning
from infra.archive.model import Source
from infra.database.engine import migrate, open_database, reading, writing
from infra.database.tables import upload_parts
from infra.errors import PermanentError, TransientError
from infra.storage.base import Part
from infra.transport import Record
from processors.commands import ArchiveFile, Reference, TagFile
from processors.runtime.performers.archive import ArchiveFilePerformer
from processors.runtime.performers.archive_source import FileSources
from processors.runtime.performers.tags import TagFilePerformer
from processors.runtime.receipts import Receipts
from processors.runtime.uploads import UploadJournal
from schemas.archive import access_until, expires_at, object_key
from schemas.zoom import RecordingFile
from tests.fakes.clock import FakeClock
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.transport import FakeTransport
from tests.fakes.zoom import FakeBody, FakeDownloads, FakeZoom

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ENDED_AT = NOON - timedelta(hours=1)
SESSION, START, EVENT_URL, REST_URL = (
    "u/==",
    "2026-01-01T10:00:00Z",
    "https://zoom.us/rec/event",
    "https://zoom.us/rec/rest",
)
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(988)
KEY = object_key(SESSION, "file-1", START, "MP4")


def jwt(expires_at: datetime) -> str:
    claims = urlsafe_b64encode(json.dumps({"exp": int(expires_at.timestamp())}).encode()).decode().rstrip("=")
    return f"header.{claims}.signature"


TOKEN = jwt(NOON + timedelta(hours=1))
COMMAND = ArchiveFile(
    object_key=KEY,
    session_id=SESSION,
    meeting_id="123",
    call_id="call-1",
    order_id="order-1",
    file_id="file-1",
    file_type="MP4",
    file_kind="video",
    extension="MP4",
    size_bytes=len(VIDEO),
    recording_start=START,
    call_ended_at=ENDED_AT,
    access_until=access_until(ENDED_AT),
    expires_at=expires_at(ENDED_AT),
    hold="none",
    source=Reference("zoom.webhooks", 0, 0),
)
REST_FILE = RecordingFile("file-1", "MP4", "MP4", len(VIDEO), "completed", None, START, None, REST_URL)


@dataclass
class World:
    """Everything around the performers."""

    log: FakeTransport
    zoom: FakeZoom | None
    store: FakeObjectStore
    downloads: FakeDownloads
    receipts: Receipts
    clock: FakeClock
    engine: Any

    def event(self, token: str | None = TOKEN, **more: Any) -> None:
        """Put the webhook of the command into the log."""
        named = {"id": "file-1", "file_type": "MP4", "recording_start": START, "download_url": EVENT_URL}
        files = [
            {"id": "other", "download_url": "https://zoom.us/rec/other"},
            {**named, "file_size": len(VIDEO), **more},
        ]
        payload = {"object": {"uuid": SESSION, "recording_files": files}}
        body = {"event": "recording.completed", "download_token": token, "payload": payload}
        kept = self.log.records["zoom.webhooks"]
        kept.append(Record("zoom.webhooks", 0, len(kept), NOON, None, (), json.dumps(body).encode()))

    def archive(self, command: ArchiveFile = COMMAND) -> dict[str, Any]:
        """Perform and record, as the worker does."""
        performer = ArchiveFilePerformer(
            sources=FileSources(self.log, self.zoom, self.clock),
            store=self.store,
            download=self.downloads,  # type: ignore[arg-type]  # a fake
            receipts=self.receipts,
            journal=UploadJournal(self.engine, self.clock),
            clock=self.clock,
        )
        result = performer.perform(command)
        with writing(self.engine) as connection:
            performer.record(connection, command, result)
        return dict(result)

    def tag(self, command: TagFile) -> dict[str, Any]:
        performer = TagFilePerformer(store=self.store, receipts=self.receipts)
        result = performer.perform(command)
        with writing(self.engine) as connection:
            performer.record(connection, command, result)
        return dict(result)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(f"sqlite:///{tmp_path / 'processors.db'}")
    migrate(engine)
    clock = FakeClock(NOON)
    downloads = FakeDownloads({EVENT_URL: (TOKEN, VIDEO), REST_URL: ("fresh", VIDEO)})
    zoom = FakeZoom({SESSION: (REST_FILE,)})
    yield World(FakeTransport(clock), zoom, FakeObjectStore(), downloads, Receipts(engine), clock, engine)
    engine.dispose()


def retagged(revision: int = 1, **more: Any) -> TagFile:
    ended_at = ENDED_AT + timedelta(minutes=5)
    tags = TagFile(
        object_key=KEY,
        revision=revision,
        call_id="call-2",
        order_id="order-2",
        call_ended_at=ended_at,
        access_until=access_until(ended_at),
        expires_at=expires_at(ended_at),
        hold="legal",
    )
    return replace(tags, **more)


def test_a_file_is_archived_from_the_events_own_link(world: World) -> None:
    """The object stands there with its tags, the result and the receipt prove it, and REST was not needed."""
    world.zoom = None
    world.event()

    result = world.archive()

    assert result == {
        "object_key": KEY,
        "version_id": None,
        "size_bytes": len(VIDEO),
        "crc32": result["crc32"],
        "sha256": sha256(VIDEO).hexdigest(),
        "content_type": "video/mp4",
    }
    assert world.store.get_tags(KEY)["hold"] == "none"
    receipt = world.receipts.find(KEY)
    assert receipt is not None
    assert (receipt.call_id, receipt.kind, receipt.archived_at, receipt.expires_at) == (
        "call-1", "video", NOON, COMMAND.expires_at,
    )  # fmt: skip
    assert receipt.expired_at is None


def test_the_held_file_is_held_from_its_first_moment(world: World) -> None:
    """Tag and legal hold are part of the upload."""
    world.store.locks = True
    world.event()

    world.archive(replace(COMMAND, hold="legal"))

    assert world.store.get_tags(KEY)["hold"] == "legal"
    assert world.store.legal_hold(KEY) is True


def test_a_token_inside_the_payload_is_found(world: World) -> None:
    """Some bodies hold it there."""
    world.event(token=None)
    (record,) = world.log.records["zoom.webhooks"]
    body = json.loads(record.value)
    body["payload"]["download_token"] = TOKEN
    world.log.records["zoom.webhooks"] = [replace(record, value=json.dumps(body).encode())]

    world.archive()

    assert world.downloads.asked == [EVENT_URL]


def test_a_file_without_an_id_is_found_by_start_and_type(world: World) -> None:
    """TIMELINE and CC files may have no id."""
    world.event(id=None)
    command = replace(COMMAND, file_id=None, object_key=object_key(SESSION, None, START, "MP4"))

    world.archive(command)

    assert world.downloads.asked == [EVENT_URL]


@pytest.mark.parametrize("token", [jwt(NOON - timedelta(days=1)), jwt(NOON + timedelta(seconds=30))])
def test_link_and_token_come_from_rest_when_the_token_has_expired(world: World, token: str) -> None:
    """A token that is known to fail is not tried; the fresh one goes with its own link, never with the event's."""
    world.event(token=token)

    world.archive()

    assert world.downloads.asked == [REST_URL]


@pytest.mark.parametrize("token", ["not.a.jwt", "plain", "a.!!!.c", jwt(NOON + timedelta(days=1))])
def test_link_and_token_come_from_rest_when_the_token_is_refused(world: World, token: str) -> None:
    """Whatever the token looks like: once refused, REST is asked, once."""
    world.event(token=token)

    world.archive()

    assert world.downloads.asked == [EVENT_URL, REST_URL]


def test_rest_is_asked_when_the_link_brings_a_page(world: World) -> None:
    """Zoom says no with a web page and 200."""
    world.event()
    world.downloads.pages.add(EVENT_URL)

    world.archive()

    assert world.store.head(KEY) is not None


def test_rest_is_asked_when_the_link_is_refused(world: World) -> None:
    """403, 404 and 410 are of this link; REST may have another."""
    world.event()
    world.downloads.gone.add(EVENT_URL)

    world.archive()

    assert world.downloads.asked == [EVENT_URL, REST_URL]
    assert world.store.head(KEY) is not None


def test_a_page_from_the_first_link_is_not_final_when_the_events_token_has_expired(world: World) -> None:
    """Zoom says no for a moment now and then: a file has two tries, wherever its first link comes from."""
    world.event(token=jwt(NOON - timedelta(days=1)))
    world.downloads.pages_once.add(REST_URL)

    world.archive()

    assert world.downloads.asked == [REST_URL, REST_URL]
    assert world.store.head(KEY) is not None


def test_a_page_from_both_links_is_final(world: World) -> None:
    """REST is asked once, not in circles; nothing is stored."""
    world.event()
    world.downloads.pages |= {EVENT_URL, REST_URL}

    with pytest.raises(NotARecording):
        world.archive()
    assert world.store.head(KEY) is None


def test_a_fresh_token_that_is_refused_is_tried_again_later(world: World) -> None:
    """Zoom refuses right tokens now and then."""
    world.event()
    world.downloads.links.clear()

    with pytest.raises(TokenRefused) as caught:
        world.archive()
    assert isinstance(caught.value, TransientError)


def test_rest_is_asked_when_the_record_is_gone(world: World) -> None:
    """Records are kept for days, dead effects are revived after weeks; a neighbour's record is not mistaken for it."""
    world.event()
    world.log.records["zoom.webhooks"] = [replace(world.log.records["zoom.webhooks"][0], offset=5)]

    world.archive()

    assert world.downloads.asked == [REST_URL]


def test_without_credentials_for_rest_a_stale_link_is_final(world: World) -> None:
    """The text says which settings would help, and holds neither link nor token."""
    world.zoom = None
    world.event(token=jwt(NOON - timedelta(days=1)))

    with pytest.raises(PermanentError, match="ZOOM_CLIENT_ID") as caught:
        world.archive()
    assert "zoom.us" not in str(caught.value)


@pytest.mark.parametrize("sessions", [{SESSION: ()}, {SESSION: (replace(REST_FILE, file_id="other"),)}])
def test_a_file_that_zoom_does_not_have_is_final(world: World, sessions: dict[str, tuple[RecordingFile, ...]]) -> None:
    """Deleted before it was archived, for example."""
    world.zoom = FakeZoom(sessions)

    with pytest.raises(PermanentError, match="does not have"):
        world.archive()


def test_a_recording_in_the_making_is_waited_for(world: World) -> None:
    """Zoom answers the same while it still works on it as when it has none."""
    world.zoom = FakeZoom({})

    with pytest.raises(TransientError, match="in the making"):
        world.archive()


def test_a_file_that_expired_is_never_archived_again(world: World) -> None:
    """Receipts outlive objects."""
    world.event()
    world.archive()
    world.store.delete_all_versions(KEY)
    world.receipts.mark_expired(KEY, NOON)

    with pytest.raises(PermanentError, match="expired"):
        world.archive()
    assert world.store.head(KEY) is None


def test_a_file_past_its_retention_is_not_archived(world: World) -> None:
    """An effect that waited, or was revived, for too long brings nothing back."""
    world.event()
    world.clock.advance(181 * 24 * 3600)

    with pytest.raises(PermanentError, match="past its retention"):
        world.archive()
    assert world.downloads.asked == []


def test_an_object_of_an_interrupted_run_gets_the_tags_of_today(world: World) -> None:
    """Stored, but killed before it could be written down; meanwhile the call was held."""
    world.event()
    world.archive()
    description = world.store.objects[KEY]
    fresh = Receipts(world.engine)
    with writing(world.engine) as connection:
        connection.exec_driver_sql("DELETE FROM receipts")

    world.archive(replace(COMMAND, hold="legal"))

    assert world.store.objects[KEY] is description
    assert world.store.get_tags(KEY)["hold"] == "legal"
    found = fresh.find(KEY)
    assert found is not None
    assert found.sha256 == sha256(VIDEO).hexdigest()


def test_an_object_of_an_interrupted_run_needs_no_link(world: World) -> None:
    """The worker was down until the token had expired, and there is no REST: the file is there all the same."""
    world.event()
    world.archive()
    world.zoom = None
    world.clock.advance(2 * 24 * 3600)

    assert world.archive()["sha256"] == sha256(VIDEO).hexdigest()
    assert world.downloads.asked == [EVENT_URL]


def test_a_worker_that_comes_too_late_changes_no_tags(world: World) -> None:
    """The effect was done by another worker and a hold has been placed since."""
    world.event()
    world.archive()
    world.tag(retagged())
    performer_tags = world.store.get_tags(KEY)

    ArchiveFilePerformer(
        sources=FileSources(world.log, None, world.clock), store=world.store, download=world.downloads,  # type: ignore[arg-type]  # a fake
        receipts=world.receipts, journal=UploadJournal(world.engine, world.clock), clock=world.clock,
    ).perform(COMMAND)  # fmt: skip

    assert world.store.get_tags(KEY) == performer_tags


def test_tags_and_receipt_follow(world: World) -> None:
    """The whole set is replaced; kind and meeting stay; the receipt says the same."""
    world.event()
    world.archive()

    result = world.tag(retagged())

    tags = world.store.get_tags(KEY)
    assert result == {"hold": "legal"}
    assert (tags["hold"], tags["call"], tags["order"], tags["kind"], tags["meeting"]) == (
        "legal", "call-2", "order-2", "video", SESSION,
    )  # fmt: skip
    receipt = world.receipts.find(KEY)
    assert receipt is not None
    assert (receipt.hold, receipt.call_id, receipt.expires_at) == ("legal", "call-2", retagged().expires_at)


@pytest.mark.parametrize("marked", [True, False])
def test_tagging_what_is_gone_is_no_error(world: World, marked: bool) -> None:
    """Whether we removed it or the bucket's rule did; the receipt stays as it was."""
    world.event()
    world.archive()
    world.store.delete_all_versions(KEY)
    if marked:
        world.receipts.mark_expired(KEY, NOON)

    assert world.tag(retagged()) == {"hold": "gone"}
    receipt = world.receipts.find(KEY)
    assert receipt is not None
    assert receipt.hold == "none"


def test_tags_that_do_not_stand_are_tried_again(world: World) -> None:
    """What the store took is read back."""
    world.event()
    world.archive()
    world.store.replace_tags = lambda key, version_id, tags: None  # type: ignore[method-assign]  # takes and forgets

    with pytest.raises(TransientError, match="tags"):
        world.tag(retagged())


def test_a_token_that_expires_on_the_way_is_renewed_from_rest(world: World) -> None:
    """The download is handed a way to a fresh link and token, always both from one answer."""
    handed: list[Source] = []

    class Renewing(FakeDownloads):
        def open(self, url: str, token: str | None, renew: Any = None, rest: object = None) -> FakeBody:
            handed.append(renew())
            return super().open(url, token)

    world.downloads = Renewing(world.downloads.links)
    world.event()

    world.archive()

    assert [(source.url, source.token) for source in handed] == [(REST_URL, "fresh")]


def test_the_note_of_an_upload_goes_when_its_receipt_is_written(world: World) -> None:
    """In one transaction: there is never both a receipt and something to go on with."""
    journal = UploadJournal(world.engine, world.clock)
    journal.begin(Beginning(KEY, "gone", '"v1"', 5, 5))
    journal.add(KEY, "gone", Part(1, '"a"', 1))
    world.event()

    world.archive()

    assert journal.find(KEY) is None
    with reading(world.engine) as connection:
        assert connection.execute(select(func.count()).select_from(upload_parts)).scalar() == 0
