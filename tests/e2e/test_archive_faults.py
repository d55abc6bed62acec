"""Every fault that a download or a store has shown, against a real HTTP server and a real S3 server.

The numbers are the promises of the archive: 1 whole or not at all, 3 waits and tokens, 4 redirects and hosts, 6 idempotent,
7 checksums, 8 constant memory, 9 tags from the first moment; 2 is taking up a cut download, 5 a store that dies.
"""

import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

from infra.archive.archive import archive_file
from infra.archive.download import Downloader
from infra.archive.errors import Conflict, Interrupted, NotARecording, TokenRefused, WrongSize
from infra.archive.model import Receipt, Source, Target
from infra.clock import SystemClock
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList, HostRefused
from infra.local.s3_server import S3Server
from infra.storage.base import Description
from infra.storage.lifecycle import archive_rules
from infra.storage.s3 import S3Store, s3_client
from infra.storage.tags import lifecycle_tags
from schemas.archive import Kind, object_key
from tests.e2e.file_server import Answer, FileServer

pytestmark = pytest.mark.s3

MEBIBYTE = 1024 * 1024
BUCKET = "archive-faults"
TOKEN = "secret-token"
SESSION = "/aBc+d/e=="
ENDED_AT = datetime(2026, 5, 1, 12, tzinfo=UTC)
MP4_BEGINNING = b"\0\0\0\x18ftypmp42"
SMALL_MP4 = MP4_BEGINNING + os.urandom(100_000)
LARGE_MP4 = MP4_BEGINNING + os.urandom(20 * MEBIBYTE)
PAGE = b"\n<!DOCTYPE html><html><body>Only the host can download this recording</body></html>"
ETAG = '"v1"'


class QuickClock(SystemClock):
    """The real time; waiting takes none."""

    def sleep(self, seconds: float) -> None:
        pass


@dataclass
class Lab:
    """A file server, another one at another host, a store, and an archive between them."""

    zoom: FileServer
    other: FileServer
    store: S3Store
    client: "S3Client"
    download: Downloader
    key: str

    def archive(
        self, body: bytes | None, kind: Kind = "video", size_bytes: int | None = None, token: str | None = TOKEN
    ) -> Receipt:
        """Archive `/file`; its declared size is the body's unless given."""
        declared = len(body) if body is not None and size_bytes is None else size_bytes
        return archive_file(
            Source(f"{self.zoom.origin}/file", token, declared), self.target(kind), self.store, self.download
        )

    def target(self, kind: Kind = "video") -> Target:
        tags = lifecycle_tags(kind=kind, session_id=SESSION, call_id="call-1", order_id="FO123", call_ended_at=ENDED_AT)
        return Target(self.key, kind, "video/mp4", "Order FO123 é video.mp4", tags)

    def serve(self, behaviour: Callable[[Answer], None]) -> None:
        self.zoom.routes["/file"] = behaviour

    def nothing_is_left(self) -> bool:
        """Neither an object nor an unfinished upload of ours."""
        uploads = self.client.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        return self.store.head(self.key) is None and not [one for one in uploads if one["Key"] == self.key]

    def stored(self) -> bytes:
        return b"".join(self.store.read(self.key))


