"""Ten thousand simulated calls in which nobody does wrong: how many are flagged by metadata alone.

A tenth are no-shows, 8 % have guests, 5 % files that come late (some after the grace of a day), and lines drop: one
person or both, sometimes with the recording stopped and started again; events come doubled, late and out of order.
The real decisions decide: call_events finds what is missing, meeting_flagging flags.
"""

import heapq
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

from processors.base import Event
from processors.call_events import CallEvents
from processors.commands import AskRecordings, PublishEvent, Tell, WakeAt
from processors.meeting_flagging import MeetingFlagging, Policy
from schemas.events import FLAGGED
from tests.benchmarks.table import Bar, Row, judged, reported
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import HOST, at

CALLS = 10_000
_APART_SECONDS = 90  # ten days hold them all
_GRACE = timedelta(days=1)  # NO_RECORDING_GRACE_SECONDS as it is shipped
_SEED = 20261128


def measure(policy: Policy, *, quick: bool) -> Iterator[Row]:
    """Yield the rows about metadata."""
    number = CALLS // 20 if quick else CALLS
    stage = _Stage(policy)
    chance = random.Random(_SEED)
    for one in range(number):
        stage.play(list(_call(one, chance)), f"session-{one}==")
    note = f"{number:,} calls without wrong: no-shows, guests, late files, drops, doubles, any order"
    yield judged(
        "simulated calls flagged on metadata alone", "%", [100 * len(stage.flagged) / number], Bar(1, 0.2), note
    )
    yield reported(
        "  flagged for a while, withdrawn when the files came", "%", [100 * len(stage.ever - stage.flagged) / number]
    )


def _call(number: int, chance: random.Random) -> Iterator[tuple[float, Event]]:
    """A call's events with when each arrives, in seconds from the first call."""
    base, session = float(number * _APART_SECONDS), f"session-{number}=="
    length = chance.uniform(300, 3600)
    shows = chance.random() >= 0.10
    end = base + (length if shows else chance.uniform(120, 900))
    facts = [call.started(base, session), call.joined(base + 2, "101", HOST, session)]
    if shows:
        facts += [call.joined(base + chance.uniform(3, 120), "102", "client", session)]
        facts += _guest(base, end, chance, session) + _drops(base, end, chance, session)
        facts += [call.left(end - 1, "102", "client", session)]
    facts += [call.left(end - 2, "101", HOST, session), call.ended(end, session)]
    late = shows and chance.random() < 0.05
    files = end + (chance.uniform(3600, 36 * 3600) if late else chance.uniform(60, 1800))
    if shows or chance.random() < 0.5:
        facts += [_segment("started", base + 3, base + 3, session), _segment("stopped", end - 1, base + 3, session)]
        facts += [call.completed(files, call.file(f"v{number}", "MP4", base + 3), session=session)]
    for fact in facts:
        delay = chance.choice([0, 0, 0, 0.5, 3, 30, 300]) + chance.random()
        for again in range(1 + (chance.random() < 0.05)):
            yield (fact.recorded_at - at(0)).total_seconds() + delay + again * 300, fact


def _guest(base: float, end: float, chance: random.Random, session: str) -> list[Event]:
    if chance.random() >= 0.08:
        return []
    comes = chance.uniform(base + 60, end - 90)
    return [
        call.joined(comes, "103", "", session),
        call.left(min(end - 5, comes + chance.uniform(20, 900)), "103", "", session),
    ]


def _drops(base: float, end: float, chance: random.Random, session: str) -> list[Event]:
    """A line drops for up to three quarters of a minute; where it is the host's, the recording may stop with it."""
    if chance.random() >= 0.15:
        return []
    gone = chance.uniform(base + 130, end - 100)
    back = gone + chance.uniform(5, 45)
    who, person = chance.choice([("101", HOST), ("102", "client")])
    facts = [call.left(gone, who, person, session), call.joined(back, f"{who}7", person, session)]
    facts += [call.left(end - 2, f"{who}7", person, session)]
    if person == HOST and chance.random() < 0.5:
        facts += [_segment("stopped", gone, base + 3, session), _segment("started", back + 2, back + 2, session)]
    return facts


def _segment(verb: str, seconds: float, start: float, session: str) -> Event:
    times = {"recording_start": call.stamp(start), "recording_end": call.stamp(seconds) if verb == "stopped" else ""}
    return call.webhook(f"recording.{verb}", seconds, session, recording_file=times)


@dataclass
class _Stage:
    """Plays one call after another; days and hours are kept between them, as their states are."""

    policy: Policy
    flagged: set[str] = field(default_factory=set)
    ever: set[str] = field(default_factory=set)
    shared: dict[str, Any] = field(default_factory=dict)

    def play(self, facts: list[tuple[float, Event]], session: str) -> None:
        _Play(self, facts, session).run()


class _Play:
    """One call on the stage: what arrives, in that order, and all that follows from it."""

    def __init__(self, stage: _Stage, facts: list[tuple[float, Event]], session: str) -> None:
        self._stage, self._facts, self._session = stage, facts, session
        self._processors = (CallEvents(_GRACE), MeetingFlagging(stage.policy))
        self._states: list[Any] = [None, None]
        self._order = count()
        self._waiting: list[tuple[float, int, Event, tuple[int, str | None] | None]] = []
        self._seen: set[tuple[int, str]] = set()

    def run(self) -> None:
        for arrival, fact in self._facts:
            self._push(arrival, fact, None)
        while self._waiting:
            now, _, event, key = heapq.heappop(self._waiting)
            for place, processor in enumerate(self._processors):
                mine = event.type in processor.types if key is None else key[0] == place
                if mine and (place, event.id) not in self._seen:
                    self._seen.add((place, event.id))
                    self._decide(place, event, key[1] if key else None, now)

    def _push(self, at_seconds: float, event: Event, key: tuple[int, str | None] | None) -> None:
        heapq.heappush(self._waiting, (at_seconds, next(self._order), event, key))

    def _decide(self, place: int, event: Event, shared: str | None, now: float) -> None:
        state = self._stage.shared.get(shared) if shared else self._states[place]
        decision: Any = self._processors[place].decide(event, state)
        if shared:
            self._stage.shared[shared] = decision.state
        else:
            self._states[place] = decision.state
        for command in decision.commands:
            self._follow(command, place, now)

    def _follow(self, command: Any, place: int, now: float) -> None:
        if isinstance(command, Tell):
            shared = command.state_key if command.state_key.startswith(("hour:", "day:")) else None
            if shared or command.data["session_id"] == self._session:  # what other calls are told they were told before
                event = Event(f"tell:{command.key}", f"told.{command.name}", at(now), command.data)
                self._push(now, event, (place, shared))
        elif isinstance(command, WakeAt) and place == 0:
            due = max(now, (command.at - at(0)).total_seconds())
            self._push(due, Event(command.key, f"timer.{command.name}", at(due), command.data), (place, None))
        elif isinstance(command, AskRecordings):
            known = any(fact.type == "us.zoom.recording.completed" and came <= now for came, fact in self._facts)
            self._push(now, call.result(command, now, answer="found" if known else "none"), (place, None))
        elif isinstance(command, PublishEvent):
            self._hear(command, now)

    def _hear(self, command: PublishEvent, now: float) -> None:
        data = json.loads(command.data)
        if command.type == "call.recording_missing":
            self._push(now, Event(command.event_id, command.type, at(now), data), None)
        elif command.type == FLAGGED and data["status"] == "flagged":
            self._stage.flagged.add(self._session)
            self._stage.ever.add(self._session)
        elif command.type == FLAGGED:
            self._stage.flagged.discard(self._session)
