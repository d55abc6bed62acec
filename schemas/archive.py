"""How an archived file is named and what kind of file it is."""

from urllib.parse import quote

KINDS = (
    "video", "audio", "transcript", "captions", "chat", "timeline", "summary", "poll", "thumbnail", "other",
)  # fmt: skip
PLAYABLE = frozenset({"video", "audio"})  # what people mean by "the recording"

_KINDS = {
    "MP4": "video",
    "M4A": "audio",
    "TRANSCRIPT": "transcript",
    "CC": "captions",
    "CHAT": "chat",
    "CHAT_MESSAGE": "chat",
    "TIMELINE": "timeline",
    "SUMMARY": "summary",
    "CSV": "poll",
    "THUMBNAIL": "thumbnail",
}  # Zoom's file_type; a type that nobody has seen yet is archived as "other"
_KEY_SAFE = "-_.="  # with letters and digits: what S3, its clients and file systems all leave alone


def kind_of(file_type: str, recording_type: str | None) -> str:
    """Return the kind of a file; Zoom writes the thumbnail's type in `recording_type`."""
    if recording_type is not None and recording_type.lower() == "thumbnail":
        return "thumbnail"
    return _KINDS.get(file_type.upper(), "other")


def object_key(session_id: str, file_id: str | None, recording_start: str | None, file_type: str) -> str:
    """Return the object key of a file: the same file always has the same key, whatever delivery told of it.

    Nothing of the download URL goes in, because it differs between deliveries.
    """
    name = file_id or f"{recording_start or 'unknown'}-{file_type.upper()}"
    return f"calls/{session_id.encode().hex()}/{quote(name, safe=_KEY_SAFE)}"