@pytest.fixture(scope="module")
def bucket(s3_server: S3Server) -> Iterator[tuple[S3Store, "S3Client"]]:
    """One bucket for all tests here: each has a key of its own."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in s3_server.environment().items():
            patch.setenv(name, value)
        store, client = S3Store(BUCKET), s3_client(None)
        store.ensure_bucket()
        yield store, client
        client.close()
        store.close()


@pytest.fixture
def lab(bucket: tuple[S3Store, "S3Client"]) -> Iterator[Lab]:
    with FileServer() as zoom, FileServer() as other:
        download = Downloader(AllowList([zoom.origin]), AllowList([other.origin]), QuickClock())
        yield Lab(zoom, other, *bucket, download, object_key(SESSION, uuid4().hex, None, "MP4"))
        download.close()


def whole(body: bytes, **headers: str) -> Callable[[Answer], None]:
    return lambda answer: answer.send(200, body, Content_Type="video/mp4", **headers)


def cut_once(body: bytes, at: int, *, resumes: bool, etag: str = ETAG) -> Callable[[Answer], None]:
    """The first answer breaks; later ones bring the rest where asked and able, else everything."""

    def behave(answer: Answer) -> None:
        if answer.tries == 1:
            answer.begin(200, Content_Length=str(len(body)), ETag=ETAG)
            answer.write(body[:at])
            answer.cut()
        elif resumes and answer.range_from is not None and answer.if_range == etag:
            start = answer.range_from
            answer.send(206, body[start:], Content_Range=f"bytes {start}-{len(body) - 1}/{len(body)}", ETag=etag)
        else:
            answer.send(200, body, ETag=etag)

    return behave


@pytest.mark.parametrize("body", [SMALL_MP4, LARGE_MP4], ids=["small", "multipart"])
def test_a_recording_is_archived_whole(lab: Lab, body: bytes) -> None:
    """1, 7, 9: bytes, both checksums, headers and tags are those of the recording; the receipt says so."""
    lab.serve(whole(body))

    receipt = lab.archive(body)

    found = lab.store.head(lab.key, receipt.version_id)
    assert found is not None
    assert receipt == Receipt(
        key=lab.key,
        version_id=receipt.version_id,
        size_bytes=len(body),
        crc32=f"{zlib.crc32(body):08x}",
        sha256=sha256(body).hexdigest(),
        kind="video",
        was_there=False,
    )
    assert (found.size_bytes, found.content_type, found.crc32) == (len(body), "video/mp4", zlib.crc32(body))
    assert lab.stored() == body
    assert lab.store.get_tags(lab.key) == lab.target().tags
    assert lab.zoom.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "video/mp4"])
def test_a_page_with_status_200(lab: Lab, content_type: str) -> None:
    """1: Zoom's page in place of a file is told apart, by its type or by its beginning, and nothing is stored."""
    lab.serve(lambda answer: answer.send(200, PAGE, Content_Type=content_type))

    with pytest.raises(NotARecording):
        lab.archive(SMALL_MP4)
    assert lab.nothing_is_left()


def test_an_empty_answer(lab: Lab) -> None:
    """1: there is never an object of 0 bytes."""
    lab.serve(whole(b""))

    with pytest.raises(NotARecording):
        lab.archive(SMALL_MP4)
    assert lab.nothing_is_left()


@pytest.mark.parametrize("kept", [50_000, 10 * MEBIBYTE, len(LARGE_MP4) - 1])
def test_a_short_body_whose_length_is_right(lab: Lab, kept: int) -> None:
    """1: a truncated file whose Content-Length agrees with it is found out by the announced size."""
    lab.serve(whole(LARGE_MP4[:kept]))

    with pytest.raises(WrongSize):
        lab.archive(LARGE_MP4)
    assert lab.nothing_is_left()


@pytest.mark.parametrize("kept", [50_000, 10 * MEBIBYTE])
def test_a_chunked_body_that_ends_early_and_cleanly(lab: Lab, kept: int) -> None:
    """1: the same without any Content-Length."""

    def behave(answer: Answer) -> None:
        answer.begin(200, Transfer_Encoding="chunked")
        answer.write(b"%x\r\n%s\r\n0\r\n\r\n" % (kept, LARGE_MP4[:kept]))

    lab.serve(behave)

    with pytest.raises(WrongSize):
        lab.archive(LARGE_MP4)
    assert lab.nothing_is_left()


def test_a_chunked_body_without_its_end(lab: Lab) -> None:
    """1: a chunked body that breaks off is not whole, even where no size was announced."""

    def behave(answer: Answer) -> None:
        answer.begin(200, Transfer_Encoding="chunked")
        answer.write(b"%x\r\n%s\r\n" % (len(SMALL_MP4), SMALL_MP4))
        answer.cut()

    lab.serve(behave)

    with pytest.raises(Interrupted):
        lab.archive(None)
    assert lab.nothing_is_left()


def test_a_body_longer_than_announced(lab: Lab) -> None:
    """1: more bytes than announced are not the announced file."""
    lab.serve(whole(LARGE_MP4))

    with pytest.raises(WrongSize):
        lab.archive(None, size_bytes=9 * MEBIBYTE)
    assert lab.nothing_is_left()


@pytest.mark.parametrize("at", [50_000, 10 * MEBIBYTE])
def test_a_cut_download_is_taken_up(lab: Lab, at: int) -> None:
    """2: the rest is asked for from the last byte read, and the object is whole."""
    lab.serve(cut_once(LARGE_MP4, at, resumes=True))

    receipt = lab.archive(LARGE_MP4)

    assert receipt.sha256 == sha256(LARGE_MP4).hexdigest()
    assert lab.stored() == LARGE_MP4
    assert lab.zoom.asked[1].headers["Range"] == f"bytes={at}-"
    assert lab.zoom.asked[1].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(("resumes", "etag"), [(False, ETAG), (True, '"v2"')], ids=["no ranges", "other file"])
