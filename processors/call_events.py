"""The public stream: every webhook we know becomes a call event without names, links, tokens or e-mail addresses.

Ids hang on the fact (its type, its call, its session, its own id or instant), so any redelivery gives the same id. An event says
what was known when it was published. What may be corrected later, each time under an id of its own:

- events of a session whose registration came later have `call_id` null; once it is known they come again, naming the call;
- `call.started` comes again when an earlier start becomes known, or when a late end shows that it was a reopening;
- `call.ended` comes again for every further end, and when the start it counts from becomes known late;
- `call.recording_completed` may follow `call.recording_missing`: Zoom took longer than we waited.

A subscriber processes a call's events in the order of `sequence`, which has no gaps; `occurred_at` places them in time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from processors.base import Decision, Event
from processors.call_facts import FILES, PRESENCE, SEGMENTS, Fact, facts_of, lifecycle, role_of
from processors.call_timeline import Timeline, note_lifecycle, untold
from processors.calls import Meeting, Session, fact_of, registration_of, state_key
from processors.commands import AskRecordings, Command, PublishEvent, WakeAt
from schemas.calls import REGISTERED, Registration
from schemas.errors import InvalidEvent
from schemas.events import data_schema, decode, encode
from schemas.identity import fact_id
from schemas.reconciled import MEETING_ENDED, RECORDING_COMPLETED
from schemas.reconciled import PREFIX as RECONCILED
from schemas.topics import CALL_EVENTS, OUTCOMES, REGISTRATIONS, WEBHOOKS

SOURCE = "/zoom-call-pipeline/call_events"
OUTCOME_PREFIX = "outcome."
MIN_SECONDS_TOGETHER = 60  # the owner's rule: shorter meetings need no recording
MAX_QUESTIONS = 3  # to Zoom about one session; afterwards reconciliation finds what is left
CLAIM_WINDOW = timedelta(days=2)  # how late a registration may come: the log's worst backlog, not a human's memory
MISSING_TIMER = "recording_missing"

_ZOOM_PREFIX = "us.zoom."
_WEBHOOKS = {"meeting.started", "meeting.ended", *PRESENCE, *SEGMENTS, *FILES}
_OUTCOMES = {"call.invitation_posted", "call.recording_archived"}


@dataclass(slots=True)
class Said:
    """What was published of a session before its call was known: `fact` is the identity that it keeps.

    `registrant_id` stays here: it tells who it was once the call is known.
    """

    type: str
    fact: str
    data: dict[str, Any]
    registrant_id: str | None = None


@dataclass(slots=True)
class CallEventsState:
    """One meeting id. `published` holds the event ids of every stream (call or session) in their sequence.

    `unclaimed` holds by session what will be said again if a registration comes.
    """

    meeting_id: str | None = None
    meeting: Meeting = field(default_factory=Meeting)
    timelines: dict[str, Timeline] = field(default_factory=dict)
    published: dict[str, list[str]] = field(default_factory=dict)
    unclaimed: dict[str, list[Said]] = field(default_factory=dict)


class CallEvents:
    """Publishes call events, and finds out that a recording is missing `no_recording_grace` after the end."""

    name: ClassVar[str] = "call_events"
    topics: ClassVar[tuple[str, ...]] = (WEBHOOKS.name, REGISTRATIONS.name, OUTCOMES.name)
    types: ClassVar[frozenset[str]] = frozenset(
        {REGISTERED, MEETING_ENDED, RECORDING_COMPLETED}
        | {_ZOOM_PREFIX + name for name in _WEBHOOKS}
        | {OUTCOME_PREFIX + name for name in _OUTCOMES}
    )
    state_type: type[CallEventsState] = CallEventsState
    state_version: ClassVar[int] = 1

    def __init__(self, no_recording_grace: timedelta) -> None:
        self._grace = no_recording_grace

    def route(self, event: Event) -> Sequence[str]:
        """Return the meeting's key; raises InvalidEvent when the record is not what its type promises."""
        if event.type == REGISTERED:
            return [registration_of(event).meeting_id]
        if event.type.startswith(OUTCOME_PREFIX):
            outcome = _public_data(event, sequence=1)
            return state_key(outcome["meeting_id"], outcome["session_id"])
        zoom = fact_of(event)
        return state_key(zoom.meeting_id, zoom.session_id)

    def decide(self, event: Event, state: CallEventsState | None) -> Decision[CallEventsState]:
        """Note what happened, publish what is newly known by it, and look after missing recordings."""
        decision = Decision(state or CallEventsState())
        if event.type == REGISTERED:
            self._register(event, decision)
        elif event.type.startswith(OUTCOME_PREFIX):
            _publish_outcome(event, decision)
        elif event.type.startswith((_ZOOM_PREFIX, RECONCILED)):
            self._note_webhook(event, decision)
        elif event.type == f"timer.{MISSING_TIMER}":
            _note_waited(event, decision.state)
        elif event.type in ("done.ask_recordings", "dead.ask_recordings"):
            self._note_answer(event, decision)
        self._look_for_recordings(decision)
        _forget(event, decision.state)
        return decision

    def _register(self, event: Event, decision: Decision[CallEventsState]) -> None:
        registration = registration_of(event)
        decision.state.meeting_id = registration.meeting_id
        if not decision.state.meeting.register(registration):
            decision.reasons.append("the call is registered already")
            return
        details = {
            name: getattr(registration, name)
            for name in ("order_id", "conversation_id", "freelancer_id", "client_id", "language")
        }
        fact = Fact("call.created", registration.registered_at, [registration.call_id], details)
        _publish(decision, fact, registration, None)
        _claim(decision)

    def _note_webhook(self, event: Event, decision: Decision[CallEventsState]) -> None:
        zoom, state = fact_of(event), decision.state
        state.meeting_id = state.meeting_id or zoom.meeting_id
        session = state.meeting.note(zoom, event)
        if session is None:
            decision.reasons.append("the webhook names no session")
            return
        timeline = state.timelines.setdefault(session.session_id, Timeline())
        note_lifecycle(timeline, zoom, event)
        timeline.recorded = timeline.recorded or zoom.name == "recording.completed"
        call = state.meeting.call_of(session)
        news = untold(timeline, zoom) if zoom.name in FILES else zoom
        for fact in [*lifecycle(timeline.starts, timeline.ends), *(facts_of(news, event) if news else ())]:
            _publish(decision, fact, call, session)

    def _note_answer(self, event: Event, decision: Decision[CallEventsState]) -> None:
        session_id = event.data["command"]["session_id"]
        session, timeline = decision.state.meeting.sessions.get(session_id), decision.state.timelines.get(session_id)
        if session is None or timeline is None:
            decision.reasons.append("the session is forgotten")
            return
        timeline.asking = False
        answer = event.data["result"]["answer"] if event.type == "done.ask_recordings" else "unknown"
        if answer != "found":
            self._say_missing(decision, session, timeline, "none" if answer == "none" else "unknown")
        elif timeline.questions < MAX_QUESTIONS:
            _wait(decision, session, timeline, event.recorded_at + self._grace)
        else:
            timeline.settled = True

    def _say_missing(
        self, decision: Decision[CallEventsState], session: Session, timeline: Timeline, zoom_says: str
    ) -> None:
        if not _needs_recording(session, timeline):
            return
        timeline.settled = True
        waited_until = timeline.wait_until or session.ended_at
        if waited_until is not None:
            fact = Fact("call.recording_missing", waited_until, [], {"zoom_says": zoom_says})
            _publish(decision, fact, decision.state.meeting.call_of(session), session)

    def _look_for_recordings(self, decision: Decision[CallEventsState]) -> None:
        for session_id, timeline in decision.state.timelines.items():
            session = decision.state.meeting.sessions.get(session_id)
            if session is None or session.is_open or session.ended_at is None or timeline.recorded or timeline.settled:
                continue
            due_at = session.ended_at + self._grace
            if timeline.wait_until is None or timeline.wait_until < due_at:
                _wait(decision, session, timeline, due_at)
            elif timeline.waited and not timeline.asking and _needs_recording(session, timeline):
                timeline.questions, timeline.asking = timeline.questions + 1, True
                decision.commands.append(AskRecordings(session_id, timeline.questions))


