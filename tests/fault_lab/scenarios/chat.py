"""The chat breaks in every way that a server can."""

from typing import get_args

from tests.fault_lab.chat_house import Mode
from tests.fault_lab.clock import CLOCK
from tests.fault_lab.lab import Lab, Scenario

MEET_SECONDS = 30.0  # a deadline: what was put off is tried again after 4 s at most


def unwell(lab: Lab) -> None:
    """Down, slow, 429, 500, and an answer that comes after the client gave up though the message stands there."""
    modes: list[Mode] = [mode for mode in get_args(Mode) if mode not in ("well", "slow")]
    lab.random.shuffle(modes)
    modes.append("slow")  # last: alone of all it does what is asked, and leaves the next one nothing to meet
    lab.world.chat.shut()
    lab.say("the chat is down")
    lab.wait(lab.seconds / 6)
    for mode in modes:
        lab.world.chat.open()
        lab.world.chat.mode = mode
        lab.say(f"the chat is {mode}")
        lab.wait(lab.seconds / 6)
        lab.expect(_was_met(lab, mode), f"nobody met the chat while it was {mode}")


def _was_met(lab: Lab, mode: Mode) -> bool:
    """Wait for somebody who meets it so."""
    deadline = CLOCK.monotonic() + MEET_SECONDS
    while not lab.world.chat.answers.get(mode, 0) and CLOCK.monotonic() < deadline:
        lab.wait(0.1)
    return lab.world.chat.answers.get(mode, 0) > 0


SCENARIOS = (Scenario(6, "chat-unwell", "chat server down, slow, 429, 500, answering after the time-out", unwell),)