def test_a_cut_download_begins_anew(lab: Lab, resumes: bool, etag: str) -> None:
    """2: without ranges, or when the file has changed, a new upload begins and nothing of the old one stays."""
    lab.serve(cut_once(LARGE_MP4, 10 * MEBIBYTE, resumes=resumes, etag=etag))

    lab.archive(LARGE_MP4)

    assert lab.stored() == LARGE_MP4


def test_a_download_that_is_cut_again_and_again(lab: Lab) -> None:
    """2: each time the rest is asked for from the last byte read, though the server is away for a moment in between."""

    def behave(answer: Answer) -> None:
        start = answer.range_from or 0
        if answer.tries == 3:
            answer.send(503)
            return
        end = min(start + 6 * MEBIBYTE, len(LARGE_MP4))
        place = {"Content_Range": f"bytes {start}-{len(LARGE_MP4) - 1}/{len(LARGE_MP4)}"} if start else {}
        answer.begin(206 if start else 200, Content_Length=str(len(LARGE_MP4) - start), ETag=ETAG, **place)
        answer.write(LARGE_MP4[start:end])
        answer.cut()

    lab.serve(behave)

    lab.archive(LARGE_MP4)

    assert lab.stored() == LARGE_MP4
    offsets = [asked.headers.get("Range") for asked in lab.zoom.asked]
    assert offsets == [None, *(f"bytes={at * MEBIBYTE}-" for at in (6, 12, 12, 18))]


@pytest.mark.parametrize("lie", ["bytes 0-9/10", "bytes {start}-{last}/{longer}", "bytes {later}-{last}/{total}"])
def test_a_resumed_answer_that_is_another_piece(lab: Lab, lie: str) -> None:
    """2: a piece from elsewhere, or of a file of another length, is never glued in; everything begins anew."""

    def behave(answer: Answer) -> None:
        if answer.tries == 1:
            answer.begin(200, Content_Length=str(len(LARGE_MP4)), ETag=ETAG)
            answer.write(LARGE_MP4[: 10 * MEBIBYTE])
            answer.cut()
        elif answer.range_from is not None:
            start, total = answer.range_from, len(LARGE_MP4)
            place = lie.format(start=start, last=total - 1, total=total, longer=total + 1, later=start + 1)
            answer.send(206, bytes(total - start), Content_Range=place, ETag=ETAG)
        else:
            answer.send(200, LARGE_MP4, ETag=ETAG)

    lab.serve(behave)

    lab.archive(LARGE_MP4)

    assert lab.stored() == LARGE_MP4


def test_a_download_that_is_always_cut(lab: Lab) -> None:
    """2: the tries are bounded; then it is for later, and nothing is left."""

    def behave(answer: Answer) -> None:
        answer.begin(200, Content_Length=str(len(SMALL_MP4)), ETag=ETAG)
        answer.write(SMALL_MP4[:50_000])
        answer.cut()

    lab.serve(behave)

    with pytest.raises(Interrupted):
        lab.archive(SMALL_MP4)
    assert lab.nothing_is_left()
    assert len(lab.zoom.asked) < 10


def test_an_expired_token(lab: Lab) -> None:
    """3: 401 is told apart, so that URL and token are fetched anew; Zoom's error is not stored as a video."""
    lab.serve(lambda answer: answer.send(401, b'{"status":false,"errorCode":401}', Content_Type="application/json"))

    with pytest.raises(TokenRefused):
        lab.archive(SMALL_MP4)
    assert lab.nothing_is_left()


