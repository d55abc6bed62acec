"""What is known of a meeting: facts only, each under a key of its own, so that doubles and order change nothing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from processors.calls import FORGET_UNREGISTERED_AFTER, Meeting, Session
from schemas.archive import PLAYABLE
from schemas.identity import fact_id


@dataclass(slots=True)
class RecordingChange:
    """Recording started, paused, resumed or stopped. `segment` is the recording_start it names."""

    name: str
    at: datetime
    segment: datetime | None


@dataclass(slots=True)
class KnownFile:
    """A file that Zoom announced or that was archived, and when the first word of that was."""

    kind: str
    at: datetime
    recording_start: str | None


@dataclass(slots=True)
class Removal:
    """A person trashed or deleted recording files; `files` are object keys, none where Zoom names none. `began_at` is
    when the session began, where the event says so."""

    kind: str
    at: datetime
    files: list[str]
    began_at: datetime | None = None


@dataclass(slots=True)
class Scan:
    """What a scan of one file found, under which policy."""

    file_kind: str
    recording_start: str | None
    policy_version: str
    version_id: str
    findings: list[dict[str, Any]]
    seconds: float
    utterances: int
    languages: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SessionFacts:
    """One session. Files by object key, removals by the id of their event; `heard_at` is when it last was spoken of.

    `places`: which capped rules may flag it (daily_caps.py; None: not answered yet). `told_…`, `tellings` and `outage…`:
    what it and its hour told each other (outages.py).
    """

    heard_at: datetime
    changes: dict[str, RecordingChange] = field(default_factory=dict)
    announced: dict[str, KnownFile] = field(default_factory=dict)
    archived: dict[str, KnownFile] = field(default_factory=dict)
    removals: dict[str, Removal] = field(default_factory=dict)
    scans: dict[str, Scan] = field(default_factory=dict)
    missing_at: datetime | None = None
    link_posted_at: datetime | None = None
    live_streaming_at: datetime | None = None
    places: dict[str, bool | None] = field(default_factory=dict)
    told_hour: str | None = None
    told_missing: bool = False
    tellings: int = 0
    outage: bool | None = None
    outage_answer: int = 0

    def has_recording(self) -> bool:
        """Whether anything playable was announced or archived."""
        return any(file.kind in PLAYABLE for file in (*self.announced.values(), *self.archived.values()))

    def is_missing_recording(self) -> bool:
        """Whether a recording was found to be missing and has not come since."""
        return self.missing_at is not None and not self.has_recording()

    def awaits_hour(self) -> bool:
        """Whether its hour has still to say if that is an outage."""
        return self.is_missing_recording() and self.told_hour is not None and self.outage is None


@dataclass(slots=True)
class ReportFact:
    """What one side reports of a call: its first report's time, its last one's reason. Who, and their words, stay there."""

    call_id: str
    reason: str
    second: int | None
    reported_at: datetime
    first_at: datetime | None = None


@dataclass(slots=True)
class Published:
    """What was last said about a flag: enough to say more, or to withdraw it."""

    revision: int
    status: str
    digest: str
    call_id: str | None
    session_id: str | None


@dataclass(slots=True)
class Handover:
    """A removal that names only its session: told to the meeting's state once that is known."""

    session_id: str
    removal: Removal
    told: bool = False


@dataclass(slots=True)
class Day:
    """Which sessions each capped rule may flag on this day."""

    places: dict[str, list[str]] = field(default_factory=dict)


@dataclass(slots=True)
class Hour:
    """The meetings that ended in this hour: by session, the meeting's state where a recording is missing, else None."""

    met: dict[str, str | None] = field(default_factory=dict)
    tellings: dict[str, int] = field(default_factory=dict)
    answers: int = 0
    outage: bool = False


@dataclass(slots=True)
class FlagState:
    """Everything known under one Zoom meeting id, or (`session:<uuid>`) of one session until its meeting is known.

    `day` and `hour` are what the states `day:<date>` and `hour:<UTC hour>` hold, and nothing else.
    """

    meeting_id: str | None = None
    meeting: Meeting = field(default_factory=Meeting)
    sessions: dict[str, SessionFacts] = field(default_factory=dict)
    reports: dict[str, ReportFact] = field(default_factory=dict)
    published: dict[str, Published] = field(default_factory=dict)
    handovers: dict[str, Handover] = field(default_factory=dict)
    shadowed: dict[str, Published] = field(default_factory=dict)
    day: Day | None = None
    hour: Hour | None = None

    def is_waiting(self) -> bool:
        """Whether a day or an hour has still to answer: then it is too early to flag."""
        return any(None in facts.places.values() or facts.awaits_hour() for facts in self.sessions.values())

    def session(self, session_id: str, seen_at: datetime, heard_at: datetime) -> SessionFacts:
        """The facts of a session; it becomes known if it was not."""
        session = self.meeting.sessions.setdefault(session_id, Session(session_id))
        session.seen_at = min(session.seen_at or seen_at, seen_at)
        facts = self.sessions.setdefault(session_id, SessionFacts(heard_at))
        facts.heard_at = max(facts.heard_at, heard_at)
        return facts

    def forget_before(self, now: datetime) -> None:
        """Drop unregistered sessions that nothing can come for any more; a forgotten flag is not a withdrawn one."""
        for session_id, facts in list(self.sessions.items()):
            heard_of = facts.heard_at + FORGET_UNREGISTERED_AFTER > now
            if not heard_of and self.meeting.call_of(self.meeting.sessions[session_id]) is None:
                del self.sessions[session_id], self.meeting.sessions[session_id]
                self.published.pop(flag_id_of(session_id), None)
                self.shadowed.pop(flag_id_of(session_id), None)


def flag_id_of(subject_id: str) -> str:
    """The id of the flag of a call, or of a session that belongs to none."""
    return fact_id("flag", subject_id)


def earlier(known: datetime | None, at: datetime) -> datetime:
    """The earlier of two instants, the first of which may be unknown."""
    return min(known or at, at)


def note_file(files: dict[str, KnownFile], key: str, file: KnownFile) -> None:
    """Note a file; of two words about it the earlier one stands."""
    known = files.get(key)
    if known is None or file.at < known.at:
        files[key] = file


def note_scan(facts: SessionFacts, command: Mapping[str, Any], result: Mapping[str, Any], policy_version: str) -> None:
    """Note a scan's result; of two scans of one file that under the policy in use stands, then the later version."""
    scan = Scan(
        file_kind=command["file_kind"],
        recording_start=command["recording_start"],
        policy_version=command["policy_version"],
        version_id=command["version_id"] or "",
        findings=list(result["findings"]),
        seconds=float(result["seconds"]),
        utterances=int(result["utterances"]),
        languages=list(result.get("languages", [])),
    )

    def rank(one: Scan) -> tuple[bool, str, str]:
        return one.policy_version == policy_version, one.policy_version, one.version_id

    known = facts.scans.get(command["object_key"])
    if known is None or rank(scan) >= rank(known):
        facts.scans[command["object_key"]] = scan
