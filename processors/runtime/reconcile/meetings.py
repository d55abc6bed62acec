"""Past meetings: sessions that Zoom never ended for us, and those of registered calls that nobody told of at all."""

from collections.abc import Sequence
from datetime import timedelta

from infra.zoom.answers import PastMeeting
from infra.zoom.errors import MeetingNotFound, RequestInvalid, ScopeMissing, TooLongAgo
from processors.call_events import CallEventsState
from processors.calls import Session
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import Findings
from processors.runtime.reconcile.known import open_calls
from processors.runtime.reconcile.port import Zoom
from schemas.calls import Registration
from schemas.reconciled import ReconciledMeeting, reconciled_envelope

LONGEST_MEETING = timedelta(hours=30)  # Zoom ends every meeting then (support: "Meeting time limits")
MEETINGS_A_STEP = 100
_UNHEARD = "sessions nobody told of"


def reconcile_meetings(desk: Desk, keys: Sequence[str], period: Period) -> Findings:
    """Ask Zoom about sessions without an end or a start, and about sessions of calls that we do not know.

    Raises:
        TransientError: Zoom, the log or the database does not answer.
        PermanentError: Zoom refuses to tell.
    """
    findings = Findings()
    for state in desk.database.meetings(keys):
        for session in state.meeting.sessions.values():
            if _is_doubtful(session, period) and not _was_brought(desk, session):
                _settle(desk, state, session, findings)
        if _UNHEARD not in findings.unseen:
            _discover_all(desk, state, period, findings)
        findings.hosts += [host for host in _hosts(state, period) if host not in findings.hosts]
    return findings


def _is_doubtful(session: Session, period: Period) -> bool:
    """Whether something is missing of it: its end, however long ago it began, or its start."""
    begins_at = session.begins_at
    if begins_at is None or begins_at >= period.until:
        return False
    return session.is_open or session.ended_at is None or (session.started_at is None and begins_at >= period.since)


def _was_brought(desk: Desk, session: Session) -> bool:
    """Whether Zoom's log had what is missing: then the processors hear of it now."""
    is_open = session.is_open or session.ended_at is None
    return (session.session_id, "meeting.ended" if is_open else "meeting.started") in desk.brought_news


def _settle(desk: Desk, state: CallEventsState, session: Session, findings: Findings) -> None:
    past = None if desk.zoom is None else _past(desk.zoom, session.session_id)
    call = state.meeting.call_of(session)
    account_id = session.account_id or (call.account_id if call else None)
    if past is not None and past.end_at is not None and _told(desk, past, account_id):
        findings.closed.append(session.session_id)
        return
    began_at = session.opened_at or session.begins_at
    is_open = session.is_open or session.ended_at is None
    if is_open and began_at is not None and began_at + LONGEST_MEETING < desk.clock.now():
        findings.never_ended.append(session.session_id)


def _discover_all(desk: Desk, state: CallEventsState, period: Period, findings: Findings) -> None:
    """Infer what nobody told of; the rest goes on without the scope for it, which not every plan offers."""
    brought = {session_id for session_id, _ in desk.brought_news}
    try:
        for session_id in _unknown_sessions(desk.zoom, state, period) - brought:
            _discover(desk, state, session_id, findings)
    except ScopeMissing as error:
        findings.unseen[_UNHEARD] = str(error)


def _unknown_sessions(zoom: Zoom | None, state: CallEventsState, period: Period) -> set[str]:
    """The sessions of the meeting's registered calls that Zoom has and we have not."""
    calls = open_calls(state.meeting, period.since, period.until)
    if zoom is None or state.meeting_id is None or not calls:
        return set()
    try:
        instances = zoom.past_instances(state.meeting_id)
    except (MeetingNotFound, TooLongAgo, RequestInvalid):
        return set()  # nobody ever joined, or Zoom has forgotten it
    in_time = {one.session_id for one in instances if one.start_at and period.since <= one.start_at < period.until}
    return in_time - state.meeting.sessions.keys()


def _discover(desk: Desk, state: CallEventsState, session_id: str, findings: Findings) -> None:
    past = None if desk.zoom is None else _past(desk.zoom, session_id)
    call: Registration = next(iter(state.meeting.registrations.values()))
    if past is not None and past.end_at is not None and _told(desk, past, call.account_id):
        findings.discovered.append(session_id)
        findings.hosts += [past.host_id] if past.host_id else []


def _past(zoom: Zoom, session_id: str) -> PastMeeting | None:
    try:
        return zoom.past_meeting(session_id)
    except (MeetingNotFound, TooLongAgo, RequestInvalid):
        return None  # it goes on, or Zoom has forgotten it


def _told(desk: Desk, past: PastMeeting, account_id: str | None) -> bool:
    if past.end_at is None:
        return False
    fact = ReconciledMeeting(
        account_id=account_id,
        meeting_id=past.meeting_id,
        session_id=past.session_id,
        host_id=past.host_id,
        started_at=past.start_at,
        ended_at=past.end_at,
    )
    return desk.bring(reconciled_envelope(fact))


def _hosts(state: CallEventsState, period: Period) -> list[str]:
    """Who hosted the meeting's sessions of this time."""
    sessions = state.meeting.sessions.values()
    return [one.host_id for one in sessions if one.host_id and one.begins_at and one.begins_at >= period.since]
