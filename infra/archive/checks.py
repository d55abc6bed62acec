"""What must be true of a body before it becomes an object: Zoom answers 200 with a page for a refused or deleted file.

| kind | first bytes | size against Zoom's `file_size` |
|---|---|---|
| video, audio | `ftyp` at 4 | equal |
| thumbnail | JPEG or PNG | equal |
| other | not HTML | equal |
| transcript, captions | WEBVTT, a byte order mark before it or not | at least half |
| timeline, summary | a JSON object or list | at least half |
| chat, poll | not HTML | at least half |

Sizes of texts do differ (line ends, encoding; FACTS 3.4); ASCII said in UTF-16 and sent in UTF-8 is half as long, the most
that a change of encoding explains: less than that was cut. A size that Zoom does not say, or says to be 0, is not checked;
Content-Length always is. Nothing is ever stored empty.
"""

from infra.archive.errors import NotARecording, WrongSize
from schemas.archive import Kind

PROOF_BYTES = 512  # of the beginning are looked at; the longest thing looked for is 15 bytes after some white space
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_PAGES = (b"<!doctype html", b"<html")
_IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
_TEXTS: frozenset[Kind] = frozenset({"transcript", "captions", "timeline", "summary", "chat", "poll"})


def check_content_type(content_type: str | None) -> None:
    """Raise NotARecording for a web page, whatever the kind: Zoom serves no recording as HTML."""
    if (content_type or "").partition(";")[0].strip().lower() in {"text/html", "application/xhtml+xml"}:
        raise NotARecording("the answer is a web page")


def check_beginning(kind: Kind, beginning: bytes) -> None:
    """Raise NotARecording when the first bytes are none, a web page's, or not those of the kind."""
    text = beginning.removeprefix(BYTE_ORDER_MARK).lstrip()
    if not beginning:
        raise NotARecording("the answer is empty")
    if text[:15].lower().startswith(_PAGES):
        raise NotARecording("the answer begins like a web page")
    if not _looks_like(kind, beginning, text):
        raise NotARecording(f"the answer does not begin like {kind}")


def check_size(kind: Kind, declared_bytes: int | None, received_bytes: int) -> None:
    """Raise WrongSize when so many bytes cannot be the whole file."""
    if not declared_bytes or declared_bytes < 0:
        return
    enough = received_bytes * 2 >= declared_bytes if kind in _TEXTS else received_bytes == declared_bytes
    if not enough:
        raise WrongSize(f"{received_bytes} bytes came, {declared_bytes} were announced")


def size_is_exact(kind: Kind) -> bool:
    """Whether Zoom's `file_size` is the number of bytes, and not about that."""
    return kind not in _TEXTS


def _looks_like(kind: Kind, beginning: bytes, text: bytes) -> bool:
    match kind:
        case "video" | "audio":
            return beginning[4:8] == b"ftyp"
        case "transcript" | "captions":
            return text.startswith(b"WEBVTT")
        case "timeline" | "summary":
            return text.startswith((b"{", b"["))
        case "thumbnail":
            return beginning.startswith(_IMAGES)
        case _:
            return True
