"""Links to recordings: for one version, short-lived, and only after the audit says who gets it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus

from infra.clock import Clock
from infra.secret import Secret
from infra.storage.base import ObjectStore
from portal.audit import Audit, Entry
from portal.problems import Problem
from portal.recordings.call import Call
from portal.recordings.files import File
from schemas.envelope import format_time, parse_time
from schemas.errors import InvalidEvent

PAUSES = timedelta(minutes=15)  # beside the recording's own length: people stop, go back, answer the door
LONGEST = timedelta(hours=4)  # whoever got hold of a link has it for no longer


@dataclass(frozen=True, slots=True)
class Link:
    """Whoever has `url` reads the file until `expires_at`."""

    url: Secret
    expires_at: datetime


class Links:
    """Gives links to whoever was let in before. Safe to share between threads."""

    def __init__(self, store: ObjectStore, audit: Audit, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock

    def give(self, call: Call, file: File, viewer_id: str, *, service: str | None = None, saving: bool = False) -> Link:
        """Write down who gets it, and which program fetched it for them, then sign the link.

        Raises:
            Problem: the object is not in the store any more, or access ended meanwhile.
            TransientError: store or database do not answer; then there is no link.
        """
        seconds = self._seconds(call, file)
        self.check_there(file)
        expires_at = self._clock.now() + timedelta(seconds=seconds)
        what = "saving" if saving else "playing"
        by = "" if service is None else f", by service:{service}"
        reason = f"{file.kind} {file.recording_id} for {what}, until {format_time(expires_at)}{by}"
        self._audit.append(Entry(viewer_id, "recording.link_given", call.call_id, reason))
        disposition = f'attachment; filename="call-recording.{file.extension}"' if saving else None
        return Link(self._store.link(file.object_key, file.version_id, seconds, disposition), expires_at)

    def check_there(self, file: File) -> None:
        """Make sure that the store still has it: a link to nothing would be a player that says nothing."""
        if not self._store.has(file.object_key, file.version_id):
            raise Problem(HTTPStatus.GONE, "recording-removed", "This recording has been removed.")

    def _seconds(self, call: Call, file: File) -> int:
        left = min(file.access_until, call.access_until or file.access_until) - self._clock.now()
        seconds = int(min(link_life(file.recording_start, call.session_end(file.session_id)), left).total_seconds())
        if seconds < 1:
            raise access_over(call)
        return seconds


def access_over(call: Call) -> Problem:
    """Return the refusal for who comes too late."""
    until = "" if call.access_until is None else f" It could be watched until {call.access_until:%-d %B %Y}."
    return Problem(HTTPStatus.GONE, "access-over", f"This recording can no longer be watched.{until}")


def link_life(recording_start: str | None, end: datetime | None) -> timedelta:
    """Return how long a link lives: as a recording from its start to the end plays, and PAUSES; LONGEST if unknown."""
    try:
        start = parse_time(recording_start or "")
    except InvalidEvent:
        return LONGEST
    return LONGEST if end is None or end <= start else min(end - start + PAUSES, LONGEST)
