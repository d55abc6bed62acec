"""Right inputs to begin with, and cases that were found: each of those failed once and must not again."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "schemas" / "examples"

WORDS = (
    "event", "payload", "object", "id", "uuid", "event_ts", "recording_files", "download_token", "participant", "code",
    "message", "access_token", "expires_in", "message_id", "revision", "text", "NaN", "Infinity", "1e400", "9" * 400,
    "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-01-01T12:00:00Z", "2026-01-01", "\ud800", "\x00",
    "Sun, 22 Nov 2026 12:01:40 GMT", "bytes 1-2/3", "bytes 0-9/*", '"v"', 'W/"v"', "https://zoom.us/rec/1",
    "https://zoom.us@evil.test/", "https://evil.test\\@zoom.us/", "https://[::1]/", "//evil.test/", "/../x", "text/html",
    "gzip", "identity", "WEBVTT", "-->", "00:00:01.000 --> 00:00:02.000", "Ida Tern: hello", "eyJhbGciOiJIUzI1NiJ9",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seeds:
    """JSON documents and other texts that are right. `zeros` come before a document where headers come first."""

    documents: tuple[Any, ...] = ()
    texts: tuple[bytes, ...] = ()
    zeros: int = 0

    @property
    def bodies(self) -> list[bytes]:
        """The documents as bytes, empty headers before them."""
        return [b"\0" * self.zeros + body_of(document) for document in self.documents]


def body_of(document: object) -> bytes:
    """A document as JSON."""
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _examples() -> tuple[Any, ...]:
    """The data of every example of an event of Zoom's."""
    return tuple(json.loads(path.read_text()) for path in sorted(EXAMPLES.glob("us.zoom.*/**/*.json")))


_WEBHOOKS = tuple(example.get("data", example) for example in _examples())
_RECORDINGS = {
    "uuid": "u/==", "id": 1, "download_access_token": "t", "start_time": "2026-01-01T10:00:00Z",
    "recording_files": [{"id": "f", "file_type": "MP4", "download_url": "https://zoom.us/rec/1", "file_size": 5}],
}  # fmt: skip
_ANSWERS = (
    _RECORDINGS,
    {"code": 3301, "message": "There is no recording for this meeting."},
    {"code": 429, "message": "You have reached the maximum daily rate limit for this API."},
    {"uuid": "u", "id": 1, "start_time": "2026-01-01T10:00:00Z", "end_time": "2026-01-01T11:00:00Z", "status": "in"},
    {"event": "meeting.started", "status": 200, "request_id": "r", "retry_num": 1, "request_body": "{}", "duration": 5},
)
_TRANSCRIPTS = (
    b"WEBVTT\r\n\r\n1\r\n00:00:01.000 --> 00:00:02.500\r\nIda Tern: pay me by paypal\r\n\r\n2\r\n00:00:03.000 --> 00:00:04.000\r\nyes\r\n",
    b"00:00:05\tIda:\tmy password is x\n00:00:06 From Bo to Everyone:\n\thello\n",
)
_ANSWER_HEADERS = b'\0https://files.example/1\0video/mp4\0bytes 1-2/3\0"v"\x002\x00120\0identity'

SEEDS: dict[str, Seeds] = {
    "signature": Seeds(texts=(b"1767268800\0v0=" + b"0" * 64 + b"\0{}",)),
    "webhook": Seeds(documents=(*_WEBHOOKS, {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}})),
    "decisions": Seeds(documents=_WEBHOOKS),
    "log_record": Seeds(
        texts=(b'{"event":"x"}\x001.0\0id\0/zoom\0us.zoom.x\x002026-01-01T12:00:00Z\0s\x0000-1-2-00\0',)
    ),
    "transcript": Seeds(texts=_TRANSCRIPTS),
    "zoom_answer": Seeds(documents=_ANSWERS, zeros=2),
    "chat_answer": Seeds(documents=({"message_id": "m", "revision": 1, "text": "t"},), zeros=1),
    "download_answer": Seeds(texts=(b"\0\0\0\x18ftypmp42" + _ANSWER_HEADERS, b"ab" + _ANSWER_HEADERS)),
    "headers_of_http": Seeds(texts=tuple(word.encode("utf-8", "surrogatepass") for word in WORDS)),
    "beginning": Seeds(texts=(b"\0\0\0\x18ftypmp42", b"\xef\xbb\xbfWEBVTT", b"<!doctype html>", b"\xff\xd8\xff")),
    "link": Seeds(texts=(b"https://us06web.zoom.us/rec/1?a=b", b"https://zoom.us:443/", b"https://a@zoom.us/")),
    "download_token": Seeds(texts=(b"h.eyJleHAiOjE3NjcyNjg4MDB9.s", b"h.eyJleHAiOiAxZTQwMH0.s")),
    "masked": Seeds(documents=_WEBHOOKS, texts=(b"https://zoom.us/j/1?pwd=x", b"ida@example.com")),
}

FOUND: dict[str, tuple[bytes, ...]] = {
    "log_record": (b"{}\x001.0\0id\0/zoom\0type\x000001-01-01T00:00:00+23:59",),  # no such instant in UTC
    "zoom_answer": (b"\0\0" + b"[" * 100_000, b"\0" + b"9" * 400 + b"\0{}"),  # too deep; a wait without end
    "chat_answer": (b"\0" + b"[" * 100_000, b"9" * 400 + b"\0{}"),
    "download_token": (
        b"h.eyJleHAiOiAx" + b"MDAw" * 200 + b"fQ.s",
        b"h." + b"W1tb" * 30_000 + b".s",
    ),  # exp of 600 digits
}
