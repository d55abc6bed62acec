"""The chat breaks in every way that a server can."""

from typing import get_args

from tests.fault_lab.chat_house import Mode
from tests.fault_lab.lab import Lab, Scenario


def unwell(lab: Lab) -> None:
    """Down, slow, 429, 500, and an answer that comes after the client gave up though the message stands there."""
    modes: list[Mode] = [mode for mode in get_args(Mode) if mode != "well"]
    lab.random.shuffle(modes)
    lab.world.chat.shut()
    lab.say("the chat is down")
    lab.wait(lab.seconds / 6)
    for mode in modes:
        lab.world.chat.open()
        lab.world.chat.mode = mode
        lab.say(f"the chat is {mode}")
        lab.wait(lab.seconds / 6)
    for mode in modes:
        lab.expect(lab.world.chat.answers.get(mode, 0) > 0, f"nobody met the chat while it was {mode}")


SCENARIOS = (Scenario(6, "chat-unwell", "chat server down, slow, 429, 500, answering after the time-out", unwell),)
