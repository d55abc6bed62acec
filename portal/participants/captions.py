"""Transcripts and captions on their way from the archive to the page."""

import re
from dataclasses import dataclass
from html import unescape

from infra.storage.base import ObjectMissing, ObjectStore
from portal.recordings.files import File

MAX_BYTES = 4 * 1024 * 1024  # ten hours of fast talk are below 2 MiB
HEADER = "WEBVTT"
MEDIA_TYPE = "text/vtt"
_TIMING = re.compile(r"(?P<start>(?:\d{2,}:)?\d{2}:\d{2}\.\d{3})[ \t]+-->[ \t]+")
_NO_HOURS = re.compile(r"^00:(?=\d\d:\d\d$)")
_MARKUP = re.compile(r"<[^<>]*>")


@dataclass(frozen=True, slots=True)
class Line:
    """What was said from `start` on, as WebVTT writes it."""

    start: str
    text: str


def read_text(store: ObjectStore, file: File) -> str | None:
    """Return the file as WebVTT; None when the object is gone, or is not WebVTT.

    What is not UTF-8 in it is replaced, and what is over the limit is cut off after the last whole cue.
    """
    try:
        data = b"".join(store.read(file.object_key, file.version_id, MAX_BYTES))
    except ObjectMissing:
        return None
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n")
    if len(data) == MAX_BYTES:
        text = text[: text.rfind("\n\n")]
    return text if text.startswith(HEADER) else None


def lines_of(text: str) -> list[Line]:
    """Return the cues of a WebVTT text, for reading; what is not a cue is left out."""
    blocks = (block.strip("\n").split("\n") for block in text.split("\n\n"))
    return [line for block in blocks if (line := _line(block)) is not None]


def _line(block: list[str]) -> Line | None:
    """A cue is an identifier perhaps, its times, and what was said, with markup perhaps."""
    for number, row in enumerate(block[:2]):
        found = _TIMING.match(row)
        said = " ".join(_MARKUP.sub("", " ".join(block[number + 1 :])).split())
        if found and said:
            return Line(_NO_HOURS.sub("", found["start"].partition(".")[0]), unescape(said))
    return None
