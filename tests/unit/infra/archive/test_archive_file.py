"""The archive over a store and a download in memory: order of events, failures of the store, back-pressure."""

import threading
from collections.abc import Callable
from hashlib import sha256

import pytest

from infra.archive import upload
from infra.archive.archive import archive_file
from infra.archive.errors import Conflict, WrongSize
from infra.archive.model import Receipt, Source, Target
from infra.errors import PermanentError, TransientError
from infra.storage.base import UploadGone
from schemas.archive import Kind
from tests.unit.infra.storage.memory_store import MemoryStore, failing_on

PART = 1024  # small parts, so that a test needs little memory
MP4 = b"\0\0\0\x18ftypmp42" + bytes(range(256)) * 40
SOURCE = Source("https://zoom.us/rec/1", "token", len(MP4))
TAGS = {"retention": "180d", "hold": "none"}


class Download:
    """A body in memory, in the place of a Downloader and of its Body."""

    def __init__(self, content: bytes, before_read: Callable[[], None] = lambda: None) -> None:
        self._content = content
        self._before_read = before_read
        self.starts_at, self.etag = 0, None
        self.total_bytes = len(content)
        self.read_bytes = 0

    def open(self, url: str, token: str | None, renew: object = None, rest: object = None) -> "Download":
        return self

    def __enter__(self) -> "Download":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fill(self, buffer: memoryview) -> int:
        self._before_read()
        piece = self._content[self.read_bytes : self.read_bytes + len(buffer)]
        buffer[: len(piece)] = piece
        self.read_bytes += len(piece)
        return len(piece)


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upload, "PART_BYTES", PART)
    monkeypatch.setattr(upload, "MEBIBYTE", PART)


def archive(store: MemoryStore, content: bytes = MP4, *, source: Source = SOURCE, kind: Kind = "video") -> Receipt:
    target = Target("calls/1/a", kind, "video/mp4", "a.mp4", TAGS)
    return archive_file(source, target, store, Download(content))  # type: ignore[arg-type]


@pytest.mark.parametrize("length", [20, PART - 1, PART, PART + 1, 3 * PART, len(MP4)])
def test_every_length_comes_out_whole(length: int) -> None:
    """Below, at and above the borders of parts."""
    store = MemoryStore()

    receipt = archive(store, MP4[:length], source=Source("https://zoom.us/", None, length))

    assert store.objects["calls/1/a"].body == MP4[:length]
    assert receipt.sha256 == sha256(MP4[:length]).hexdigest()
    assert receipt.size_bytes == length
    assert store.uploads == {}


def test_a_small_file_is_one_put_and_a_large_one_is_an_upload() -> None:
    """Multipart begins at one part; small files carry their SHA-256 as metadata."""
    small, large = MemoryStore(before=failing_on("create_multipart", PermanentError("no"))), MemoryStore()

    archive(small, MP4[: PART - 1], source=Source("https://zoom.us/", None, PART - 1))
    archive(large)

    assert small.objects["calls/1/a"].description.metadata == {"sha256": sha256(MP4[: PART - 1]).hexdigest()}
    assert large.objects["calls/1/a"].description.metadata == {}


@pytest.mark.parametrize("operation", ["upload_part", "complete"])
@pytest.mark.parametrize("error", [TransientError("later"), PermanentError("never")])
def test_a_store_that_fails_leaves_nothing(operation: str, error: TransientError | PermanentError) -> None:
    """The upload is thrown away and the store's error comes out as it is."""
    store = MemoryStore(before=failing_on(operation, error))

    with pytest.raises(type(error)) as caught:
        archive(store)
    assert caught.value is error
    assert store.objects == {}
    assert store.uploads == {}


def test_a_store_that_dies_leaves_its_rule_to_clean_up() -> None:
    """Where the upload cannot be thrown away either, the first error comes out, with a note."""

    def before(operation: str) -> None:
        if operation in {"upload_part", "abort"}:
            raise TransientError(operation)

    with pytest.raises(TransientError, match="upload_part") as caught:
        archive(MemoryStore(before=before))
    assert any("lifecycle" in note for note in caught.value.__notes__)


def test_a_lost_answer_to_complete_is_found_out() -> None:
    """The object that an earlier, unanswered try completed is taken as ours."""

    class Forgetful(MemoryStore):
        def complete(self, *arguments: object) -> str | None:
            super().complete(*arguments)  # type: ignore[arg-type]
            raise UploadGone("completed by the try before")

    receipt = archive(Forgetful())

    assert receipt.was_there
    assert receipt.sha256 == sha256(MP4).hexdigest()


def test_tags_that_the_store_lost_are_set_again() -> None:
    """A store that forgets the tags of a multipart upload gets them once more."""

    class Forgetful(MemoryStore):
        def complete(self, key: str, *arguments: object) -> str | None:
            super().complete(key, *arguments)  # type: ignore[arg-type]
            self.replace_tags(key, None, {})
            return None

    store = Forgetful()

    archive(store)

    assert store.get_tags("calls/1/a") == TAGS


def test_a_hold_on_what_stands_there_is_left_alone() -> None:
    """Archiving again does not touch the tags."""
    store = MemoryStore()
    archive(store)
    store.replace_tags("calls/1/a", None, {**TAGS, "hold": "legal"})

    archive(store)

    assert store.get_tags("calls/1/a")["hold"] == "legal"


def test_an_object_of_another_size_is_a_conflict_before_anything_is_fetched() -> None:
    """A key that holds another file is found out by its size."""
    store = MemoryStore()
    archive(store)

    with pytest.raises(Conflict):
        archive(store, source=Source("https://zoom.us/", None, len(MP4) + 1))
    assert store.objects["calls/1/a"].body == MP4


def test_a_text_may_be_a_little_shorter_than_announced() -> None:
    """Line ends and encodings change the size of texts; half of it missing is another matter."""
    content = b"WEBVTT\n" + b"x" * 93

    receipt = archive(MemoryStore(), content, source=Source("https://zoom.us/", None, 110), kind="transcript")

    assert receipt.size_bytes == 100
    with pytest.raises(WrongSize):
        archive(MemoryStore(), content, source=Source("https://zoom.us/", None, 201), kind="transcript")


def test_a_slow_store_slows_the_download_down() -> None:
    """8: while all buffers are on their way to the store, nobody reads."""
    release, full = threading.Event(), threading.Event()

    def before(operation: str) -> None:
        if operation == "upload_part":
            release.wait(10)

    store = MemoryStore(before=before)
    reads = 0

    def count_reads() -> None:
        nonlocal reads
        reads += 1
        if reads == upload.UPLOADS_AT_ONCE + 1:
            full.set()

    download = Download(MP4, count_reads)
    target = Target("calls/1/a", "video", "video/mp4", "a.mp4", TAGS)
    worker = threading.Thread(target=archive_file, args=(SOURCE, target, store, download))
    worker.start()
    full.wait(10)
    worker.join(0.05)  # long enough to read on, if it did
    read_while_stuck = download.read_bytes
    release.set()
    worker.join(10)

    assert read_while_stuck == (upload.UPLOADS_AT_ONCE + 1) * PART
    assert store.objects["calls/1/a"].body == MP4
