"""How good each rule is: what it found, how often analysts confirmed it, how long that took."""

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from statistics import median

from sqlalchemy import Engine, func, select

from infra.database.engine import reading
from infra.database.review_tables import review_decisions, review_verdicts
from infra.database.tables import portal_flags
from schemas.reviews import CLOSING

_Z = 1.959964  # the normal quantile of a 95 % interval


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """One rule: flags that it is in, closed cases that it was in, and what was said of its findings."""

    rule_id: str
    flags: int
    confirmed: int
    dismissed: int
    verdicts: dict[str, int]
    median_time: timedelta | None

    @property
    def decided(self) -> int:
        return self.confirmed + self.dismissed

    @property
    def interval(self) -> tuple[float, float] | None:
        """Between what the confirm rate lies, by Wilson, with 95 % certainty; None when nothing was decided."""
        return wilson(self.confirmed, self.decided) if self.decided else None


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Return the Wilson score interval (Wilson 1927) of a share, 95 %."""
    share, square = hits / tries, _Z * _Z
    middle = (share + square / (2 * tries)) / (1 + square / tries)
    half = _Z / (1 + square / tries) * sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return max(0.0, middle - half), min(1.0, middle + half)


def records(engine: Engine) -> Sequence[RuleRecord]:
    """Return every rule that is in a flag, the most frequent first. Raises TransientError when the database fails."""
    flags = _flags(engine)
    outcomes: dict[str, Counter[str]] = defaultdict(Counter)
    times: dict[str, list[float]] = defaultdict(list)
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    decisions, said = review_decisions.c, review_verdicts.c
    with reading(engine) as connection:
        closing = select(decisions.decision, decisions.decided_at, decisions.flagged_at, decisions.document)
        for row in connection.execute(closing.where(decisions.decision.in_(CLOSING))):
            for rule in {finding["rule_id"] for finding in json.loads(row.document)["findings"]}:
                outcomes[rule][row.decision] += 1
                times[rule].append((row.decided_at - row.flagged_at).total_seconds())
        counted = select(said.rule_id, said.verdict, func.count().label("times")).group_by(said.rule_id, said.verdict)
        for row in connection.execute(counted):
            verdicts[row.rule_id][row.verdict] += row.times
    return [
        RuleRecord(
            rule_id=rule,
            flags=flags[rule],
            confirmed=outcomes[rule]["confirmed"],
            dismissed=outcomes[rule]["dismissed"],
            verdicts=dict(verdicts[rule]),
            median_time=timedelta(seconds=median(times[rule])) if times[rule] else None,
        )
        for rule in sorted(flags.keys() | outcomes.keys(), key=lambda rule: (-flags[rule], rule))
    ]


def _flags(engine: Engine) -> Counter[str]:
    """In how many flags each rule is; counted by the database, for there are many flags and few sets of rules."""
    found: Counter[str] = Counter()
    query = select(portal_flags.c.rules, func.count().label("times")).group_by(portal_flags.c.rules)
    with reading(engine) as connection:
        for row in connection.execute(query):
            for rule in row.rules.split():
                found[rule] += row.times
    return found
