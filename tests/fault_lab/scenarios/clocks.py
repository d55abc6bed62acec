"""Clocks jump. What is quarantined for it is brought back by hand, and what was put off ahead of time is done in its time."""

import re

from tests.fault_lab.clock import set_jump
from tests.fault_lab.lab import Lab, Scenario

JUMP_SECONDS = 600.0
PASSING_SECONDS = 10.0  # beyond the jump, so that nothing is due a moment later
_BROUGHT = re.compile(r"^(\d+) brought$", re.MULTILINE)


def jumping(lab: Lab) -> None:
    """All clocks of the product go ten minutes back, right, ten minutes ahead, and right again."""
    clock = lab.world.clock_file
    for jump in (-JUMP_SECONDS, 0.0, JUMP_SECONDS, 0.0):
        lab.wait(lab.seconds * 0.2)
        set_jump(clock, jump)
        lab.say(f"the clocks are {jump:+.0f} s off")


def redriven(lab: Lab) -> None:
    """The operator redrives the quarantine. Ten minutes pass, for what was put off when the clocks were ahead is due then."""
    refused = sum(sent.refused for sent in lab.load.sent)
    lab.expect(refused > 0, "no delivery was refused for its time")
    printed = lab.world.run("-m", "infra", "quarantine", "redrive", "--reason", "outside_window", "--yes")
    brought = _BROUGHT.search(printed)
    lab.expect(brought is not None, f"the quarantine gave nothing back: {printed}")
    set_jump(lab.world.clock_file, JUMP_SECONDS + PASSING_SECONDS)
    lab.virtual_seconds = JUMP_SECONDS
    lab.say(f"{refused} deliveries were answered 401; redriven: {' '.join(printed.split())}")


SCENARIOS = (
    Scenario(14, "clock-jumps", "clock jumps ± 10 min, then redrive of the quarantine", jumping, after=redriven),
)
