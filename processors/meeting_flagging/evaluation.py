"""Measure a policy on labelled lines: ids, counts and shares, each share with its 95 % interval; never a text."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from processors.meeting_flagging.labelled import HATE_LABELS, Labelled
from processors.meeting_flagging.rules import CATEGORIES, Policy
from processors.meeting_flagging.scanning import Talk, detect
from processors.meeting_flagging.scoring import judge
from schemas.texts.transcripts import Utterance

_SECONDS = 5.0  # of a line as a cue; any would do
_Z = 1.959964  # standard deviations around the middle that hold 95 % of a normal distribution
_DIGITS = 4  # of a share: the finest file has some thousand rows


@dataclass(frozen=True, slots=True)
class _Judged:
    """A line and the categories of what was found in it, none where nothing that counts was found.

    `flags`: whether that would flag a call in which nothing else is said.
    """

    line: Labelled
    categories: frozenset[str]
    flags: bool

    @property
    def hit(self) -> bool:
        return bool(self.categories)

    @property
    def right(self) -> bool:
        return self.hit == self.line.violates


def evaluate(lines: Sequence[Labelled], policy: Policy) -> dict[str, Any]:
    """Return precision, recall, specificity, F1 and their parts, as JSON-able data.

    A hit is any live finding. Where lines are labelled hateful or non-hateful, only one that names a protected ground
    is. `flagged` is the share of violating and of innocent lines that would flag a call in which nothing else is said. A
    share of nothing is 0.0 with the interval from 0 to 1.
    """
    grounded = any(line.label in HATE_LABELS for line in lines)
    judged = [_judge(line, policy, grounded=grounded) for line in lines]
    named = [one for one in judged if one.hit and one.line.label in CATEGORIES]
    accurate = [one.line.label in one.categories for one in named]
    return {
        "rows": len(judged),
        "policy_version": policy.version,
        "violation": _violation(judged),
        "category_accuracy": share(sum(accurate), len(accurate)),
        "category_accuracy_95": wilson(sum(accurate), len(accurate)),
        "flagged": _flagged(judged),
        "by_category": _by_category([one for one in judged if one.line.violates]),
        "by_functionality": _by_functionality(judged),
        "misses": [one.line.id for one in judged if one.line.violates and not one.hit],
        "false_hits": [one.line.id for one in judged if one.hit and not one.line.violates],
    }


def share(part: int, whole: int) -> float:
    """Return part of whole, 0.0 of nothing."""
    return round(part / whole, _DIGITS) if whole else 0.0


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927): of nothing, from 0 to 1."""
    if not whole:
        return 0.0, 1.0
    measured, spread = part / whole, _Z**2 / whole
    middle = (measured + spread / 2) / (1 + spread)
    reach = _Z * sqrt(measured * (1 - measured) / whole + spread / (4 * whole)) / (1 + spread)
    return max(0.0, round(middle - reach, _DIGITS)), min(1.0, round(middle + reach, _DIGITS))


def _judge(line: Labelled, policy: Policy, *, grounded: bool) -> _Judged:
    found = detect(Talk([Utterance(None, 0.0, _SECONDS, line.text)], line.channel), policy)
    counted = [one for one in found if one["mode"] == "live" and (one.get("ground") or not grounded)]
    return _Judged(line, frozenset(one["category"] for one in counted), judge(counted).flagged)


def _violation(judged: Sequence[_Judged]) -> dict[str, Any]:
    violating = sum(one.line.violates for one in judged)
    hits = sum(one.hit for one in judged)
    found = sum(one.hit and one.line.violates for one in judged)
    innocent, passed = len(judged) - violating, len(judged) - violating - (hits - found)
    counts = {"precision": (found, hits), "recall": (found, violating), "specificity": (passed, innocent)}
    return {
        **{name: share(*count) for name, count in counts.items()},
        "f1": share(2 * found, hits + violating),
        **{f"{name}_95": wilson(*count) for name, count in counts.items()},
        "violating": violating,
        "innocent": innocent,
        "hits": hits,
    }


def _flagged(judged: Sequence[_Judged]) -> dict[str, float]:
    violating = [one.flags for one in judged if one.line.violates]
    innocent = [one.flags for one in judged if not one.line.violates]
    return {"violating": share(sum(violating), len(violating)), "innocent": share(sum(innocent), len(innocent))}


def _by_category(violating: Sequence[_Judged]) -> dict[str, dict[str, Any]]:
    return {
        label: {"n": len(group), "recall": share(hits, len(group)), "recall_95": wilson(hits, len(group))}
        for label in sorted({one.line.label for one in violating})
        for group in [[one for one in violating if one.line.label == label]]
        for hits in [sum(one.hit for one in group)]
    }


def _by_functionality(judged: Sequence[_Judged]) -> dict[str, dict[str, Any]]:
    return {
        name: {"n": len(group), "right": share(right, len(group)), "right_95": wilson(right, len(group))}
        for name in sorted({one.line.functionality for one in judged if one.line.functionality})
        for group in [[one for one in judged if one.line.functionality == name]]
        for right in [sum(one.right for one in group)]
    }
