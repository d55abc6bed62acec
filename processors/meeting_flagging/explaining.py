"""Say why a flag stands: part by part of its score, what flags by itself, and under which policy. Without quotes."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from processors.meeting_flagging.facts import FlagState
from processors.meeting_flagging.file_report import clock_time
from processors.meeting_flagging.flags import flags_of
from processors.meeting_flagging.rules import Finding, Policy, Rule
from processors.meeting_flagging.scoring import FLAG_SCORE, FLAG_SEVERITY, SEVERITY_WEIGHTS, parts, weight


def explain(flag: Mapping[str, Any], policy: Policy) -> list[str]:
    """Return the lines that explain a `meeting.flagged` event's data, which fits its schema."""
    findings: list[Finding] = list(flag["findings"])
    subject = f"call {flag['call_id']}" if flag["call_id"] else f"session {flag['session_id']}"
    if flag["status"] == "withdrawn" or not findings:
        return [f"flag {flag['flag_id']} of {subject}: withdrawn, nothing is left of it"]
    return [
        f"flag {flag['flag_id']} revision {flag['revision']} of {subject}: severity {flag['severity']}, score {flag['score']:.4f}",
        *_reasons(flag, findings, policy),
        "the score is 1 minus the product of (1 - part):",
        *_parts(findings),
        *_policy(flag, findings, policy),
        _coverage(flag["coverage"]),
    ]


def flag_in(state: FlagState, flag_id: str, policy: Policy) -> dict[str, Any] | None:
    """Return a flag as the state and this policy make it now, like the data of its event; None if it was never raised."""
    known = state.published.get(flag_id)
    if known is None:
        return None
    flag = flags_of(state, policy).get(flag_id)
    return {
        "call_id": known.call_id,
        "session_id": known.session_id,
        "findings": [],
        **(flag.content if flag else {}),
        "status": "flagged" if flag else "withdrawn",
        "flag_id": flag_id,
        "revision": known.revision,
        "policy_version": policy.version,
    }


def _reasons(flag: Mapping[str, Any], findings: Sequence[Finding], policy: Policy) -> Iterator[str]:
    rules = {rule.id: rule for rule in policy.rules}
    alone = sorted({one["rule_id"] for one in findings if _flags_alone(rules.get(one["rule_id"]))})
    if flag["severity"] >= FLAG_SEVERITY:
        yield f"it stands because: a finding of severity {FLAG_SEVERITY} or more is enough"
    if flag["score"] >= FLAG_SCORE and flag["severity"] > 1:
        yield f"it stands because: the score reaches {FLAG_SCORE}"
    if alone:
        yield f"it stands because: {', '.join(alone)} flags by itself (flags: always)"


def _flags_alone(rule: Rule | None) -> bool:
    return rule is not None and rule.flags == "always"


def _parts(findings: Sequence[Finding]) -> Iterator[str]:
    counted = parts(findings)
    for place in sorted(range(len(findings)), key=lambda place: -counted[place]):
        finding, part = findings[place], counted[place]
        share = part / weight(finding) if weight(finding) else 0.0
        yield (
            f"  part {part:.4f} = severity {finding['severity']} ({SEVERITY_WEIGHTS[finding['severity']]})"
            f" x confidence {finding['confidence']} x share {share:.1f}"
            f"  {finding['rule_id']}  {finding['category']}  {_place(finding)}"
        )
        if finding.get("nearest"):
            yield f"    like the labelled lines {', '.join(finding['nearest'])}"


def _place(finding: Finding) -> str:
    if finding["start_seconds"] is None:
        return str(finding["source"])
    span = clock_time(finding["start_seconds"])
    if finding["end_seconds"] is not None:
        span += f" to {clock_time(finding['end_seconds'])}"
    return f"{finding['source']} {span}"


def _policy(flag: Mapping[str, Any], findings: Sequence[Finding], policy: Policy) -> Iterator[str]:
    versions = {rule.id: rule.version for rule in policy.rules}
    changed = {one["rule_id"] for one in findings if versions.get(one["rule_id"]) != one["rule_version"]}
    if flag["policy_version"] == policy.version:
        yield f"policy {policy.version}, the one at hand"
    else:
        yield f"policy {flag['policy_version']}; the one at hand is {policy.version}"
    for rule_id in sorted(changed):
        yield f"  {rule_id} is {'another version' if rule_id in versions else 'not'} in the policy at hand"


def _coverage(coverage: Mapping[str, Any]) -> str:
    return (
        f"looked at: {coverage['transcript_seconds'] / 60:.1f} minutes of talk in {coverage['transcripts']} transcripts,"
        f" {coverage['chats']} chats; languages: {', '.join(coverage['languages']) or 'not known'}"
    )
