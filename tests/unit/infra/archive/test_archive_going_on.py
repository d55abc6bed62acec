"""Going on after a stop: whatever call a run is killed at, the next ones end in one whole object, and fetch little twice."""

import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from infra.archive import upload
from infra.archive.archive import archive_file
from infra.archive.errors import Conflict, WrongSize
from infra.archive.journal import Beginning, find_unfinished
from infra.archive.model import Receipt, Source, Target
from infra.archive.ranges import Rest
from infra.errors import PermanentError, TransientError
from infra.storage.base import Description
from tests.fakes.journal import FakeJournal
from tests.unit.infra.storage.memory_store import MemoryStore, failing_on

PART = 1024  # small parts, so that a test needs little memory
KEY = "calls/1/a"
MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 24
TAGS = {"retention": "180d", "hold": "none"}
TARGET = Target(KEY, "video", "video/mp4", "a.mp4", TAGS)
DESCRIPTION = Description("video/mp4", TARGET.disposition, TAGS)
MOST_CALLS = 200  # of one run; one run of seven parts makes about 40


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Kills at the n-th call, before it or after it, and from then on every call of this run."""

    at: int
    after: bool = False
    calls: int = 0
    lock: Any = field(default_factory=threading.Lock)

    def run(self, call: Callable[[], Any]) -> Any:
        with self.lock:
            self.calls += 1
            mine = self.calls
        if mine > self.at or (mine == self.at and not self.after):
            raise Killed
        result = call()
        if mine == self.at:
            raise Killed
        return result


class Fused:
    """Anything, with a fuse before and after each of its calls."""

    def __init__(self, inner: Any, fuse: Fuse) -> None:
        self._inner = inner
        self._fuse = fuse

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if not callable(found):
            return found
        return lambda *arguments, **named: self._fuse.run(lambda: found(*arguments, **named))


@dataclass
class Server:
    """A download server: a file with a tag, pieces of it where it gives any; it counts what it sends."""

    content: bytes = MP4
    etag: str | None = '"v1"'
    gives_pieces: bool = True
    sent_bytes: int = 0
    starts: list[int] = field(default_factory=list)

    def open(self, url: str, token: str | None, renew: object = None, rest: Rest | None = None) -> "ServerBody":
        fits = rest is not None and self.gives_pieces and rest.validator == self.etag
        body = ServerBody(self, rest.start if rest is not None and fits else 0)
        self.starts.append(body.starts_at)
        return body


class ServerBody:
    def __init__(self, server: Server, starts_at: int) -> None:
        self._server = server
        self._at = self.starts_at = starts_at
        self.total_bytes = len(server.content)
        self.etag = server.etag

    def __enter__(self) -> "ServerBody":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fill(self, buffer: memoryview) -> int:
        piece = self._server.content[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        self._server.sent_bytes += len(piece)
        return len(piece)


class FusedServer(Server):
    """The server as a process sees it that is to be killed."""

    def __init__(self, server: Server, fuse: Fuse) -> None:
        self._server, self._fuse = server, fuse

    def open(self, url: str, token: str | None, renew: object = None, rest: Rest | None = None) -> Any:
        body = self._fuse.run(lambda: self._server.open(url, token, renew, rest))
        fill, fuse = body.fill, self._fuse
        body.fill = lambda buffer: fuse.run(lambda: fill(buffer))
        return body


@dataclass
class Lab:
    store: MemoryStore = field(default_factory=MemoryStore)
    journal: FakeJournal = field(default_factory=FakeJournal)
    server: Server = field(default_factory=Server)

    def run(self, fuse: Fuse | None = None) -> Receipt:
        """Archive; killed where the fuse says."""
        parts: tuple[Any, Any, Any] = (self.store, self.server, self.journal)
        if fuse is not None:
            parts = (Fused(self.store, fuse), FusedServer(self.server, fuse), Fused(self.journal, fuse))
        store, server, journal = parts
        source = Source("https://zoom.us/rec/1", "token", len(self.server.content))
        return archive_file(source, TARGET, store, server, journal=journal)

    def is_killed(self, fuse: Fuse) -> bool:
        try:
            self.run(fuse)
        except Killed:
            return True
        return False

    def stop_after(self, parts: int) -> None:
        """Leave an upload of so many parts behind, as a killed process does."""
        upload_id = self.store.create_multipart(KEY, DESCRIPTION)
        self.journal.begin(Beginning(KEY, upload_id, '"v1"', len(MP4), PART))
        for number in range(1, parts + 1):
            body = MP4[(number - 1) * PART : number * PART]
            self.journal.add(KEY, upload_id, self.store.upload_part(KEY, upload_id, number, body, zlib.crc32(body)))


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", PART)
    monkeypatch.setattr(upload, "MEBIBYTE", PART)


def proven(lab: Lab, receipt: Receipt, content: bytes | None = None) -> None:
    """There is one object, the file's, with its tags, and the receipt says what it is."""
    content = lab.server.content if content is None else content
    assert list(lab.store.objects) == [KEY]
    assert lab.store.objects[KEY].body == content
    assert lab.store.get_tags(KEY) == TAGS
    assert (receipt.size_bytes, receipt.crc32, receipt.sha256) == (
        len(content), f"{zlib.crc32(content):08x}", sha256(content).hexdigest(),
    )  # fmt: skip


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("length", [100, 3 * PART, len(MP4)])
def test_one_whole_object_wherever_the_run_was_killed(after: bool, length: int) -> None:
    """Before and after every single call to store, server and journal: the next run ends in one complete object."""
    for at in range(1, MOST_CALLS):
        lab = Lab(server=Server(MP4[:length]))
        killed = lab.is_killed(Fuse(at, after))

        receipt = lab.run()

        proven(lab, receipt)
        assert len(lab.store.uploads) <= 1  # one that was begun, and killed before it could be noted
        if not killed:
            return
    raise AssertionError("the run makes more calls than that")


