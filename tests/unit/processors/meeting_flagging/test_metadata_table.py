"""The metadata rules over events in order, doubled, reordered and late: the same table of outcomes each time."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from processors.base import Event
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import archived, batch, removed, together, world
from tests.unit.processors.zoom_call import HOST, SESSION, at

VIDEO, AUDIO = call.file("f1", "MP4"), call.file("f2", "M4A")
GUEST = [call.joined(100, "103", "guest"), call.left(200, "103", "guest")]
NO_SHOW = [call.started(0), call.joined(2, "101", HOST), call.left(900, "101", HOST), call.ended(905)]
DROP = [call.left(300, "102", "client"), call.joined(330, "1027", "client"), call.left(590, "1027", "client")]

TABLE: dict[str, tuple[list[Event], list[str]]] = {
    "a call with its recording": ([*together(), call.completed(700, VIDEO)], []),
    "no recording": ([*together(), call.missing(90_000)], ["recording_missing"]),
    "a recording that came after all": ([*together(), call.missing(90_000), call.completed(95_000, VIDEO)], []),
    "a no-show": ([*NO_SHOW], []),
    "a guest": ([*together(), *GUEST, call.completed(700, VIDEO)], []),
    "a guest who drops in, and a stop after everybody left": (
        [*together(), *GUEST, call.segment("started", 5, 5), call.segment("stopped", 599, 5)],
        [],
    ),
    "a dropped line": ([*together(), *DROP, call.completed(700, VIDEO)], []),
    "a stop while one person is away": (
        [call.started(0), call.joined(2, "101", HOST), call.joined(5, "102", "client"), call.left(300, "102", "client"),
         call.segment("started", 5, 5), call.segment("stopped", 310, 5), call.left(900, "101", HOST), call.ended(905)],
        [],
    ),
    "a stop with two people still there": (
        [*together(), call.segment("started", 5, 5), call.segment("stopped", 300, 5)], ["recording_stopped"],
    ),
    "a stop that was started again": (
        [*together(), call.segment("started", 5, 5), call.segment("stopped", 300, 5), call.segment("started", 340, 340)], [],
    ),
    "a pause of more than a minute": (
        [*together(), call.segment("started", 5, 5), call.segment("paused", 200, 5), call.segment("resumed", 270, 5),
         call.segment("stopped", 598, 5)],
        ["recording_paused"],
    ),
    "a pause of less than a minute": (
        [*together(), call.segment("started", 5, 5), call.segment("paused", 200, 5), call.segment("resumed", 250, 5),
         call.segment("stopped", 598, 5)],
        [],
    ),
    "trashed before it was archived": (
        [*together(), call.completed(700, VIDEO), removed("trashed", 800, VIDEO)], ["recording_trashed"],
    ),
    "deleted when half of it was archived": (
        [*together(), call.completed(700, VIDEO, AUDIO), archived(750, "f1"), removed("deleted", 800, VIDEO, AUDIO)],
        ["recording_deleted"],
    ),
    "deleted after it was archived": (
        [*together(), call.completed(700, VIDEO), archived(750, "f1"), removed("deleted", 800, VIDEO)], [],
    ),
    "deleted by Zoom itself": (
        [*together(), call.completed(700, VIDEO), removed("deleted", 800, VIDEO, operator="Auto delete")], [],
    ),
    "trashed by a batch": (
        [*together(), call.completed(700, VIDEO), batch("trashed", 800, meeting_uuids=[SESSION])], ["recording_trashed"],
    ),
    "a link posted publicly": ([*together(), call.webhook("meeting.risk_alert", 60)], ["link_posted"]),
    "streamed live": ([*together(), call.webhook("meeting.live_streaming_started", 60)], ["live_streaming"]),
}  # fmt: skip


def in_order(events: list[Event]) -> list[Event]:
    return events


def doubled(events: list[Event]) -> list[Event]:
    return [event for one in events for event in (one, one)]


def reversed_(events: list[Event]) -> list[Event]:
    return events[::-1]


def shuffled(events: list[Event]) -> list[Event]:
    return random.Random(7).sample(events, len(events))


def late(events: list[Event]) -> list[Event]:
    """The first ones come last, a day later, as after an outage of ours."""
    half = len(events) // 2
    return [*events[half:], *(replace(event, recorded_at=at(100_000)) for event in events[:half])]


@pytest.mark.parametrize("arrival", [in_order, doubled, reversed_, shuffled, late])
@pytest.mark.parametrize("name", TABLE)
def test_metadata_rules(name: str, arrival: Callable[[list[Event]], list[Event]]) -> None:
    """What stands at last is what the facts say, however they came."""
    events, rules = TABLE[name]

    stage = world().play(*arrival(events))

    assert stage.rules() == [f"metadata.{rule}" for rule in rules]
