"""What analysts decide about flags, and how long that may take. Pure, standard library alone.

closing decisions   confirmed, dismissed: the case is closed until the flag grows
the others          escalated, more_needed: it stays open
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

DECISIONS = ("confirmed", "dismissed", "escalated", "more_needed")
CLOSING = frozenset({"confirmed", "dismissed"})
REPORT_SOURCE = "report"  # of a finding: a participant's own word
# From a flag until somebody should have decided, by severity; the lowest has no time limit.
TIME_LIMITS: Mapping[int, timedelta] = {
    5: timedelta(hours=1),
    4: timedelta(hours=4),
    3: timedelta(hours=24),
    2: timedelta(hours=72),
}


@dataclass(frozen=True, slots=True)
class Weight:
    """How much one revision of a flag says: a closed case opens again when a later one says more."""

    severity: int
    categories: tuple[str, ...]
    reports: int


def weight_of(flag: Mapping[str, Any]) -> Weight:
    """Return the weight of a `meeting.flagged`."""
    findings = flag["findings"]
    return Weight(
        severity=flag["severity"] or 0,
        categories=tuple(sorted({finding["category"] for finding in findings})),
        reports=sum(finding["source"] == REPORT_SOURCE for finding in findings),
    )


def has_grown(seen: Weight, now: Weight) -> bool:
    """Whether somebody has to look again: a further report, a higher severity or a new category."""
    is_new = bool(set(now.categories) - set(seen.categories))
    return now.reports > seen.reports or now.severity > seen.severity or is_new
