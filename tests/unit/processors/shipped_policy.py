"""The shipped policy, loaded once for all tests that only ask it something."""

from dataclasses import replace

from processors.meeting_flagging import load_policy

POLICY = load_policy()
RULES_ALONE = replace(POLICY, model=None)  # the model has tests of its own
