"""A registered call as its participants may know it: read from the row that `review_queue` keeps of it.

A call that was started here is known from the first moment: until that row is there, by the row of its start.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Engine, Row, bindparam, select

from infra.database.engine import reading
from infra.database.tables import call_starts, portal_calls
from portal.calls.store import State
from schemas.archive import PLAYABLE, expires_at

NUL = "\x00"  # PostgreSQL takes it in no text, so no id has one

Role = Literal["freelancer", "client"]
CallState = Literal["arranged", "live", "ended"]

# Made once: to make a statement takes as long as to run it.
_SHOWN = select(portal_calls).where(portal_calls.c.call_id == bindparam("call_id"))
_STARTED = select(call_starts).where(
    call_starts.c.call_id == bindparam("call_id"), call_starts.c.state == State.REGISTERED
)

# What participants are told of the course of their call: what they saw themselves, and what became of the recording.
_TOLD = frozenset(
    f"call.{what}"
    for what in (
        "created", "started", "ended", "participant_joined", "participant_left", "recording_started",
        "recording_paused", "recording_resumed", "recording_stopped", "recording_completed", "recording_missing",
    )
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Moment:
    """One thing that happened; `is_host` is null where it is not about a person or Zoom does not say."""

    type: str
    occurred_at: datetime
    is_host: bool | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call, and its public events by their sequence."""

    call_id: str
    meeting_id: str
    order_id: str
    freelancer_id: str
    client_id: str
    registered_at: datetime
    ended_at: datetime | None
    access_until: datetime | None
    events: Sequence[Mapping[str, Any]]

    def role_of(self, viewer_id: str) -> Role | None:
        """Return which of the two registered people this is; None for anybody else."""
        if viewer_id == self.freelancer_id:
            return "freelancer"
        return "client" if viewer_id == self.client_id else None

    @property
    def state(self) -> CallState:
        if self.ended_at is not None:
            return "ended"
        return "live" if any(one["type"] == "call.started" for one in self.events) else "arranged"

    @property
    def language(self) -> str:
        created = next((one for one in self.events if one["type"] == "call.created"), {})
        return str(created.get("language", "en"))

    @property
    def expires_at(self) -> datetime | None:
        """When the recording goes for good; None while the call has not ended."""
        return None if self.ended_at is None else expires_at(self.ended_at)

    @property
    def announced(self) -> int:
        """How many files to watch or hear Zoom has announced."""
        files = (file for one in self.events if one["type"] == "call.recording_completed" for file in one["files"])
        return len({(one["file_id"], one["kind"], one["recording_start"]) for one in files if one["kind"] in PLAYABLE})

    @property
    def is_recording_missing(self) -> bool:
        """Whether it is known that there is none."""
        kinds = {one["type"] for one in self.events}
        return "call.recording_missing" in kinds and "call.recording_completed" not in kinds

    def session_end(self, session_id: str) -> datetime | None:
        """Return when a session ended, as far as it is known."""
        ends = [
            datetime.fromisoformat(one["occurred_at"])
            for one in self.events
            if one["type"] == "call.ended" and one["session_id"] == session_id
        ]
        return max(ends, default=None)

    def timeline(self) -> list[Moment]:
        """Return what participants are told, as it happened; what was corrected is there once, as it is known now."""
        known = {_identity(one): _moment(one) for one in self._told()}
        return sorted(known.values(), key=lambda moment: moment.occurred_at)

    def _told(self) -> Iterator[Mapping[str, Any]]:
        """The first start of a session may become known late: the last word on it stands."""
        return (one for one in self.events if one["type"] in _TOLD)


def find_call(engine: Engine, call_id: str) -> Call | None:
    """Return the call; None when nobody registered it. Raises TransientError when the database fails."""
    if NUL in call_id:
        return None
    with reading(engine) as connection:
        shown = connection.execute(_SHOWN, {"call_id": call_id}).first()
        if shown is not None:
            return _shown(shown)
        started = connection.execute(_STARTED, {"call_id": call_id}).first()
    return None if started is None else _started(started)


def _shown(row: Row[Any]) -> Call:
    return Call(
        call_id=row.call_id,
        meeting_id=row.meeting_id,
        order_id=row.order_id,
        freelancer_id=row.freelancer_id,
        client_id=row.client_id,
        registered_at=row.registered_at,
        ended_at=row.ended_at,
        access_until=row.access_until,
        events=json.loads(row.document)["events"],
    )


def _started(row: Row[Any]) -> Call:
    """What the event that is on its way says."""
    asked = json.loads(row.document)
    created = {
        "type": "call.created",
        "session_id": None,
        "occurred_at": row.created_at.isoformat(),
        "language": asked["language"],
    }
    return Call(
        call_id=row.call_id,
        meeting_id=row.meeting_id,
        order_id=asked["order_id"],
        freelancer_id=asked["freelancer_id"],
        client_id=asked["client_id"],
        registered_at=row.created_at,
        ended_at=None,
        access_until=None,
        events=[created],
    )


def _identity(event: Mapping[str, Any]) -> tuple[Any, ...]:
    if event["type"] == "call.started" and not event["reopened"]:
        return event["type"], event["session_id"]
    return event["type"], event["session_id"], event["occurred_at"], event.get("participant_ref")


def _moment(event: Mapping[str, Any]) -> Moment:
    return Moment(event["type"], datetime.fromisoformat(event["occurred_at"]), event.get("is_host"))
