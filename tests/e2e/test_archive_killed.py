"""A process killed with -9 in the middle of a large upload: the next one goes on from the parts that are there."""

import os
import subprocess
import sys
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from threading import Event
from uuid import uuid4

import pytest

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.errors import TokenRefused
from infra.archive.model import Receipt, Source, Target
from infra.clock import SystemClock
from infra.database.engine import migrate, open_database
from infra.hosts import AllowList
from infra.local.s3_server import S3Server
from infra.storage.s3 import S3Store
from processors.runtime.uploads import UploadJournal
from tests.e2e.file_server import Answer, FileServer

pytestmark = [pytest.mark.s3, pytest.mark.timeout(180)]

MEBIBYTE = 1024 * 1024
PART = 8 * MEBIBYTE
VIDEO = b"\0\0\0\x18ftypmp42" + os.urandom(5 * PART + 3 * MEBIBYTE)
STOPS_AT = 4 * PART + MEBIBYTE  # where the server goes silent the first time
BUCKET = "archive-killed"
ETAG = '"v1"'
SOON_SECONDS = 90.0  # a busy machine of two cores


@dataclass
class Zoom:
    """Serves the video, in pieces too; the first answer stops until it is let go. It counts what it sends."""

    server: FileServer
    let_go: Event = field(default_factory=Event)
    sent_bytes: int = 0
    token: str = "token"  # no secret
    cut_at: int | None = None
    etag: str = ETAG
    gives_pieces: bool = True

    def behave(self, answer: Answer) -> None:
        if self.server.asked[-1].headers.get("Authorization") != f"Bearer {self.token}":
            answer.send(401)
            return
        resumes = self.gives_pieces and answer.if_range == self.etag
        start = (answer.range_from or 0) if resumes else 0
        place = {"Content_Range": f"bytes {start}-{len(VIDEO) - 1}/{len(VIDEO)}"} if start else {}
        answer.begin(206 if start else 200, Content_Length=str(len(VIDEO) - start), ETag=self.etag, **place)
        if answer.tries == 1:
            self._write(answer, VIDEO[:STOPS_AT])
            self.let_go.wait(SOON_SECONDS)
            answer.cut()
        elif self.cut_at is not None and start < self.cut_at:
            self._write(answer, VIDEO[start : self.cut_at])
            answer.cut()
            self.token = "fresh"  # no secret
        else:
            self._write(answer, VIDEO[start:])

    def _write(self, answer: Answer, body: bytes) -> None:
        for at in range(0, len(body), MEBIBYTE):
            answer.write(body[at : at + MEBIBYTE])
            self.sent_bytes += len(body[at : at + MEBIBYTE])


@dataclass
class Lab:
    zoom: Zoom
    store: S3Store
    journal: UploadJournal
    database_url: str
    environment: dict[str, str]
    key: str = field(default_factory=lambda: f"calls/{uuid4().hex}/file")

    def kill_in_the_middle(self) -> int:
        """Start an archiver, kill it once the store has two noted parts; return how many bytes it left there."""
        with subprocess.Popen(self._command(), env=self.environment) as archiver:
            try:
                self._wait_for_parts(archiver, 2)
            finally:
                archiver.kill()
        self.zoom.let_go.set()
        return self.noted() * PART

    def noted(self) -> int:
        """How many parts are noted, from the first on without a gap."""
        found = self.journal.find(self.key)
        numbers = [part.number for part in found[1]] if found else []
        return next(count for count in range(len(numbers) + 1) if count + 1 not in numbers)

    def go_on(self) -> tuple[str, ...]:
        """Archive in a new process; return size, CRC32 and SHA-256 as it printed them."""
        done = subprocess.run(
            self._command(), env=self.environment, capture_output=True, text=True, timeout=SOON_SECONDS, check=True
        )
        return tuple(done.stdout.split())

    def archive(self, renewed: str) -> Receipt:
        """Archive here; a token that is refused on the way is replaced by this one."""
        origin, url = self.zoom.server.origin, f"{self.zoom.server.origin}/file"
        target = Target(self.key, "video", "video/mp4", "a.mp4", {"hold": "none"})
        source, fresh = Source(url, "token", len(VIDEO)), Source(url, renewed, len(VIDEO))
        with closing(Downloader(AllowList([origin]), AllowList([]), SystemClock())) as download:
            return archive_file(source, target, self.store, download, journal=self.journal, renew=lambda: fresh)

    def _command(self) -> list[str]:
        program = str(Path(__file__).with_name("archive_resumable.py"))
        return [
            sys.executable, program, self.zoom.server.origin, BUCKET, self.key, str(len(VIDEO)), self.database_url,
        ]  # fmt: skip

    def _wait_for_parts(self, archiver: subprocess.Popen[bytes], parts: int) -> None:
        clock = SystemClock()
        deadline = clock.monotonic() + SOON_SECONDS
        while self.noted() < parts:
            assert archiver.poll() is None, "the archiver ended before it could be killed"
            assert clock.monotonic() < deadline, f"{parts} parts were not noted in {SOON_SECONDS:.0f} s"
            clock.sleep(0.05)


