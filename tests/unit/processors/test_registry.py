"""The registry: what processors are told when they are made reaches what they decide."""

from datetime import timedelta

import pytest

from processors.commands import PutChatMessage, WakeAt
from processors.registry import PROCESSORS, Options
from tests.unit.processors import zoom_call
from tests.unit.processors.shipped_policy import POLICY
from tests.unit.processors.zoom_call import Stage

OPTIONS = Options(
    call_page_url="https://marketplace.example/our-calls/{call_id}",
    call_policies_url="https://marketplace.example/our-policies",
    no_recording_grace=timedelta(minutes=7),
    policy=POLICY,
)


@pytest.mark.parametrize("name", sorted(PROCESSORS))
def test_every_make_is_a_new_processor(name: str) -> None:
    """Nothing is shared between two of them."""
    assert PROCESSORS[name](OPTIONS) is not PROCESSORS[name](OPTIONS)


def test_the_invitation_leads_to_our_pages() -> None:
    """The policies by joining, the call's page once there is something to watch."""
    stage = Stage(PROCESSORS["chat_invitation"](OPTIONS))
    stage.hear(zoom_call.registered(), zoom_call.started(0), zoom_call.ended(600))
    stage.hear(zoom_call.completed(650, zoom_call.file("f", "MP4")), zoom_call.archived(700, "f"))

    texts = [command.text for command in stage.of(PutChatMessage)]

    assert OPTIONS.call_policies_url in texts[0]
    assert "https://marketplace.example/our-calls/call-1" in texts[-1]


def test_a_recording_is_missed_after_the_grace() -> None:
    """The delay is a setting, so that a demo takes seconds."""
    stage = Stage(PROCESSORS["call_events"](OPTIONS))
    stage.hear(zoom_call.registered(), zoom_call.started(0), zoom_call.ended(600))

    wakes = [command.at for command in stage.of(WakeAt)]

    assert zoom_call.at(600) + OPTIONS.no_recording_grace in wakes