def test_a_token_that_no_header_can_carry(lab: Lab) -> None:
    """3, 4: nothing is asked, and the token is not in the error."""
    with pytest.raises(TokenRefused) as caught:
        lab.archive(SMALL_MP4, token="SECRET\r\nHost: evil.test")
    assert "SECRET" not in str(caught.value)
    assert lab.zoom.asked == []


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_for_us(lab: Lab, status: int) -> None:
    """3: another try would not help."""
    lab.serve(lambda answer: answer.send(status))

    with pytest.raises(PermanentError, match=str(status)):
        lab.archive(SMALL_MP4)
    assert lab.nothing_is_left()


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "http date", "iso"])
def test_a_server_that_asks_to_wait(lab: Lab, status: int, form: str) -> None:
    """3: the wait it asks for is handed to the caller, in whatever form it came."""
    at = datetime.now(UTC) + timedelta(seconds=100)  # noqa: TID251 - a real server is asked
    value = {"seconds": "100", "http date": at.strftime("%a, %d %b %Y %H:%M:%S GMT"), "iso": at.isoformat()}[form]
    lab.serve(lambda answer: answer.send(status, Retry_After=value))

    with pytest.raises(TransientError) as caught:
        lab.archive(SMALL_MP4)
    assert caught.value.retry_after_seconds == pytest.approx(100, abs=10)
    assert lab.nothing_is_left()


def test_a_server_that_does_not_answer(lab: Lab) -> None:
    """3: a connection that is closed without an answer is for later."""
    lab.serve(lambda answer: answer.cut())

    with pytest.raises(TransientError):
        lab.archive(SMALL_MP4)


def test_a_redirect_to_a_download_host(lab: Lab) -> None:
    """4: it is followed, and the token does not go with it."""
    lab.serve(lambda answer: answer.send(302, Location=f"{lab.other.origin}/cdn"))
    lab.other.routes["/cdn"] = whole(SMALL_MP4)

    lab.archive(SMALL_MP4)

    assert lab.stored() == SMALL_MP4
    assert "Authorization" not in lab.other.asked[0].headers


def test_a_redirect_away_and_back(lab: Lab) -> None:
    """4: a token that was once left behind is not shown again."""
    lab.serve(lambda answer: answer.send(302, Location=f"{lab.other.origin}/cdn"))
    lab.other.routes["/cdn"] = lambda answer: answer.send(302, Location=f"{lab.zoom.origin}/end")
    lab.zoom.routes["/end"] = whole(SMALL_MP4)

    lab.archive(SMALL_MP4)

    assert "Authorization" not in lab.zoom.asked[-1].headers


def test_a_relative_redirect(lab: Lab) -> None:
    """4: at the same host the token goes along."""
    lab.serve(lambda answer: answer.send(307, Location="/end?a=1"))
    lab.zoom.routes["/end?a=1"] = whole(SMALL_MP4)

    lab.archive(SMALL_MP4)

    assert lab.zoom.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "location", ["http://evil.test/steal?t=SECRET", "https://169.254.169.254/SECRET", "file:///etc/passwd", "//[SECRET"]
)
def test_a_redirect_to_a_host_that_is_not_listed(lab: Lab, location: str) -> None:
    """4: it is not asked; the error names the host and nothing else of the link."""
    lab.serve(lambda answer: answer.send(302, Location=location))

    with pytest.raises(PermanentError) as caught:
        lab.archive(SMALL_MP4)
    assert "SECRET" not in str(caught.value)
    assert lab.nothing_is_left()


def test_a_first_url_at_a_download_host(lab: Lab) -> None:
    """4: download hosts are for redirects; the token never starts there."""
    with pytest.raises(HostRefused, match="refused host: http://127"):
        archive_file(Source(f"{lab.other.origin}/file", TOKEN, None), lab.target(), lab.store, lab.download)
    assert lab.other.asked == []


def test_redirects_without_end(lab: Lab) -> None:
    """4: five are enough."""
    lab.serve(lambda answer: answer.send(302, Location="/file"))

    with pytest.raises(PermanentError, match="redirects"):
        lab.archive(SMALL_MP4)
    assert len(lab.zoom.asked) == 6


@pytest.mark.parametrize(
    "answer", [401, 403, 500, 302], ids=["token refused", "not for us", "broken", "redirect to nowhere"]
)
def test_no_error_tells_link_or_token(lab: Lab, answer: int) -> None:
    """4: the texts of errors, and of what they come from, hold neither."""
    lab.zoom.routes["/rec/SECRET"] = lambda request: request.send(answer)

    with pytest.raises((TransientError, PermanentError)) as caught:
        archive_file(Source(f"{lab.zoom.origin}/rec/SECRET", TOKEN, None), lab.target(), lab.store, lab.download)
    assert "SECRET" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert TOKEN not in f"{caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize("body", [SMALL_MP4, LARGE_MP4], ids=["small", "multipart"])
