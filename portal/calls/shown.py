"""What the call events have told of a call, as the processor review_queue shows it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, select, update

from infra.database.engine import reading, writing
from infra.database.tables import call_starts, portal_calls
from portal.calls.store import State

RECORDED = "call.recording_completed"
AT_ONCE = 200  # calls whose recordings one sweep closes: a few seconds at the pace that Zoom allows


@dataclass(frozen=True, slots=True)
class Recorded:
    """The recorded sessions of a call, as of a revision of its row."""

    call_id: str
    sessions: Sequence[str]
    revision: int


class ShownCalls:
    """Reads the rows of our calls. Safe to share between threads. Raises TransientError when the database fails."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def ends(self, call_ids: Sequence[str]) -> Mapping[str, datetime]:
        """Return when those of these calls ended that have ended and are not going on again."""
        ended = (portal_calls.c.call_id.in_(call_ids), portal_calls.c.ended_at.is_not(None))
        with reading(self._engine) as connection:
            rows = connection.execute(select(portal_calls.c.call_id, portal_calls.c.ended_at).where(*ended)).all()
        return {row.call_id: row.ended_at for row in rows}

    def to_close(self) -> Sequence[Recorded]:
        """Return the calls of ours about which something was learned since their recordings were closed at Zoom."""
        statement = (
            select(portal_calls.c.call_id, portal_calls.c.document, portal_calls.c.revision)
            .join(call_starts, call_starts.c.call_id == portal_calls.c.call_id)
            .where(call_starts.c.state == State.REGISTERED, portal_calls.c.revision > call_starts.c.closed_revision)
            .limit(AT_ONCE)
        )
        with reading(self._engine) as connection:
            rows = connection.execute(statement).all()
        return [Recorded(row.call_id, _recorded(row.document), row.revision) for row in rows]

    def closed(self, recorded: Recorded) -> None:
        """Note that a call's recordings are closed, as far as they were known."""
        mine = call_starts.c.call_id == recorded.call_id
        with writing(self._engine) as connection:
            connection.execute(update(call_starts).where(mine).values(closed_revision=recorded.revision))


def _recorded(document: str) -> list[str]:
    events = json.loads(document)["events"]
    return sorted({one["session_id"] for one in events if one["type"] == RECORDED and one["session_id"]})
