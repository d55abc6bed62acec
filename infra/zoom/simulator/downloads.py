"""Recording downloads: /rec/webhook_download/FILE/NONCE and /rec/download/FILE/NONCE, with faults."""

import re
from collections.abc import Callable, Iterator

from infra.clock import Clock
from infra.zoom.simulator.content import Content
from infra.zoom.simulator.faults import Fault
from infra.zoom.simulator.library import Library, SimulatedFile, SimulatedSession
from infra.zoom.simulator.tokens import opens
from infra.zoom.simulator.web import Answer, Request, json_answer

_PATH = re.compile(r"/(?:rec/(?P<form>webhook_download|download)|(?P<moved>ssrweb))/(?P<file>[^/]+)/[^/]+")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CONTENT_TYPES = {
    "MP4": "video/mp4", "M4A": "audio/mp4", "JPG": "image/jpeg", "JSON": "application/json", "VTT": "text/vtt",
    "TXT": "text/plain", "CSV": "text/csv",
}  # fmt: skip
_REFUSAL = (
    b"<!DOCTYPE html><html><head><title>Error - Zoom</title></head>"
    b"<body>Only the host can download this recording.</body></html>"
)


class Downloads:
    """Answers downloads. `access_token_valid` tells whether an OAuth access token opens /rec/download."""

    def __init__(self, library: Library, clock: Clock, access_token_valid: Callable[[str], bool]) -> None:
        self._library = library
        self._clock = clock
        self._access_token_valid = access_token_valid

    def route(self, request: Request) -> Answer | None:
        """Answer a download; None for other paths."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "GET":
            return None
        found = self._library.file(match["file"])
        if found is None:
            return _html(404)
        session, file = found
        if match["moved"]:
            return self._file(request, file, None)
        if not self._allowed(request, session, match["form"]):
            return json_answer(401, {"code": 124, "message": "This token is not valid for this recording."})
        return self._file(request, file, self._library.next_fault(file.file_id))

    def _allowed(self, request: Request, session: SimulatedSession, form: str) -> bool:
        if opens(request.bearer, session.session_id, self._clock.now()):
            return True
        return form == "download" and self._access_token_valid(request.bearer)

    def _file(self, request: Request, file: SimulatedFile, fault: Fault | None) -> Answer:
        instead = _instead(fault, file) if fault else None
        if instead is not None:
            return instead
        kind = fault.kind if fault else ""
        headers = {
            "Content-Type": _CONTENT_TYPES.get(file.extension, "application/octet-stream"),
            "Content-Disposition": f'attachment; filename="{file.recording_type}.{file.extension.lower()}"',
        }
        content = _resized(file.content, int(fault.value)) if fault and kind == "size" else file.content
        asked = request.headers.get("range", "")
        match = None if kind == "norange" else _RANGE.fullmatch(asked)
        if match is None:
            return self._whole(content, headers, fault)
        return self._part(content, headers, fault, match)

    def _whole(self, content: Content, headers: dict[str, str], fault: Fault | None) -> Answer:
        return self._stream(Answer(200, headers, length=content.size_bytes), content, 0, content.size_bytes, fault)

    def _part(self, content: Content, headers: dict[str, str], fault: Fault | None, match: re.Match[str]) -> Answer:
        size = content.size_bytes
        start, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if start > last:
            return Answer(416, {"Content-Range": f"bytes */{size}"})
        headers = {**headers, "Content-Range": f"bytes {start}-{last}/{size}"}
        return self._stream(Answer(206, headers, length=last + 1 - start), content, start, last + 1, fault)

    def _stream(self, answer: Answer, content: Content, start: int, end: int, fault: Fault | None) -> Answer:
        kind = fault.kind if fault else ""
        breaks = kind in ("cut", "chunked")
        stop = start + int((end - start) * (fault.value if fault else 0) / 100) if breaks else end
        body = content.read(start, stop)
        if fault and kind == "slow":
            body = self._slowly(body, fault.value)
        length = None if kind == "chunked" else answer.length
        return Answer(answer.status, answer.headers, body, length, broken=breaks)

    def _slowly(self, pieces: Iterator[bytes], seconds: float) -> Iterator[bytes]:
        for piece in pieces:
            self._clock.sleep(seconds)
            yield piece


def _html(status: int) -> Answer:
    return Answer(status, {"Content-Type": "text/html;charset=utf-8"}, (_REFUSAL,), length=len(_REFUSAL))


def _resized(content: Content, by: int) -> Content:
    size = max(0, content.size_bytes + by)
    return Content(content.head[:size], size, content.seed)


def _instead(fault: Fault, file: SimulatedFile) -> Answer | None:
    """Return what comes in place of the file; None for a fault that happens to the file itself."""
    match fault.kind:
        case "html200":
            return _html(200)
        case "401":
            return json_answer(401, {"code": 124, "message": "Access token is expired."})
        case "429":
            return json_answer(429, {"code": 429}, {"Retry-After": f"{fault.value:.0f}"})
        case "503":
            return _html(503)
        case "redirect":
            return Answer(302, {"Location": f"/ssrweb/{file.file_id}/moved"})
    return None
