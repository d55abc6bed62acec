"""Golden flags: the same inputs give the same bytes, today and after every change that is not meant to change them.

`golden/flags.jsonl` holds what a small policy of its own makes of the calls below. To write it anew, after a change that
is meant: `python -m tests.unit.processors.meeting_flagging.test_golden_flags`.
"""

import random
from pathlib import Path

import pytest

from processors.base import Event
from processors.commands import PublishEvent
from processors.meeting_flagging import MeetingFlagging, check, load_policy
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import World, archived, key_of, report, together

GOLDEN = Path(__file__).parent / "golden"
POLICY = load_policy(GOLDEN / "policy")
DOCUMENTS = {
    "t1": b"""WEBVTT

1
00:01:10.000 --> 00:01:14.000
Ida Tern: oh come on, just pay me with

2
00:01:14.500 --> 00:01:17.000
Ida Tern: Venmo, it is cheaper, and then read me the code

3
00:01:20.000 --> 00:01:24.000
Bo Kestrel: sure, four eight two, um, nine one three, or call four one five five five five two six seven one

4
00:01:30.000 --> 00:01:33.000
Bo Kestrel: the users pay me by paypal in the checkout
""",
    "c1": "00:00:05\tBo Kestrel:\tpay me by PayPal 🙂\n00:00:09\tIda Tern:\tno\n".encode(),
}
CALL = [
    call.registered(), *together(), call.segment("started", 5, 5), call.segment("stopped", 300, 5),
    archived(750, "t1", "transcript"), archived(760, "c1", "chat"), report(),
]  # fmt: skip


def said(events: list[Event]) -> list[PublishEvent]:
    documents = {key_of(name): document for name, document in DOCUMENTS.items()}
    return World(MeetingFlagging(POLICY), documents=documents, policy=POLICY).play(*events).of(PublishEvent)


def last_words(events: list[Event]) -> list[str]:
    """What was last said of each flag and shadow, as it is on the topics, without its revision."""
    last = {(one.type, one.partition_key): one.data for one in said(events)}
    return [_without_revision(data) for _, data in sorted(last.items(), key=lambda one: str(one[0]))]


def _without_revision(data: str) -> str:
    head, _, tail = data.partition('"revision":')
    return f'{head}"revision":0{tail[tail.index(",") :]}' if tail else data


def test_the_policy_of_the_golden_flags_holds() -> None:
    """Its examples pass."""
    check(POLICY)


def test_flags_are_byte_for_byte_the_golden_ones() -> None:
    """Every revision on the way, and what is in shadow."""
    golden = (GOLDEN / "flags.jsonl").read_text(encoding="utf-8").splitlines()

    assert [one.data for one in said(CALL)] == golden


@pytest.mark.parametrize("seed", range(8))
def test_the_last_words_are_equal_in_any_order(seed: int) -> None:
    """Shuffled and doubled inputs end in the same bytes."""
    chance = random.Random(seed)
    events = [*CALL, *chance.sample(CALL, 4)]
    chance.shuffle(events)

    assert last_words(events) == last_words(CALL)


if __name__ == "__main__":
    lines = "".join(f"{one.data}\n" for one in said(CALL))
    (GOLDEN / "flags.jsonl").write_text(lines, encoding="utf-8")
