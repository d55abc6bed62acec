"""What the facts about a session say by themselves, without a word of what was spoken: the metadata rules' signals.

| signal | raised by |
|---|---|
| recording_missing | call.recording_missing, and nothing playable announced or archived |
| recording_stopped, recording_paused | off for a time in which two people were together for a minute or more |
| recording_trashed, recording_deleted | a person did it before every file concerned had been archived |
| link_posted, live_streaming | Zoom said so |

A gap lasts from the first stop or pause to the next start or resume, or to the session's end; while neither is known
there is no signal. Guests, no-shows, network drops and late files raise none.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from processors.calls import FORGET_UNREGISTERED_AFTER, Session
from processors.meeting_flagging.facts import RecordingChange, Removal, SessionFacts

TOGETHER_SECONDS = 60.0  # the owner's rule: two people still talking for a minute
_OFF = {"recording.paused": "recording_paused", "recording.stopped": "recording_stopped"}


@dataclass(frozen=True, slots=True)
class Signal:
    """A rule's reason to look: what, when, and where in the recording."""

    name: str
    at: datetime
    segment: datetime | None = None
    start_seconds: float | None = None


def signals_of(session: Session, facts: SessionFacts) -> Iterator[Signal]:
    """Yield what the facts of a session say now; a later fact may take a signal back."""
    if facts.missing_at is not None and facts.is_missing_recording():
        yield Signal("recording_missing", facts.missing_at)
    if facts.link_posted_at is not None:
        yield Signal("link_posted", facts.link_posted_at)
    if facts.live_streaming_at is not None:
        yield Signal("live_streaming", facts.live_streaming_at)
    yield from _gaps(session, facts)
    yield from _removals(facts)


def _removals(facts: SessionFacts) -> Iterator[Signal]:
    """One signal per kind, however many events say it: at the first removal that came too early."""
    unsafe = [one for one in facts.removals.values() if not _is_forgotten(facts, one) and not _was_archived(facts, one)]
    for kind in sorted({removal.kind for removal in unsafe}):
        yield Signal(kind, min(removal.at for removal in unsafe if removal.kind == kind))


def _gaps(session: Session, facts: SessionFacts) -> Iterator[Signal]:
    off: list[RecordingChange] = []
    for change in sorted(facts.changes.values(), key=lambda one: (one.at, one.name not in _OFF, one.name)):
        if change.name in _OFF:
            off.append(change)
        else:
            yield from _gap(session, off, change.at)
            off = []
    yield from _gap(session, off, known_end(session))


def _gap(session: Session, off: list[RecordingChange], until: datetime | None) -> Iterator[Signal]:
    """One time without recording; paused and then stopped is one, a stop."""
    if not off or until is None or session.seconds_together(off[0].at, until) < TOGETHER_SECONDS:
        return
    stopped = any(change.name == "recording.stopped" for change in off)
    first = off[0]
    into = None if first.segment is None else max(0.0, (first.at - first.segment).total_seconds())
    yield Signal("recording_stopped" if stopped else "recording_paused", first.at, first.segment, into)


def known_end(session: Session) -> datetime | None:
    """When the session ended; where Zoom lost the end (FACTS 3.1), when the last one left; None while it may go on."""
    if session.closed_at is not None:
        return None if session.is_open else session.ended_at
    left = [presence.left_at for presence in session.presences.values()]
    ends = [at for at in left if at is not None]
    return max(ends) if ends and len(ends) == len(left) else None


def _was_archived(facts: SessionFacts, removal: Removal) -> bool:
    """Whether every file concerned had been archived by then. Where the removal names none: all announced by then."""
    concerned = removal.files or [key for key, file in facts.announced.items() if file.at <= removal.at]
    archived = {key for key, file in facts.archived.items() if file.at <= removal.at}
    return bool(concerned) and archived.issuperset(concerned)


def _is_forgotten(facts: SessionFacts, removal: Removal) -> bool:
    """Whether the recording is so old that nothing would be known of its archiving any more."""
    old = removal.began_at is not None and removal.at - removal.began_at > FORGET_UNREGISTERED_AFTER
    return old and not facts.announced
