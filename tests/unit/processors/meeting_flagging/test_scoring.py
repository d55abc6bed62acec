"""The verdict: which findings flag together and alone."""

from itertools import permutations
from typing import Any

from processors.meeting_flagging.rules import Finding
from processors.meeting_flagging.scoring import FLAG_SCORE, judge, parts


def finding(severity: int, rule: str = "a", **changes: Any) -> Finding:
    return {"rule_id": rule, "severity": severity, "confidence": 1.0, "mode": "live", "flags": "scored", **changes}


def test_nothing_is_no_flag() -> None:
    """Without findings there is neither score nor severity."""
    verdict = judge([])

    assert (verdict.score, verdict.severity, verdict.flagged) == (0.0, None, False)


def test_grave_finding_flags_alone() -> None:
    """Severity 4 is enough; 3 when the finding is right seven times in ten; 2 is not."""
    assert judge([finding(4, confidence=0.1)]).flagged
    assert judge([finding(3, confidence=0.7)]).flagged
    assert not judge([finding(3, confidence=0.69)]).flagged
    assert not judge([finding(2)]).flagged


def test_two_findings_of_severity_3_flag_together() -> None:
    """1 - 0.6 * 0.6; the same rule twice counts the second time at half."""
    assert judge([finding(3, "a"), finding(3, "b")]).score == 0.64
    assert judge([finding(3, "a"), finding(3, "a")]).score == 0.52


def test_severity_1_never_flags() -> None:
    """Notes stay notes, however many rules find one."""
    verdict = judge([finding(1, str(number)) for number in range(40)])

    assert verdict.score > FLAG_SCORE
    assert not verdict.flagged


def test_a_rule_counts_three_times_at_most() -> None:
    """The fourth hit of a rule changes nothing."""
    assert judge([finding(2)] * 3) == judge([finding(2)] * 9)


def test_shadow_counts_for_nothing() -> None:
    """A rule in shadow is tried out on nobody."""
    assert judge([finding(5, mode="shadow", flags="always")]) == judge([])


def test_rule_that_flags_alone() -> None:
    """`flags: always` makes a flag of any finding."""
    assert judge([finding(2, flags="always")]).flagged


def test_order_makes_no_difference() -> None:
    """The same findings give the same score to the last digit."""
    findings = [finding(3, "a", confidence=0.7), finding(2, "a"), finding(2, "b", confidence=0.31), finding(1, "c")]

    assert len({judge(order) for order in permutations(findings)}) == 1


def test_parts_are_each_finding_s_share_of_the_score() -> None:
    """Of one rule the heaviest counts in full, two more at half, the rest nothing; together they make the score."""
    findings = [finding(2), finding(3), finding(2), finding(2), finding(3, "b", confidence=0.5)]
    counted = parts(findings)

    assert counted == [0.1, 0.4, 0.1, 0.0, 0.2]
    assert judge(findings).score == round(1 - 0.9 * 0.6 * 0.9 * 0.8, 4)


def test_priority_is_severity_before_score() -> None:
    """One grave finding comes before many smaller ones; nothing comes last."""
    grave, many = judge([finding(4)]), judge([finding(3, str(number)) for number in range(9)])

    assert many.score > grave.score
    assert grave.priority > many.priority > judge([]).priority == 0.0