def _wait(decision: Decision[CallEventsState], session: Session, timeline: Timeline, until: datetime) -> None:
    timeline.wait_until, timeline.waited = until, False
    decision.commands.append(WakeAt(at=until, name=MISSING_TIMER, about=session.session_id))


def _note_waited(event: Event, state: CallEventsState) -> None:
    for timeline in state.timelines.values():
        if timeline.wait_until is not None and timeline.wait_until <= event.recorded_at:
            timeline.waited = True


def _needs_recording(session: Session, timeline: Timeline) -> bool:
    since, until = session.begins_at, session.ended_at
    if timeline.recorded or session.is_open or since is None or until is None:
        return False
    return session.seconds_together(since, until) >= MIN_SECONDS_TOGETHER


def _public_data(event: Event, sequence: int) -> dict[str, Any]:
    return decode(event.type.removeprefix(OUTCOME_PREFIX), {**event.data, "sequence": sequence})


def _publish_outcome(event: Event, decision: Decision[CallEventsState]) -> None:
    data, state = _public_data(event, sequence=1), decision.state
    state.meeting_id = state.meeting_id or data["meeting_id"]
    session = state.meeting.sessions.get(data["session_id"] or "")
    call = None if session is None else state.meeting.call_of(session)
    data["call_id"] = data["call_id"] if call is None else call.call_id
    _say(decision, Said(event.type.removeprefix(OUTCOME_PREFIX), event.id, data))


