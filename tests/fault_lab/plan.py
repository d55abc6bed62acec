"""What simulated Zoom is going to send: calls of every kind, their deliveries in time, doubled and delayed where that is the fault."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from random import Random

from infra.zoom.simulator import SCENARIOS, Call, Delivery, SimulatorServer, build_call

SCALE = 1 / 120  # real seconds for one of Zoom's: half a minute stands for an hour, and the last retry comes after 43 s
PACE = 6  # a call's own events come a tenth of a second apart, so that a fault falls among them
VIDEO_BYTES = 300_000  # of most calls: one S3 request
_UNRECORDED, _MOST_UNRECORDED = "no-recording", 2  # a third in the same hour would be an outage, and no call's fault
LONG_VIDEO_BYTES = 12 * 1024 * 1024  # of every sixth: three parts


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try: when it was sent (monotonic), how long it took, and the status; None when no answer came in time."""

    sent_at: float
    seconds: float
    status: int | None


@dataclass(slots=True)
class Sent:
    """One delivery and its tries."""

    call: Call
    delivery: Delivery
    body: bytes
    at_seconds: float
    attempts: list[Attempt] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.call.events[self.delivery.event].name

    @property
    def acknowledged(self) -> bool:
        return bool(self.attempts) and _is_success(self.attempts[-1].status)

    @property
    def refused(self) -> bool:
        """Answered 4xx, which Zoom takes as the end of it."""
        status = self.attempts[-1].status if self.attempts else None
        return status is not None and 400 <= status <= 499


@dataclass(frozen=True, slots=True)
class Mix:
    """How much Zoom doubles, reorders and delays: this share of all deliveries, by chance from `seed`."""

    share: float
    seed: int


def make_calls(seed: int, count: int, now: datetime, names: Sequence[str] = tuple(SCENARIOS)) -> list[Call]:
    """Return calls of every kind, no two of one meeting or conversation; the same for the same arguments."""
    calls: list[Call] = []
    taken: set[str] = set()
    number = 0
    while len(calls) < count:
        place = len(calls)
        name = names[place % len(names)]
        if name == _UNRECORDED and place >= _MOST_UNRECORDED * len(names):
            name = "clean"
        size = LONG_VIDEO_BYTES if place % 6 == 0 else VIDEO_BYTES
        call = build_call(name, seed * 10_000 + number, now, size)
        number += 1
        conversation = call.registration.conversation_id if call.registration else ""
        if conversation not in taken and str(call.session.meeting_id) not in taken:
            calls.append(call)
            taken |= {conversation, str(call.session.meeting_id)} - {""}
    return calls


def publish_recordings(zoom: SimulatorServer, call: Call) -> None:
    """Make all of a call's files downloadable, told or not: REST may be asked early."""
    zoom.publish(replace(call.session, files=tuple(file for event in call.events for file in event.files)))


def planned(calls: Sequence[Call], seconds: float, url: str, mix: Mix | None = None) -> list[Sent]:
    """Return every delivery of the calls with its time, begun one call after the other, none after `seconds`."""
    in_order = _in_order(calls, seconds, url)
    return in_order if mix is None else _mixed_up(in_order, mix, seconds, url)


def _in_order(calls: Sequence[Call], seconds: float, url: str) -> list[Sent]:
    """A call's deliveries come at Zoom's order and a sixth of its haste, but none after the end of the load."""
    gap = seconds * 0.8 / max(1, len(calls))
    return [
        Sent(call, one, call.body(one, url), min(place * gap + one.at_seconds * SCALE * PACE, seconds))
        for place, call in enumerate(calls)
        for one in call.deliveries
    ]


def _mixed_up(planned: Sequence[Sent], mix: Mix, seconds: float, url: str) -> list[Sent]:
    """Double, bring forward or delay some, each by up to the whole load: an hour of Zoom's time in half a minute."""
    random = Random(mix.seed)
    mixed = []
    for sent in planned:
        mixed.append(sent)
        if random.random() >= mix.share:
            continue
        if random.random() < 1 / 3:
            copy = replace(sent.delivery, copy=sent.delivery.copy + 10)
            mixed.append(Sent(sent.call, copy, sent.call.body(copy, url), random.uniform(sent.at_seconds, seconds)))
        else:
            sent.at_seconds = random.uniform(0, seconds)
    return mixed


def _is_success(status: int | None) -> bool:
    return status is not None and 200 <= status <= 299
