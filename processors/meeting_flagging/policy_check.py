"""Run every rule's own examples: a policy whose examples fail must not be used."""

from collections.abc import Iterator

from processors.meeting_flagging.learned.detector import find_learned, hear
from processors.meeting_flagging.learned.model import Model
from processors.meeting_flagging.policy_files import text_rules
from processors.meeting_flagging.rules import Policy, PolicyError, Rule
from processors.meeting_flagging.text_rules import find, windows
from schemas.texts.transcripts import Utterance

_SECONDS = 5.0  # of an example's cue; any would do
TURN = " | "  # in an example: now the other one speaks


def check(policy: Policy) -> None:
    """Check that each text rule hits its `match` lines and none of its `no_match` lines, in each of its channels.

    Raises:
        PolicyError: naming the file, line and rule, and which example fails (never its text).
    """
    for failure in failures(policy):
        raise PolicyError(failure)


def failures(policy: Policy) -> Iterator[str]:
    """Say of each example that fails which it is: file, line, rule, the example's number; never its text."""
    for rule in policy.rules:
        for channel in rule.channels:
            yield from _failures(rule, channel, policy.model)


def _failures(rule: Rule, channel: str, model: Model | None) -> Iterator[str]:
    only = text_rules([rule])
    for name, lines, expected in (("match", rule.match, True), ("no_match", rule.no_match, False)):
        for number, line in enumerate(lines, 1):
            said = _said(line)
            asked = find_learned(hear(said, model), {rule.category: rule}, channel) if model and rule.learned else []
            if bool(asked or find(said, windows(said), only, channel)) != expected:
                verb = "misses" if expected else "hits"
                yield f"{rule.place}: it {verb} its {name} line {number} ({channel})"


def _said(line: str) -> list[Utterance]:
    """An example as cues, of two people in turn."""
    turns = line.split(TURN)
    return [
        Utterance("ab"[turn % 2] if turns[1:] else None, turn * _SECONDS, (turn + 1) * _SECONDS, text)
        for turn, text in enumerate(turns)
    ]
