"""What was said, as analysts read it: from the archive, with personal data masked and the findings marked.

Reading and masking an hour's talk takes a good part of a second, and its page some 20 ms: the last few are kept in memory.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any, Generic, TypeVar

from sqlalchemy import Row

from infra.storage.base import ObjectStore
from portal.reviews.cases import Finding
from schemas.texts.redact import mask
from schemas.texts.transcripts import parse

READABLE = ("transcript", "captions", "chat")
MAX_FILE_BYTES = 8 * 1024 * 1024  # a day's talk is 1.5 MB
_KEPT = 16  # an hour's talk is 100 KB, its part of a page 170 KB: 4 MB in all

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said or written, masked."""

    speaker: str | None
    start_seconds: float
    end_seconds: float
    text: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line with the findings that lie in it."""

    line: Line
    findings: Sequence[Finding]


class Kept(Generic[T]):
    """The last _KEPT of something that is dear to make. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: OrderedDict[Hashable, T] = OrderedDict()

    def get(self, name: Hashable, make: Callable[[], T]) -> T:
        """Return what was made under this name before, else make it; what raises is not kept."""
        with self._lock:
            if name in self._made:
                self._made.move_to_end(name)
                return self._made[name]
        made = make()
        with self._lock:
            self._made[name] = made
            while len(self._made) > _KEPT:
                self._made.popitem(last=False)
        return made


class Transcripts:
    """Safe to share between threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._read: Kept[Sequence[Line]] = Kept()
        self._drawn: Kept[str] = Kept()

    def lines(self, file: Row[Any]) -> Sequence[Line]:
        """Return what an archived file says, masked.

        Raises:
            TransientError: the store does not answer.
            ObjectMissing: it is not there any more.
        """
        return self._read.get((file.object_key, file.version_id), lambda: self._lines(file))

    def drawn_up(self, files: Sequence[Row[Any]], findings: Sequence[Finding], draw_up: Callable[[], str]) -> str:
        """Return the page's part with these files and findings, drawn up once."""
        named = tuple((file.object_key, file.version_id) for file in files)
        return self._drawn.get((named, tuple(one.id for one in findings)), draw_up)

    def _lines(self, file: Row[Any]) -> Sequence[Line]:
        body = b"".join(self._store.read(file.object_key, file.version_id, MAX_FILE_BYTES))
        return [Line(one.speaker, one.start_seconds, one.end_seconds, mask(one.text)) for one in parse(body, file.kind)]


def marked(lines: Sequence[Line], file: Row[Any], findings: Sequence[Finding]) -> list[Spoken]:
    """Return the lines with the findings that begin in them, or last through them."""
    mine = [one for one in findings if one.is_placed and _is_of(one, file)]
    return [Spoken(line, [one for one in mine if _overlaps(one, line)]) for line in lines]


def captions(lines: Sequence[Line]) -> str:
    """Return the lines as WebVTT (https://www.w3.org/TR/webvtt1/), for a player."""
    cues = (f"{_time(line.start_seconds)} --> {_time(line.end_seconds)}\n{_cue(line)}\n" for line in lines if line.text)
    return "WEBVTT\n\n" + "\n".join(cues)


def _is_of(finding: Finding, file: Row[Any]) -> bool:
    is_chat = file.kind == "chat"
    same = (finding.data["session_id"], finding.data["recording_start"]) == (file.session_id, file.recording_start)
    return same and (finding.data["source"] == "chat") == is_chat


def _overlaps(finding: Finding, line: Line) -> bool:
    start, end = finding.data["start_seconds"], finding.data["end_seconds"] or finding.data["start_seconds"]
    return bool(start <= line.start_seconds <= end or line.start_seconds <= start < line.end_seconds)


def _cue(line: Line) -> str:
    text = f"{line.speaker}: {line.text}" if line.speaker else line.text
    return text.replace("&", "&amp;").replace("<", "&lt;").replace("-->", "→")


def _time(seconds: float) -> str:
    whole, thousandths = divmod(round(seconds * 1000), 1000)
    return f"{whole // 3600:02}:{whole % 3600 // 60:02}:{whole % 60:02}.{thousandths:03}"
