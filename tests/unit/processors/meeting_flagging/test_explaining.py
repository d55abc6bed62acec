"""Why a flag stands: each part, what flags by itself, which policy; never a quote."""

from typing import Any

from processors.meeting_flagging.explaining import explain
from tests.unit.processors.shipped_policy import POLICY

RULES = {rule.id: rule for rule in POLICY.rules}


def finding(rule_id: str, **changes: Any) -> dict[str, Any]:
    placed = {"start_seconds": 61.5, "end_seconds": 64.0, "quote": "do not tell", "speaker": "nor who"}
    return {**RULES[rule_id].finding("transcript", **placed), **changes}


def flag(*findings: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "flag_id": "f-1",
        "revision": 2,
        "status": "flagged",
        "call_id": "call-1",
        "session_id": None,
        "score": 0.6,
        "severity": 3,
        "policy_version": POLICY.version,
        "findings": list(findings),
        "coverage": {"transcript_seconds": 90.0, "languages": ["en", "de"], "transcripts": 1, "chats": 0},
        **changes,
    }


def test_parts_are_told_the_heaviest_first() -> None:
    """Severity's weight, confidence and share of each hit: a rule's second hit counts half."""
    lines = explain(flag(finding("off_platform.leave"), finding("off_platform.leave", confidence=0.5)), POLICY)

    parts = [line for line in lines if line.startswith("  part")]
    assert parts[0].startswith("  part 0.3400 = severity 3 (0.4) x confidence 0.85 x share 1.0  off_platform.leave")
    assert parts[1].startswith("  part 0.1000 = severity 3 (0.4) x confidence 0.5 x share 0.5")
    assert parts[0].endswith("transcript 00:01:01.500 to 00:01:04.000")
    assert lines[-1] == "looked at: 1.5 minutes of talk in 1 transcripts, 0 chats; languages: en, de"
    assert not any("do not tell" in line or "nor who" in line for line in lines)


def test_learned_finding_names_what_it_is_like() -> None:
    """The labelled lines that it lies nearest to, and none of the words that told."""
    learned = finding("model.off_platform", nearest=["a-0001", "b-0002"], telling=["secret words"])

    lines = explain(flag(learned), POLICY)

    assert "    like the labelled lines a-0001, b-0002" in lines
    assert "secret words" not in str(lines)


def test_reasons_are_told() -> None:
    """The score, a grave finding, and a rule that flags by itself."""
    told = explain(flag(finding("metadata.recording_missing", start_seconds=None), severity=4), POLICY)

    assert [line for line in told if line.startswith("it stands")] == [
        "it stands because: a finding of severity 4 or more is enough",
        "it stands because: the score reaches 0.28",
        "it stands because: metadata.recording_missing flags by itself (flags: always)",
    ]


def test_other_policy_is_told() -> None:
    """The policy that judged, and which rules differ from those at hand."""
    told = explain(flag(finding("off_platform.leave", rule_version="old"), policy_version="before"), POLICY)

    assert f"policy before; the one at hand is {POLICY.version}" in told
    assert "  off_platform.leave is another version in the policy at hand" in told


def test_withdrawn_flag_is_one_line() -> None:
    """There is nothing to explain."""
    assert len(explain(flag(status="withdrawn", severity=None, score=0.0), POLICY)) == 1
