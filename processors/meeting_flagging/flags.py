"""From facts to flags: one per call, one per session that belongs to none. The same facts always give the same flags."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from processors.calls import Session
from processors.meeting_flagging.facts import FlagState, Scan, SessionFacts, flag_id_of
from processors.meeting_flagging.rules import CATEGORIES, Finding, Policy
from processors.meeting_flagging.scoring import judge, parts
from processors.meeting_flagging.signals import signals_of
from schemas.identity import fact_id

_PUBLISHED = (
    "rule_id", "rule_version", "category", "ground", "severity", "confidence", "source", "explanation", "session_id", "speaker",
    "speaker_certainty", "recording_start", "start_seconds", "end_seconds", "quote",
    "quote_from", "quote_to", "said_before", "said_after",
)  # fmt: skip  # schemas.events.flags.FindingSchema

_SHADOWED = (
    "rule_id", "rule_version", "category", "ground", "severity", "confidence", "source", "session_id", "recording_start",
    "start_seconds", "end_seconds",
)  # fmt: skip  # schemas.events.flags.ShadowFindingSchema
_LEARNED = ("nearest", "telling")  # of learned findings alone

MAX_FINDINGS = 200  # in one flag, the gravest: more is no more evidence, and the record must fit its topic (2 MiB)


@dataclass(slots=True)
class Subject:
    """What a flag is about: a call with its sessions, or a session by itself."""

    call_id: str | None
    session_id: str | None
    sessions: list[Session] = field(default_factory=list)

    @property
    def flag_id(self) -> str:
        return flag_id_of(self.call_id or self.session_id or "")


@dataclass(frozen=True, slots=True)
class Flag:
    """A flag as it should stand now; `content` is what the event says of it, without revision and policy."""

    flag_id: str
    call_id: str | None
    session_id: str | None
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        return fact_id(self.content)


@dataclass(frozen=True, slots=True)
class _Evidence:
    finding: Finding
    at: datetime


def flags_of(state: FlagState, policy: Policy) -> dict[str, Flag]:
    """Return the flags that should stand, by their id."""
    flags = (_flag(subject, state, policy) for subject in _subjects(state))
    return {flag.flag_id: flag for flag in flags if flag is not None}


def _subjects(state: FlagState) -> list[Subject]:
    """Calls that have a session or a report, and sessions without a call."""
    subjects = {report.call_id: Subject(report.call_id, None) for report in state.reports.values()}
    alone: list[Subject] = []
    for session in state.meeting.sessions.values():
        call = state.meeting.call_of(session)
        if call is None:
            alone.append(Subject(None, session.session_id, [session]))
        else:
            subjects.setdefault(call.call_id, Subject(call.call_id, None)).sessions.append(session)
    return [*subjects.values(), *alone]


def _flag(subject: Subject, state: FlagState, policy: Policy) -> Flag | None:
    evidence = [one for one in _evidence(subject, state, policy) if one.finding["mode"] == "live"]
    verdict = judge(one.finding for one in evidence)
    if not verdict.flagged:
        return None
    scans = [scan for _, facts in _facts(subject, state) for scan in _scans(facts)]
    content = {
        "call_id": subject.call_id,
        "meeting_id": state.meeting_id,
        "session_id": subject.session_id,
        "occurred_at": max(one.at for one in evidence).isoformat(),
        "score": verdict.score,
        "severity": verdict.severity,
        "priority": verdict.priority,
        "findings": _published([one.finding for one in evidence]),
        "coverage": coverage_of(scans),
    }
    return Flag(subject.flag_id, subject.call_id, subject.session_id, content)


def shadows_of(state: FlagState, policy: Policy) -> dict[str, Flag]:
    """Return what is in shadow by the id of the flag it could belong to; no words and no speakers."""
    return {subject.flag_id: _shadow(subject, state, policy) for subject in _subjects(state)}


def _shadow(subject: Subject, state: FlagState, policy: Policy) -> Flag:
    evidence = list(_evidence(subject, state, policy))
    shadowed = [one for one in evidence if one.finding["mode"] == "shadow"]
    would = judge({**one.finding, "mode": "live"} for one in evidence)
    findings = [{name: one.finding[name] for name in _SHADOWED} for one in shadowed]
    held_by = [one.finding.get("held_by", "mode") for one in shadowed]
    listed = [{**finding, "held_by": why} for finding, why in zip(findings, held_by, strict=True)]
    content = {
        "call_id": subject.call_id,
        "meeting_id": state.meeting_id,
        "session_id": subject.session_id,
        "occurred_at": max((one.at for one in shadowed), default=datetime.fromtimestamp(0, UTC)).isoformat(),
        "would_flag": bool(shadowed) and would.flagged,
        "score": would.score if shadowed else 0.0,
        "severity": would.severity if shadowed else None,
        "findings": sorted(listed, key=_order_of_shadow)[:MAX_FINDINGS],
    }
    return Flag(subject.flag_id, subject.call_id, subject.session_id, content)


def _order_of_shadow(finding: Finding) -> tuple[Any, ...]:
    return (-finding["severity"], finding["start_seconds"] or 0.0, *(str(value) for value in finding.values()))


def coverage_of(scans: Sequence[Scan]) -> dict[str, Any]:
    """What was looked at; a file in which nothing could be read is not counted."""
    spoken = [scan for scan in scans if scan.file_kind != "chat" and scan.utterances]
    return {
        "transcript_seconds": round(sum(sorted(scan.seconds for scan in spoken)), 3),
        "languages": _languages(scans),
        "transcripts": len(spoken),
        "chats": sum(1 for scan in scans if scan.file_kind == "chat" and scan.utterances),
    }


def _languages(scans: Sequence[Scan]) -> list[str]:
    """The languages of all texts; those come first that most texts name first."""
    ranks: Counter[str] = Counter()
    for scan in scans:
        for rank, language in enumerate(scan.languages):
            ranks[language] += max(1, 3 - rank)
    return sorted(ranks, key=lambda language: (-ranks[language], language))


def _evidence(subject: Subject, state: FlagState, policy: Policy) -> Iterator[_Evidence]:
    yield from _reports(subject, state, policy)
    for session, facts in _facts(subject, state):
        yield from _metadata(session, facts, policy)
        for scan in _scans(facts):
            yield from _spoken(session, facts, scan)


def _reports(subject: Subject, state: FlagState, policy: Policy) -> Iterator[_Evidence]:
    rule = policy.signal_rule("reported")
    for report in state.reports.values():
        if rule is not None and report.call_id == subject.call_id:
            category = report.reason if report.reason in CATEGORIES else rule.category
            second = None if report.second is None else float(report.second)
            finding = rule.finding("report", category=category, start_seconds=second)
            yield _Evidence(_placed(finding, None, None), report.first_at or report.reported_at)


def _metadata(session: Session, facts: SessionFacts, policy: Policy) -> Iterator[_Evidence]:
    for signal in signals_of(session, facts):
        rule = policy.signal_rule(signal.name)
        waits = signal.name == "recording_missing" and facts.outage is None
        if rule is not None and not waits:
            finding = rule.finding("metadata", start_seconds=signal.start_seconds)
            if signal.name == "recording_missing" and facts.outage:
                finding = _held(finding, "outage")
            segment = None if signal.segment is None else _zoom_time(signal.segment)
            yield _Evidence(_placed(finding, session.session_id, segment), signal.at)


def _spoken(session: Session, facts: SessionFacts, scan: Scan) -> Iterator[_Evidence]:
    """What a scan found. A transcript names its speakers by display name alone, so nobody's role is certain."""
    begins_at = _instant(scan.recording_start) or session.begins_at or datetime.fromtimestamp(0, UTC)
    for finding in scan.findings:
        at = begins_at + timedelta(seconds=finding["start_seconds"] or 0.0)
        held = finding["mode"] == "live" and facts.places.get(finding["rule_id"]) is False
        one = _held(finding, "daily_cap") if held else finding
        yield _Evidence(_placed(one, session.session_id, scan.recording_start), at)