def _publish(
    decision: Decision[CallEventsState], fact: Fact, call: Registration | None, session: Session | None
) -> None:
    session_id = None if session is None else session.session_id
    data = {
        "call_id": None if call is None else call.call_id,
        "meeting_id": decision.state.meeting_id,
        "session_id": session_id,
        "occurred_at": fact.occurred_at,
        **fact.details,
    }
    said = Said(fact.type, fact_id(fact.type, session_id, *fact.identity), data, fact.registrant_id)
    _say(decision, _with_role(said, call))


def _say(decision: Decision[CallEventsState], said: Said) -> None:
    """Publish once per call: what was said already is not said again."""
    state, data = decision.state, said.data
    stream = state.published.setdefault(_stream(data["call_id"], data["session_id"]), [])
    event_id = fact_id(said.type, data["call_id"], said.fact)
    if event_id in stream:
        return
    stream.append(event_id)
    text = encode(said.type, {**data, "sequence": len(stream)})
    if data["call_id"] is None:
        unclaimed = replace(said, data=json.loads(text))
        state.unclaimed.setdefault(data["session_id"], []).append(unclaimed)
    command: Command = PublishEvent(
        topic=CALL_EVENTS.name,
        event_id=event_id,
        type=said.type,
        source=SOURCE,
        occurred_at=data["occurred_at"],
        subject=data["call_id"] or data["session_id"],
        partition_key=data["meeting_id"] or data["session_id"],
        data=text,
        dataschema=data_schema(said.type),
    )
    decision.commands.append(command)


def _claim(decision: Decision[CallEventsState]) -> None:
    """Say again, naming the call, what was said of sessions before their registration was known."""
    state = decision.state
    for session_id in list(state.unclaimed):
        session = state.meeting.sessions.get(session_id)
        call = None if session is None else state.meeting.call_of(session)
        if call is None:
            continue
        for said in state.unclaimed.pop(session_id):
            data = {**decode(said.type, said.data), "call_id": call.call_id}
            _say(decision, _with_role(replace(said, data=data), call))


def _with_role(said: Said, call: Registration | None) -> Said:
    """Add who of the call's two it was, where that is known; nothing where it is not."""
    role = role_of(call, said.registrant_id, said.data.get("is_host")) if said.type in PRESENCE.values() else None
    return said if role is None else replace(said, data={**said.data, "role": role})


def _stream(call_id: str | None, session_id: str | None) -> str:
    if call_id is None and session_id is None:
        raise InvalidEvent("the record names neither a call nor a session")
    return f"session:{session_id}" if call_id is None else f"call:{call_id}"


def _forget(event: Event, state: CallEventsState) -> None:
    state.meeting.forget_before(event.recorded_at)
    for session_id in list(state.unclaimed):
        session = state.meeting.sessions.get(session_id)
        if session is None or (session.seen_at or event.recorded_at) + CLAIM_WINDOW < event.recorded_at:
            del state.unclaimed[session_id]
    for session_id in state.timelines.keys() - state.meeting.sessions.keys():
        del state.timelines[session_id]
        state.published.pop(_stream(None, session_id), None)
