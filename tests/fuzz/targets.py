"""What reads foreign bytes, as functions of bytes that return, or fail because a promise was broken.

A target swallows the errors that its reader promises, and no others. It is pure: the same bytes do the same again.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import urllib3

from infra.archive.checks import check_beginning, check_content_type
from infra.archive.download import Downloader
from infra.archive.ranges import Rest, content_range, length, strong_etag
from infra.chat.base import Slot
from infra.chat.http import HttpChat
from infra.errors import PermanentError, TransientError
from infra.hosts import AllowList
from infra.masking import mask_bytes
from infra.retry_after import MAX_WAIT_SECONDS, retry_after_seconds
from infra.secret import Secret
from infra.transport import Record
from infra.transport.kafka_consumer import record as kafka_record
from infra.zoom import answers
from infra.zoom.http import ZoomHttp
from processors.base import Event
from processors.commands import Reference
from processors.meeting_flagging import load_policy, scan
from processors.registry import PROCESSORS, Options
from processors.runtime.codec import decode
from processors.runtime.performers.archive_source import is_expired
from schemas.envelope import Envelope, format_time
from schemas.errors import InvalidEvent
from schemas.texts.transcripts import parse
from schemas.topics import WEBHOOKS
from schemas.webhooks import Delivery, UnusableBody, parse_body, webhook_envelope
from schemas.zoom import load_event
from tests.fakes.clock import FakeClock
from tests.fakes.http_pool import FakePool
from webhook_receiver.signature import SignatureError, SigningSecret, Verifier
from webhook_receiver.url_validation import answer_challenge, is_challenge

Target = Callable[[bytes], None]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = load_policy()
OPTIONS = Options("https://market.example/calls/{call_id}", "https://market.example/p", timedelta(minutes=30), POLICY)
SECRET = SigningSecret.of("fuzzed")
VERIFIER = Verifier((SECRET,), past_window_seconds=7200)
TOKEN = "planted-token"  # no secret
ZOOM, DOWNLOADS = AllowList(["zoom.us"]), AllowList(["files.example"])
EVER = 10_000_000_000_000  # ms: Kafka's timestamps are signed 64 bit; ours are of this age


def signature(data: bytes) -> None:
    """Two headers and a body: a verdict, and nothing that nobody signed is believed."""
    timestamp, sign, body = _split(data, 3)
    for told in ((timestamp, sign), (None, sign), (timestamp, None)):
        refused = _failure(lambda told=told: VERIFIER.verify(body, *told, NOON.timestamp()), SignatureError)
        assert isinstance(refused, SignatureError), "it believes what nobody signed"
        assert not refused.genuine


def webhook(data: bytes) -> None:
    """A body that was signed: an envelope that survives its record, or the reason why there is none."""
    try:
        parsed = parse_body(data)
        if is_challenge(parsed):
            with suppress(InvalidEvent):
                assert ":" not in answer_challenge(parsed, SECRET)["plainToken"]
        envelope = webhook_envelope(parsed, Delivery(data, "id", None, None), frozenset())
    except UnusableBody:
        return
    again = Envelope.from_record(envelope.headers(), envelope.data)
    assert replace(again, time=envelope.time) == envelope
    assert (again.time and format_time(again.time)) == (
        envelope.time and format_time(envelope.time)
    )  # to the millisecond
    with suppress(InvalidEvent):
        load_event(parsed)


def decisions(data: bytes) -> None:
    """A body that was signed, through every processor: it decides, or says that the event is invalid."""
    try:
        parsed = parse_body(data)
        envelope = webhook_envelope(parsed, Delivery(data, "id", None, None), frozenset())
        event = decode(_record(envelope.headers(), data))
    except InvalidEvent:
        return
    for make in PROCESSORS.values():
        processor = make(OPTIONS)
        if event.type in processor.types:
            with suppress(InvalidEvent):
                _decide(processor, event)


def log_record(data: bytes) -> None:
    """A record of the log, its headers included: an event, or InvalidEvent."""
    names = ("ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_subject", "traceparent", "other")
    value, *contents = _split(data, 9)
    headers = [(name, content or None) for name, content in zip(names, contents, strict=True)]
    raw = SimpleNamespace(
        topic="t",
        partition=0,
        offset=0,
        timestamp=EVER % (len(data) + 1),
        key=None,
        headers=headers,
        value=value or None,
    )
    found = kafka_record(raw)
    for given in (found.headers, (("ce_specversion", b"1.0"), *found.headers[1:])):
        with suppress(InvalidEvent):
            decode(_record(given, found.value))


def transcript(data: bytes) -> None:
    """A transcript or chat file: utterances whose times do not run backwards, and findings."""
    for kind in ("transcript", "captions", "chat"):
        assert all(0 <= one.start_seconds <= one.end_seconds for one in parse(data, kind))
        scan(data, kind, POLICY)


def zoom_answer(data: bytes) -> None:
    """An answer of Zoom's REST, with its headers: what we read of it, or one of our errors."""
    status, wait, body = _split(data, 3)
    for number in (200, 401, 404, 429, 500, 200 + int.from_bytes(status[:1], "big")):
        _check_failure(
            _failure(lambda number=number: _read_all(_zoom(number, wait, body)), TransientError, PermanentError)
        )


def chat_answer(data: bytes) -> None:
    """An answer of the chat: a receipt or a message, or one of our errors."""
    wait, body = _split(data, 2)
    for status in (200, 404, 409, 429, 503):
        for use in (_put, _find):
            pool = FakePool()
            pool.answer(status, body, _headers(Retry_After=wait))
            chat = HttpChat("https://chat.example", Secret(TOKEN), FakeClock(NOON), pool)
            _check_failure(_failure(lambda use=use, chat=chat: use(chat), TransientError, PermanentError))