def _held(finding: Finding, held_by: str) -> Finding:
    """A live rule's finding that is in shadow all the same, and why."""
    return {**finding, "mode": "shadow", "held_by": held_by}


def _placed(finding: Finding, session_id: str | None, recording_start: str | None) -> Finding:
    return {**finding, "session_id": session_id, "recording_start": recording_start, "speaker_certainty": "unknown"}


def _facts(subject: Subject, state: FlagState) -> Iterator[tuple[Session, SessionFacts]]:
    for session in subject.sessions:
        yield session, state.sessions[session.session_id]


def _scans(facts: SessionFacts) -> list[Scan]:
    """The scans that count: captions only where there is no transcript of the same talk."""
    transcribed = {
        scan.recording_start for scan in facts.scans.values() if scan.file_kind == "transcript" and scan.utterances
    }
    return [
        scan for scan in facts.scans.values() if scan.file_kind != "captions" or scan.recording_start not in transcribed
    ]


def _published(findings: Sequence[Finding]) -> list[Finding]:
    """What the topic gets, the gravest first, in an order that hangs on content alone."""

    def order(finding: Finding) -> tuple[Any, ...]:
        return (-finding["severity"], finding["start_seconds"] or 0.0, *(str(finding[name]) for name in _PUBLISHED))

    ordered = sorted((_told(finding) for finding in findings), key=order)
    counted = parts(ordered)  # of all: those left out count for the score too
    return [{**one, "score_part": round(part, 4)} for one, part in zip(ordered, counted, strict=True)][:MAX_FINDINGS]


def _told(finding: Finding) -> Finding:
    learned = {name: finding[name] for name in _LEARNED if finding.get(name)}
    return {**{name: finding.get(name) for name in _PUBLISHED}, **learned}


def _zoom_time(instant: datetime) -> str:
    """As Zoom writes a recording_start in its file lists, so that findings of one segment name it alike."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _instant(text: str | None) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return None if instant is None else instant.replace(tzinfo=instant.tzinfo or UTC)
