"""From findings to a verdict: a pure function of their set, whatever their order (trust_safety design 5.2)."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from processors.meeting_flagging.rules import Finding

SEVERITY_WEIGHTS = {1: 0.05, 2: 0.2, 3: 0.4, 4: 0.7, 5: 0.95}
HIT_SHARES = (1.0, 0.5, 0.5)  # of one rule three hits count, the second and third at half
FLAG_SCORE = 0.28  # one finding of severity 3 that is right seven times in ten, or several lesser ones
FLAG_SEVERITY = 4  # from here one finding is enough
_DIGITS = 4  # of a score: finer differences mean nothing


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the live findings amount to. `severity` is the highest; None without findings."""

    score: float
    severity: int | None
    flagged: bool

    @property
    def priority(self) -> float:
        """What to look into first: severity before score; 0.0 without findings."""
        return round((self.severity or 0) + self.score, _DIGITS)


def judge(findings: Iterable[Finding]) -> Verdict:
    """Return the verdict on a call's findings; those in shadow count for nothing.

    It is flagged when a finding is grave enough, when the score is high enough, or when a rule says that it flags
    alone (`flags: always`, as reports do); findings of severity 1 never flag by their score alone.
    """
    live = [finding for finding in findings if finding["mode"] == "live"]
    severity = max((finding["severity"] for finding in live), default=None)
    score = _score(live)
    flagged = severity is not None and (
        severity >= FLAG_SEVERITY
        or (score >= FLAG_SCORE and severity > 1)
        or any(finding["flags"] == "always" for finding in live)
    )
    return Verdict(score, severity, flagged)


def weight(finding: Finding) -> float:
    """How much a finding counts when it is the first of its rule."""
    return float(finding["confidence"]) * SEVERITY_WEIGHTS[finding["severity"]]


def parts(findings: Sequence[Finding]) -> list[float]:
    """How much each finding counts beside the others: of one rule the heaviest in full, two at half, the rest nothing."""
    seen: Counter[str] = Counter()
    counted = [0.0] * len(findings)
    for place in sorted(range(len(findings)), key=lambda place: -weight(findings[place])):
        rank = seen[findings[place]["rule_id"]]
        seen[findings[place]["rule_id"]] += 1
        counted[place] = weight(findings[place]) * HIT_SHARES[rank] if rank < len(HIT_SHARES) else 0.0
    return counted


def _score(findings: Sequence[Finding]) -> float:
    """1 minus the product of what each finding leaves open, multiplied in one order so that the last digit is equal too."""
    remaining = 1.0
    for part in sorted(parts(findings)):
        remaining *= 1 - part
    return round(1 - remaining, _DIGITS)
