"""What was said, as analysts read it: from the archive, with personal data masked and the findings marked.

Reading and masking an hour's talk takes a good part of a second, so the last few are kept in memory, masked.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from sqlalchemy import Row

from infra.storage.base import ObjectStore
from portal.reviews.cases import Finding
from schemas.texts.redact import mask
from schemas.texts.transcripts import parse

READABLE = ("transcript", "captions", "chat")
MAX_FILE_BYTES = 8 * 1024 * 1024  # a day's talk is 1.5 MB
_KEPT = 32  # an hour's talk is 100 KB: 3 MB in all


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


class Transcripts:
    """Safe to share between threads."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str | None], Sequence[Line]] = OrderedDict()

    def lines(self, file: Row[Any]) -> Sequence[Line]:
        """Return what an archived file says, masked.

        Raises:
            TransientError: the store does not answer.
            ObjectMissing: it is not there any more.
        """
        name = (file.object_key, file.version_id)
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return self._kept[name]
        body = b"".join(self._store.read(file.object_key, file.version_id, MAX_FILE_BYTES))
        lines = [
            Line(one.speaker, one.start_seconds, one.end_seconds, mask(one.text)) for one in parse(body, file.kind)
        ]
        with self._lock:
            self._kept[name] = lines
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return lines


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
