"""Zoom as the archive sees it: links with tokens that bring files, and REST that has fresh ones."""

from dataclasses import dataclass, field

from infra.archive.errors import LinkRefused, NotARecording, TokenRefused
from infra.secret import Secret
from infra.zoom.client import MeetingRecordings
from schemas.zoom import RecordingFile


class FakeBody:
    """The bytes of one answer, without an entity tag."""

    starts_at = 0
    etag = None

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    @property
    def total_bytes(self) -> int:
        return len(self._content)

    def __enter__(self) -> "FakeBody":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def fill(self, buffer: memoryview) -> int:
        piece = self._content[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@dataclass
class FakeDownloads:
    """`links` holds what each URL brings with which token; `pages` are URLs that bring a web page
    instead, `pages_once` those that do so the first time, `gone` those that are refused as such."""

    links: dict[str, tuple[str | None, bytes]] = field(default_factory=dict)
    pages: set[str] = field(default_factory=set)
    pages_once: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def open(self, url: str, token: str | None, renew: object = None, rest: object = None) -> FakeBody:
        self.asked.append(url)
        if url in self.pages | self.pages_once:
            self.pages_once.discard(url)
            raise NotARecording("the answer is a web page")
        if url in self.gone:
            raise LinkRefused("zoom.us answered 404")
        wanted, content = self.links.get(url, ("no token at all", b""))
        if token != wanted:
            raise TokenRefused("zoom.us answered 401")
        return FakeBody(content)


@dataclass
class FakeZoom:
    """REST: the recordings of each session."""

    sessions: dict[str, tuple[RecordingFile, ...]] = field(default_factory=dict)
    token: str = "fresh"

    def recordings(self, session_id: str) -> MeetingRecordings | None:
        if session_id not in self.sessions:
            return None
        return MeetingRecordings(session_id, None, self.sessions[session_id], Secret(self.token))
