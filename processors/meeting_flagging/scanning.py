"""Scan one archived transcript, caption or chat file. Pure: what the runtime's ScanText performer calls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from processors.meeting_flagging.languages import languages_of
from processors.meeting_flagging.learned.detector import Heard, find_learned, hear
from processors.meeting_flagging.learned.model import Model
from processors.meeting_flagging.rules import Finding, Policy
from processors.meeting_flagging.text_rules import find, windows
from schemas.texts.transcripts import Utterance, parse, seconds_covered

SCANNED_KINDS = ("transcript", "captions", "chat")  # of schemas.archive.KINDS


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What a file holds. `seconds` of talk with cues (0 for a chat), `utterances` that could be read at all."""

    findings: list[Finding]
    seconds: float
    utterances: int
    languages: list[str]

    def as_data(self) -> dict[str, Any]:
        """Return it as JSON-able data: the result of a ScanText effect."""
        return asdict(self)


class Talk:
    """What one file says, made ready once for however many policies judge it."""

    def __init__(self, utterances: Sequence[Utterance], file_kind: str) -> None:
        self.utterances = utterances
        self.file_kind = file_kind
        self.windows = windows(utterances)
        self._heard: Heard | None = None

    def heard(self, model: Model) -> Heard:
        """Return what a model says of it; the last one's answer is kept."""
        if self._heard is None or self._heard.model is not model:
            self._heard = hear(self.utterances, model)
        return self._heard


def scan(document: bytes, file_kind: str, policy: Policy) -> ScanResult:
    """Return the findings of the policy's text rules; never raises, whatever the bytes."""
    utterances = parse(document, file_kind)
    return ScanResult(
        findings=detect(Talk(utterances, file_kind), policy),
        seconds=seconds_covered(utterances),
        utterances=len(utterances),
        languages=languages_of(utterances),
    )


def detect(talk: Talk, policy: Policy) -> list[Finding]:
    """Return everything that the policy finds in what was said; the one way in, for scans and for evaluations."""
    channel = "chat" if talk.file_kind == "chat" else "transcript"
    found = find(talk.utterances, talk.windows, policy.text[channel], talk.file_kind)
    learned = policy.learned(channel)
    if policy.model is not None and learned:
        found += find_learned(talk.heard(policy.model), learned, talk.file_kind)
    return sorted(found, key=lambda finding: finding["start_seconds"])
