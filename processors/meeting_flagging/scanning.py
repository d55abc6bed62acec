"""Scan one archived transcript, caption or chat file. Pure: what the runtime's ScanText performer calls."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from processors.meeting_flagging.languages import languages_of
from processors.meeting_flagging.learned.detector import find_learned
from processors.meeting_flagging.rules import Finding, Policy
from processors.meeting_flagging.text_rules import find
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


def scan(document: bytes, file_kind: str, policy: Policy) -> ScanResult:
    """Return the findings of the policy's text rules; never raises, whatever the bytes."""
    utterances = parse(document, file_kind)
    return ScanResult(
        findings=detect(utterances, file_kind, policy),
        seconds=seconds_covered(utterances),
        utterances=len(utterances),
        languages=languages_of(utterances),
    )


def detect(utterances: Sequence[Utterance], file_kind: str, policy: Policy) -> list[Finding]:
    """Return everything that the policy finds in what was said; the one way in, for scans and for evaluations."""
    channel = "chat" if file_kind == "chat" else "transcript"
    found = find(utterances, policy.text[channel], file_kind)
    learned = policy.learned(channel)
    if policy.model is not None and learned:
        found += find_learned(utterances, policy.model, learned, file_kind)
    return sorted(found, key=lambda finding: finding["start_seconds"])