@given(st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=6), st.sampled_from(['"v1"', '"v2"', None]))
@example([(27, False)], '"v2"')  # all parts are in the store
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_whole_object_however_often_it_is_killed(kills: list[tuple[int, bool]], later_etag: str | None) -> None:
    """Kills in a row, the file replaced by another version in between: never a mixture of both.

    The one that was there first stands when all of it was in the store, so that nobody has to ask the server again.
    """
    lab = Lab()
    for at, after in kills:
        lab.is_killed(Fuse(at, after))
    left = find_unfinished(KEY, lab.store, lab.journal)
    if later_etag != lab.server.etag and not lab.store.objects:
        lab.server.content, lab.server.etag = MP4[:12] + MP4[12:][::-1], later_etag

    proven(lab, lab.run(), MP4 if left is not None and left.rest is None else None)


@pytest.mark.parametrize("parts", [1, 4, 6])
def test_parts_that_are_there_are_not_fetched_again(parts: int) -> None:
    """The rest is asked for, and nothing else."""
    lab = Lab()
    lab.stop_after(parts)

    receipt = lab.run()

    proven(lab, receipt)
    assert not receipt.was_there
    assert lab.server.starts == [parts * PART]
    assert lab.server.sent_bytes == len(MP4) - parts * PART
    assert lab.store.uploads == {}


def test_nothing_is_fetched_when_all_parts_are_there() -> None:
    """Killed before the last step: the upload is completed without asking Zoom at all."""
    lab = Lab()
    lab.stop_after(-(-len(MP4) // PART))

    proven(lab, lab.run())
    assert lab.server.starts == []


@pytest.mark.parametrize("server", [Server(gives_pieces=False), Server(etag='"v2"'), Server(etag=None)])
def test_an_upload_that_cannot_be_gone_on_with_is_thrown_away(server: Server) -> None:
    """Without pieces, or where the file is another one: a new upload, and nothing of the old one stays."""
    lab = Lab(server=replace(server, starts=[]))
    lab.stop_after(3)

    proven(lab, lab.run())
    assert lab.server.starts == [0]
    assert lab.store.uploads == {}


def test_a_gap_ends_what_is_gone_on_with() -> None:
    """Parts go out side by side: those after a missing one are sent again."""
    lab = Lab()
    lab.stop_after(4)
    (_, _, bodies), (_, noted) = next(iter(lab.store.uploads.values())), lab.journal.notes[KEY]
    del bodies[3]
    del noted[2]

    proven(lab, lab.run())
    assert lab.server.starts == [PART]


def test_a_part_that_is_not_the_noted_one_is_not_used() -> None:
    """Another part in its place, or the start of one: what the store lists must be what was noted."""
    lab = Lab()
    lab.stop_after(3)
    next(iter(lab.store.uploads.values()))[2][2] = bytes(PART)

    proven(lab, lab.run())
    assert lab.server.starts == [PART]


def test_an_upload_that_the_bucket_has_thrown_away_is_begun_anew() -> None:
    """The bucket's rule removes it after two days; the note goes with it."""
    lab = Lab()
    lab.stop_after(3)
    lab.store.uploads.clear()

    proven(lab, lab.run())
    assert lab.server.starts == [0]


@pytest.mark.parametrize("operation", ["upload_part", "complete"])
def test_a_store_that_fails_for_now_keeps_its_parts(operation: str) -> None:
    """With a tag to go on by, an error that passes costs nothing that is there."""
    lab = Lab()
    lab.stop_after(4)
    lab.store.before = failing_on(operation, TransientError("later"))
    with pytest.raises(TransientError):
        lab.run()
    lab.store.before = lambda operation: None

    proven(lab, lab.run())
    assert min(lab.server.starts) == 4 * PART


def test_an_upload_that_will_never_be_whole_is_thrown_away() -> None:
    """An error that stays, and a size that is not the announced one, leave no parts behind."""
    for make in (lambda lab: setattr(lab.store, "before", failing_on("complete", PermanentError("never"))),
                 lambda lab: setattr(lab.server, "content", MP4 + b"x")):  # fmt: skip
        lab = Lab()
        lab.stop_after(3)
        make(lab)

        with pytest.raises((PermanentError, WrongSize)):
            lab.run()
        assert (lab.store.objects, lab.store.uploads, lab.journal.notes) == ({}, {}, {})


def test_whoever_completes_it_first_is_believed() -> None:
    """A worker that was only thought dead completes the same upload meanwhile: both have the same receipt."""
    lab = Lab()
    lab.stop_after(3)
    other: list[Receipt] = []

    def before(operation: str) -> None:
        if operation == "complete" and not other:
            other.append(None)  # type: ignore[arg-type]  # the other's own call comes through here too
            other[0] = lab.run()

    lab.store.before = before

    receipt = lab.run()

    assert receipt == replace(other[0], was_there=True)
    proven(lab, receipt)


def test_another_object_that_came_first_is_left_alone() -> None:
    """Also by an upload that was gone on with."""
    lab = Lab()
    lab.stop_after(3)

    def before(operation: str) -> None:
        if operation == "complete":
            lab.store.before = lambda operation: None
            foreign = bytes(len(MP4))
            lab.store.put_small(KEY, foreign, DESCRIPTION, zlib.crc32(foreign))

    lab.store.before = before

    with pytest.raises(Conflict):
        lab.run()
    assert lab.store.objects[KEY].body == bytes(len(MP4))
    assert lab.store.uploads == {}