@pytest.fixture
def lab(s3_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    for name, value in s3_server.environment().items():
        monkeypatch.setenv(name, value)
    url = f"sqlite:///{tmp_path / 'processors.db'}"
    engine = open_database(url)
    migrate(engine)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with closing(S3Store(BUCKET)) as store, FileServer() as server:
        store.ensure_bucket()
        zoom = Zoom(server)
        server.routes["/file"] = zoom.behave
        yield Lab(zoom, store, UploadJournal(engine, SystemClock()), url, environment)
        zoom.let_go.set()
    engine.dispose()


def proof() -> tuple[str, ...]:
    return (str(len(VIDEO)), f"{zlib.crc32(VIDEO):08x}", sha256(VIDEO).hexdigest())


def test_the_next_process_goes_on_where_one_was_killed(lab: Lab) -> None:
    """What the store had is not downloaded again; size, CRC32 and SHA-256 are those of the whole file."""
    kept = lab.kill_in_the_middle()
    before = lab.zoom.sent_bytes

    told = lab.go_on()

    found = lab.store.head(lab.key)
    assert told == proof()
    assert kept >= 2 * PART
    assert lab.zoom.server.asked[-1].headers["Range"] == f"bytes={kept}-"
    assert lab.zoom.sent_bytes - before == len(VIDEO) - kept
    assert found is not None
    assert (found.size_bytes, found.crc32) == (len(VIDEO), zlib.crc32(VIDEO))
    assert b"".join(lab.store.read(lab.key)) == VIDEO
    assert lab.store.unfinished(lab.key) == []


@pytest.mark.parametrize("change", ["no pieces", "another file"])
def test_the_next_process_begins_anew_where_nothing_proves_the_rest(lab: Lab, change: str) -> None:
    """The old upload is thrown away; there is one whole object all the same."""
    lab.kill_in_the_middle()
    lab.zoom.gives_pieces, lab.zoom.etag = change != "no pieces", '"v2"' if change == "another file" else ETAG
    before = lab.zoom.sent_bytes

    assert lab.go_on() == proof()
    assert lab.zoom.sent_bytes - before == len(VIDEO)
    assert lab.store.unfinished(lab.key) == []


def test_a_token_that_expires_on_the_way_is_renewed(lab: Lab) -> None:
    """The connection breaks and the token is refused: a fresh one from REST, and on from the very byte."""
    lab.zoom.let_go.set()
    lab.zoom.token = "token"
    lab.zoom.cut_at = 5 * PART

    receipt = lab.archive("fresh")

    assert (str(receipt.size_bytes), receipt.crc32, receipt.sha256) == proof()
    assert lab.zoom.sent_bytes == len(VIDEO)
    assert [asked.headers["Authorization"] for asked in lab.zoom.server.asked][-2:] == ["Bearer token", "Bearer fresh"]


def test_a_fresh_token_that_is_refused_leaves_the_parts_to_the_next_run(lab: Lab) -> None:
    """Nothing that is in the store is lost to it."""
    lab.zoom.let_go.set()
    lab.zoom.cut_at = 5 * PART
    with pytest.raises(TokenRefused):
        lab.archive("wrong")
    kept = lab.noted() * PART
    before = lab.zoom.sent_bytes
    lab.zoom.token, lab.zoom.cut_at = "token", None

    assert lab.go_on() == proof()
    assert kept > 0
    assert lab.zoom.sent_bytes - before == len(VIDEO) - kept
