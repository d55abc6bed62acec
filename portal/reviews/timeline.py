"""The call's course drawn to scale: who was there when, what was recorded, where findings lie. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from portal.reviews.cases import Finding
from schemas.envelope import parse_time
from schemas.errors import InvalidEvent

WIDTH = 1000.0  # of the drawing, in its own units
LANE, TOP = 26.0, 22.0
_TICKS_SECONDS = (60, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 8
_LEAST = timedelta(minutes=1)  # a call that ended at once is still drawn


@dataclass(frozen=True, slots=True)
class Bar:
    """A stretch of one lane; `title` is what it says when looked at."""

    x: float
    width: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A finding's place."""

    x: float
    severity: int
    title: str
    finding_id: str


@dataclass(slots=True)
class Lane:
    """One person, or the recording."""

    name: str
    bars: list[Bar] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is drawn; `gaps` says in words where two people or more were not recorded."""

    lanes: Sequence[Lane]
    ticks: Sequence[tuple[float, str]]
    marks: Sequence[Mark]
    began_at: datetime
    ended_at: datetime
    gaps: Sequence[str]

    @property
    def height(self) -> float:
        return TOP + LANE * (len(self.lanes) + 1)


def draw(events: Sequence[Mapping[str, Any]], findings: Sequence[Finding]) -> Timeline | None:
    """Return the drawing; None while nothing of the call has happened."""
    told = ((datetime.fromisoformat(one["occurred_at"]), one) for one in _of_course(events))
    happened = sorted(told, key=lambda moment: (moment[0], moment[1]["sequence"]))
    if not happened:
        return None
    first, last = happened[0][0], max(happened[-1][0], happened[0][0] + _LEAST)
    scale = WIDTH / (last - first).total_seconds()

    def bar(start: datetime, end: datetime, kind: str, title: str) -> Bar:
        return Bar(
            (start - first).total_seconds() * scale, max(2.0, (end - start).total_seconds() * scale), kind, title
        )

    people = _people(happened, last)
    lanes = [Lane(name, [bar(start, end, "there", f"{name}: {_words(start, end)}") for start, end in stays])
             for name, stays in people.items()]  # fmt: skip
    recorded = _spans(
        happened,
        last,
        "call.recording_started call.recording_resumed",
        "call.recording_paused call.recording_stopped call.ended",
    )
    gaps = [gap for gap in _gaps(recorded, people) if gap[1] - gap[0] >= timedelta(seconds=1)]
    recording = Lane(
        "Recording", [bar(start, end, "recorded", f"recorded {_words(start, end)}") for start, end in recorded]
    )
    recording.bars += [bar(start, end, "gap", f"not recorded {_words(start, end)}") for start, end in gaps]
    return Timeline(
        lanes=[*lanes, recording],
        ticks=list(_ticks(first, last, scale)),
        marks=list(_marks(findings, first, last, scale)),
        began_at=first,
        ended_at=last,
        gaps=[f"{_length(start, end)} from {start:%H:%M:%S}" for start, end in gaps],
    )


def _of_course(events: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    kinds = ("started", "ended", "participant_joined", "participant_left", "recording_started", "recording_paused",
             "recording_resumed", "recording_stopped")  # fmt: skip
    wanted = {f"call.{kind}" for kind in kinds}
    return (one for one in events if one["type"] in wanted)


def _people(
    happened: Sequence[tuple[datetime, Mapping[str, Any]]], last: datetime
) -> dict[str, list[tuple[datetime, datetime]]]:
    """Everybody's stays, by what they are called here: the host, and guests by number."""
    names: dict[str, str] = {}
    since: dict[str, datetime] = {}
    stays: dict[str, list[tuple[datetime, datetime]]] = {}
    for at, one in happened:
        if one["type"] not in ("call.participant_joined", "call.participant_left"):
            continue
        guests = sum(not name.startswith("Host") for name in names.values())
        name = names.setdefault(
            one["participant_ref"],
            "Host" if one.get("is_host") and "Host" not in names.values() else f"Guest {guests + 1}",
        )
        stays.setdefault(name, [])
        if one["type"] == "call.participant_joined":
            since.setdefault(name, at)
        elif name in since:
            stays[name].append((since.pop(name), at))
    for name, at in since.items():
        stays[name].append((at, last))
    return stays


def _spans(
    happened: Sequence[tuple[datetime, Mapping[str, Any]]], last: datetime, opens: str, closes: str
) -> list[tuple[datetime, datetime]]:
    found: list[tuple[datetime, datetime]] = []
    since: datetime | None = None
    for at, one in happened:
        if one["type"] in opens.split():
            since = since or at
        elif one["type"] in closes.split() and since is not None:
            found.append((since, at))
            since = None
    return found if since is None else [*found, (since, last)]


def _gaps(
    recorded: Sequence[tuple[datetime, datetime]], people: Mapping[str, Sequence[tuple[datetime, datetime]]]
) -> Iterator[tuple[datetime, datetime]]:
    """When two or more were there and nothing was recorded."""
    edges = sorted({at for span in (*recorded, *(stay for stays in people.values() for stay in stays)) for at in span})
    open_since: datetime | None = None
    for start, end in pairwise(edges):
        together = sum(any(begin <= start and end <= finish for begin, finish in stays) for stays in people.values())
        is_gap = together > 1 and not any(begin <= start and end <= finish for begin, finish in recorded)
        if is_gap:
            open_since = open_since or start
        elif open_since is not None:
            yield open_since, start
            open_since = None
    if open_since is not None:
        yield open_since, edges[-1]


def _ticks(first: datetime, last: datetime, scale: float) -> Iterator[tuple[float, str]]:
    length = (last - first).total_seconds()
    step = next((one for one in _TICKS_SECONDS if length / one <= _MOST_TICKS), _TICKS_SECONDS[-1])
    for number in range(int(length // step) + 1):
        yield number * step * scale, f"{first + timedelta(seconds=number * step):%H:%M}"


def _marks(findings: Sequence[Finding], first: datetime, last: datetime, scale: float) -> Iterator[Mark]:
    for one in findings:
        at = place_of(one)
        if at is not None and first <= at <= last:
            x = (at - first).total_seconds() * scale
            yield Mark(x, one.data["severity"], f"{at:%H:%M:%S} {one.data['explanation']}", one.id)


def place_of(finding: Finding) -> datetime | None:
    """Return when a finding happened; None for what has no place in a recording."""
    if not finding.is_placed:
        return None
    try:
        return parse_time(finding.data["recording_start"]) + timedelta(seconds=finding.data["start_seconds"])
    except InvalidEvent:
        return None


def _words(start: datetime, end: datetime) -> str:
    return f"{start:%H:%M:%S} to {end:%H:%M:%S} ({_length(start, end)})"


def _length(start: datetime, end: datetime) -> str:
    minutes, seconds = divmod(int((end - start).total_seconds()), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