def test_archiving_twice(lab: Lab, body: bytes) -> None:
    """6: the second time nothing is fetched or written, and the receipt is the same."""
    lab.serve(whole(body))
    first = lab.archive(body)

    second = lab.archive(body)

    assert second == replace(first, was_there=True)
    assert len(lab.zoom.asked) == 1


@pytest.mark.parametrize("body", [SMALL_MP4, LARGE_MP4], ids=["small", "multipart"])
def test_two_who_archive_the_same_file(lab: Lab, body: bytes) -> None:
    """6: whoever is second finds the other's object, leaves it alone and has the same receipt."""
    done: list[Receipt] = []

    def behave(answer: Answer) -> None:
        if answer.tries == 1:
            done.append(lab.archive(body))
        answer.send(200, body)

    lab.serve(behave)

    second = lab.archive(body)

    assert second == replace(done[0], was_there=True)
    assert lab.stored() == body


@pytest.mark.parametrize("body", [SMALL_MP4, LARGE_MP4], ids=["small", "multipart"])
def test_a_key_that_holds_another_file(lab: Lab, body: bytes) -> None:
    """6: what stands there is never overwritten, whether it was there before or came meanwhile."""
    foreign = bytes(len(body))

    def behave(answer: Answer) -> None:
        lab.store.put_small(lab.key, foreign, Description("video/mp4", "inline", {}), zlib.crc32(foreign))
        answer.send(200, body)

    lab.serve(behave)

    with pytest.raises(Conflict):
        lab.archive(body)
    with pytest.raises(Conflict):
        lab.archive(body, size_bytes=len(body) + 1)
    assert lab.stored() == foreign


def test_bytes_damaged_on_their_way_to_the_store(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """7: the store refuses what does not have the checksum of what came, and nothing is left."""
    monkeypatch.setattr("infra.archive.upload.zlib", SimpleNamespace(crc32=lambda body: zlib.crc32(body) ^ 1))
    lab.serve(whole(LARGE_MP4))

    with pytest.raises((TransientError, PermanentError)):
        lab.archive(LARGE_MP4)
    assert lab.nothing_is_left()


def test_memory_does_not_grow_with_the_file(lab: Lab, s3_server: S3Server) -> None:
    """8: a file four times as large takes no more memory; both stay under 130 MiB."""
    block = MP4_BEGINNING + bytes(MEBIBYTE - len(MP4_BEGINNING))

    def behave(answer: Answer, mebibytes: int) -> None:
        answer.begin(200, Content_Length=str(mebibytes * MEBIBYTE))
        for _ in range(mebibytes):
            answer.write(block)

    lab.zoom.routes["/48"] = lambda answer: behave(answer, 48)
    lab.zoom.routes["/192"] = lambda answer: behave(answer, 192)

    small, large = (_peak_mebibytes(lab, s3_server, path) for path in ("/48", "/192"))

    assert large < small + 16
    assert large < 130


def _peak_mebibytes(lab: Lab, s3_server: S3Server, path: str) -> float:
    done = subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("archive_one.py")),
            lab.zoom.origin,
            path,
            BUCKET,
            lab.key + path[1:],
        ],
        env={**os.environ, **s3_server.environment(), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    return float(done.stdout.split()[0])


def test_the_expiry_rule_takes_the_right_object_alone(lab: Lab, s3_server: S3Server) -> None:
    """9: of four objects a real lifecycle run removes the one that is ours, due and not held."""
    bucket = f"expiry-{uuid4().hex}"
    store = S3Store(bucket)
    store.ensure_bucket()
    due, held = lab.target().tags, {**lab.target().tags, "hold": "trust-safety"}
    kept = {"calls/held": held, "calls/untagged": {}, "elsewhere/due": due}
    for key, tags in {"calls/due": due, **kept}.items():
        store.put_small(key, b"x", Description("video/mp4", "inline", tags), zlib.crc32(b"x"))
    lab.client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": [_due_today(rule) for rule in archive_rules()]}
    )

    s3_server.run_lifecycle()

    assert store.head("calls/due") is None
    assert [key for key in kept if store.head(key) is None] == []
    store.close()


def _due_today(rule: dict) -> dict:
    """The rule itself, with its 180 days replaced by this morning."""
    if "Days" not in rule.get("Expiration", {}):
        return rule
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)  # noqa: TID251 - the server's clock
    return {**rule, "Expiration": {"Date": today}}