def download_answer(data: bytes) -> None:
    """An answer to a download, a redirect too: a body, or one of our errors; no request leaves the listed hosts."""
    names = ("Location", "Content-Type", "Content-Range", "ETag", "Content-Length", "Retry-After", "Content-Encoding")
    body, *values = _split(data, 8)
    headers = _headers(**{name.replace("-", "_"): value for name, value in zip(names, values, strict=True)})
    for status in (200, 206, 302, 401, 416, 429):
        for rest in (None, Rest(1, 3, '"v"')):
            _download(status, headers, body, rest)


def headers_of_http(data: bytes) -> None:
    """Retry-After, Content-Range, Content-Length, ETag, Content-Type as bare texts."""
    text = data.decode("latin-1")
    wait = retry_after_seconds(text, NOON)
    assert wait is None or 0 <= wait <= MAX_WAIT_SECONDS
    place = content_range(text)
    assert place is None or min(place) >= 0
    told = {"ETag": text, "Content-Length": text}
    etag, size = strong_etag(told), length(told)
    assert etag is None or (etag == text and "\n" not in etag)
    assert size is None or size >= 0
    with suppress(PermanentError):
        check_content_type(text)


def beginning(data: bytes) -> None:
    """The first bytes of a file: taken or not."""
    for kind in ("video", "audio", "transcript", "chat", "timeline", "thumbnail", "other"):
        with suppress(PermanentError):
            check_beginning(kind, data)  # type: ignore[arg-type]  # one of the literals


def link(data: bytes) -> None:
    """A URL: permitted only where the parser that will be used for the request sees a listed host."""
    text = data.decode("latin-1")
    if ZOOM.permits(text):
        parsed = urllib3.util.parse_url(text)
        host = (parsed.host or "").lower()
        assert parsed.scheme == "https"
        assert host == "zoom.us" or host.endswith(".zoom.us")
        assert host == urlsplit(text).hostname


def download_token(data: bytes) -> None:
    """A download token: it says of itself that it has expired, or it does not."""
    is_expired(data.decode("latin-1"), NOON)


def masked(data: bytes) -> None:
    """A record's value for people's eyes: some text."""
    mask_bytes(data)


TARGETS: dict[str, Target] = {
    target.__name__: target
    for target in (
        signature, webhook, decisions, log_record, transcript, zoom_answer, chat_answer, download_answer,
        headers_of_http, beginning, link, download_token, masked,
    )
}  # fmt: skip

_READERS: tuple[Callable[[Mapping[str, Any]], object], ...] = (
    answers.read_recordings,
    answers.read_meeting,
    answers.read_recording_settings,
    answers.read_past_meeting,
    answers.read_past_instance,
    answers.read_past_participant,
    answers.read_webhook_delivery,
)


def _split(data: bytes, count: int) -> list[bytes]:
    """The first pieces between zero bytes, and the rest."""
    pieces = data.split(b"\0", count - 1)
    return pieces + [b""] * (count - len(pieces))


def _record(headers: Any, value: bytes) -> Record:
    return Record(WEBHOOKS.name, 0, 0, NOON, None, tuple(headers), value)


def _decide(processor: Any, event: Event) -> None:
    event = Event(event.id, event.type, NOON, event.data, event.occurred_at, Reference(WEBHOOKS.name, 0, 0))
    for _ in processor.route(event):
        state = processor.decide(event, None).state
        processor.decide(event, state)


def _headers(**values: bytes) -> dict[str, str]:
    """Header values as http.client hands them on; an empty one stands for none. What could end a header never arrives."""
    texts = {name.replace("_", "-"): value.decode("latin-1") for name, value in values.items() if value}
    return {name: text for name, text in texts.items() if "\r" not in text and "\n" not in text}


def _zoom(status: int, wait: bytes, body: bytes) -> ZoomHttp:
    pool = FakePool()
    pool.answer(status, body, _headers(Retry_After=wait, X_RateLimit_Type=wait))
    return ZoomHttp(ZOOM, FakeClock(NOON), pool)


def _failure(call: Callable[[], object], *promised: type[Exception]) -> Exception | None:
    """Return the promised error that comes out, None when none does; another one passes."""
    try:
        call()
    except promised as error:
        return error
    return None


def _check_failure(error: Exception | None) -> None:
    """A wait is one that somebody could wait, and no text holds the token."""
    wait = error.retry_after_seconds if isinstance(error, TransientError) else None
    assert wait is None or 0 <= wait <= MAX_WAIT_SECONDS
    assert TOKEN not in str(error)


def _read_all(http: ZoomHttp) -> None:
    found = http.ask("GET", "https://api.zoom.us/v2/x", {}).body
    for read in _READERS:
        with suppress(PermanentError):
            read(found)


def _put(chat: HttpChat) -> None:
    chat.put(Slot("c", "m"), 1, "text", "key")


def _find(chat: HttpChat) -> None:
    chat.find(Slot("c", "m"))


def _download(status: int, headers: dict[str, str], body: bytes, rest: Rest | None) -> None:
    pool = FakePool()
    for _ in range(8):  # more than there are redirects
        pool.answer(status, body, headers)
    download = Downloader(ZOOM, DOWNLOADS, FakeClock(NOON), pool)

    def fetch() -> None:
        with download.open("https://zoom.us/rec/1", TOKEN, None, rest) as found:
            found.fill(memoryview(bytearray(64)))

    _check_failure(_failure(fetch, TransientError, PermanentError))
    for sent in pool.sent:
        assert (ZOOM + DOWNLOADS).permits(sent.url)
        assert "Authorization" not in sent.headers or ZOOM.permits(sent.url)
