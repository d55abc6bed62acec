"""What an archived file is called, what kind it is, and for how long it is kept. Pure, standard library alone.

| Zoom's file_type | kind | extension, content type |
|---|---|---|
| MP4 | video | mp4, video/mp4 |
| M4A | audio | m4a, audio/mp4 |
| TRANSCRIPT | transcript | vtt, text/vtt |
| CC | captions | vtt, text/vtt |
| CHAT | chat | txt, text/plain |
| CHAT_MESSAGE | chat | json, application/json |
| TIMELINE | timeline | json, application/json |
| SUMMARY | summary | json, application/json |
| CSV | poll | csv, text/csv |
| TB, or recording_type thumbnail | thumbnail | by Zoom's extension: jpg or png |
| any other | other | Zoom's extension, application/octet-stream |

Zoom's own content types are not to be trusted; types are compared case-insensitively, unknown ones are kept as they are.
"""

import re
from datetime import datetime, timedelta
from typing import Literal, get_args
from urllib.parse import quote

Kind = Literal["video", "audio", "transcript", "chat", "captions", "timeline", "summary", "poll", "thumbnail", "other"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PLAYABLE: frozenset[Kind] = frozenset({"video", "audio"})  # what people mean by "the recording"

PREFIX = "calls/"  # every archived object lies under it; the bucket's lifecycle rules name it
ACCESS_DAYS = 90  # both participants can watch for so long after the call (design 1, I5)
RETENTION_DAYS = 180  # the marketplace keeps it for so long after the call (design 1, I5)

_SAFE = "._=-"  # with letters and digits: what a key keeps as it is (`~` never is, though quote() would)
_EXTENSION = re.compile(r"[a-z0-9]{1,8}")

_KINDS: dict[str, Kind] = {
    "MP4": "video",
    "M4A": "audio",
    "TRANSCRIPT": "transcript",
    "CC": "captions",
    "CHAT": "chat",
    "CHAT_MESSAGE": "chat",
    "TIMELINE": "timeline",
    "SUMMARY": "summary",
    "CSV": "poll",
    "TB": "thumbnail",
}
_EXTENSIONS = {
    "MP4": "mp4",
    "M4A": "m4a",
    "TRANSCRIPT": "vtt",
    "CC": "vtt",
    "CHAT": "txt",
    "CHAT_MESSAGE": "json",
    "TIMELINE": "json",
    "SUMMARY": "json",
    "CSV": "csv",
}
_CONTENT_TYPES = {
    "mp4": "video/mp4",
    "m4a": "audio/mp4",
    "vtt": "text/vtt; charset=utf-8",
    "txt": "text/plain; charset=utf-8",
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
}


def object_key(session_id: str, file_id: str | None, recording_start: str | None, file_type: str) -> str:
    """Return the object key of a file: the same file always gets the same key, two files never share one.

    Nothing of the URL is in it, because that differs between deliveries.
    """
    name = file_id or f"{recording_start or 'unknown'}-{file_type.upper()}"
    return f"{PREFIX}{session_id.encode().hex()}/{quote(name, safe=_SAFE).replace('~', '%7E')}"


def kind_of(file_type: str, recording_type: str | None) -> Kind:
    """Return what a file is for people and rules; `other` for types nobody has seen yet."""
    if (recording_type or "").lower() == "thumbnail":
        return "thumbnail"
    return _KINDS.get(file_type.upper(), "other")


def extension_of(file_type: str, extension: str | None) -> str:
    """Return the file name extension, lower case, without a dot: ours by type, else Zoom's, else `bin`."""
    given = (extension or "").lower()
    return _EXTENSIONS.get(file_type.upper()) or (given if _EXTENSION.fullmatch(given) else "bin")


def content_type_of(file_type: str, extension: str | None) -> str:
    """Return the content type that the object is stored with; opaque where the type is unknown."""
    known = file_type.upper() in _KINDS
    return (
        _CONTENT_TYPES.get(extension_of(file_type, extension), "application/octet-stream")
        if known
        else "application/octet-stream"
    )


def access_until(call_ended_at: datetime) -> datetime:
    """Return the instant until which the two participants can watch."""
    return call_ended_at + timedelta(days=ACCESS_DAYS)


def expires_at(call_ended_at: datetime) -> datetime:
    """Return the instant from which nobody can read it any more, unless it is held."""
    return call_ended_at + timedelta(days=RETENTION_DAYS)
