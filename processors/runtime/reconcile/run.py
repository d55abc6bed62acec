"""A whole reconciliation: its steps in their order, each once, with patience for Zoom's limits."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from infra.errors import PermanentError, TransientError
from processors.runtime.reconcile.checkpoints import Checkpoints
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import Findings, Report
from processors.runtime.reconcile.meetings import MEETINGS_A_STEP, reconcile_meetings
from processors.runtime.reconcile.objects import object_windows, reconcile_objects
from processors.runtime.reconcile.recordings import reconcile_recordings
from processors.runtime.reconcile.webhook_log import LOG_DAYS, LOG_MARGIN, log_windows, reconcile_log
from schemas.envelope import format_time

TRIES = 6  # of a step that does not go now
FIRST_WAIT_SECONDS = 2.0  # then twice as long each time: a minute in all
LONGEST_WAIT_SECONDS = 600.0  # what Zoom asks for beyond that is a daily limit: end, and go on after it
NO_CREDENTIALS = "ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and ZOOM_OAUTH_ACCOUNT_ID are not set"
NO_APP = "ZOOM_APP_ID is not set"


@dataclass(frozen=True, slots=True)
class Step:
    """One part that is done or not done. `area` is what it looks at."""

    area: str
    name: str
    work: Callable[[], Findings]


def reconcile(desk: Desk, period: Period, checkpoints: Checkpoints | None) -> Report:
    """Compare what Zoom has with what we have, and bring what is missing; steps that are done are not done again.

    Raises:
        TransientError: something does not answer, or Zoom's daily limit is reached; the same run goes on later.
    """
    if checkpoints is not None:
        period = Period(*checkpoints.begin(period.since, period.until))
    findings = _left_out(desk, period)
    for step in _steps(desk, period, findings):
        if step.area not in findings.unseen:
            findings.add(_done(desk, step, checkpoints))
    if checkpoints is not None:
        checkpoints.clear()
    return Report(format_time(period.since), format_time(period.until), desk.dry_run, findings)


def _steps(desk: Desk, period: Period, findings: Findings) -> Iterator[Step]:
    """Each step after the one before is done: what the meetings tell of hosts, the recordings need."""
    if desk.zoom is not None and desk.app_id is not None:
        for window in log_windows(period, _log_of_zoom(desk)):
            work = _later(reconcile_log, desk, desk.app_id, window)
            yield Step("webhook log", f"webhook log from {format_time(window.since)}", work)
    keys = desk.database.meeting_keys()
    for start in range(0, len(keys), MEETINGS_A_STEP):
        some = keys[start : start + MEETINGS_A_STEP]
        yield Step("past meetings", f"past meetings from {some[0]}", _later(reconcile_meetings, desk, some, period))
    if desk.zoom is not None:
        for user in dict.fromkeys((*desk.host_users, *findings.hosts)):
            yield Step("recordings", f"recordings of {user}", _later(reconcile_recordings, desk, user, period))
    for window in object_windows(period):
        name = f"objects from {format_time(window.since)}"
        yield Step("objects", name, _later(reconcile_objects, desk, window))


def _later(work: Callable[..., Findings], *arguments: object) -> Callable[[], Findings]:
    return lambda: work(*arguments)


def _done(desk: Desk, step: Step, checkpoints: Checkpoints | None) -> Findings:
    known = None if checkpoints is None else checkpoints.done(step.name)
    if known is not None:
        desk.say(f"{step.name}: done before")
        return known
    try:
        found = _patiently(desk, step)
    except PermanentError as error:
        desk.say(f"{step.name}: {error}")
        return Findings(unseen={step.area: str(error)})
    if checkpoints is not None:
        checkpoints.finish(step.name, found)
    desk.say(f"{step.name}: done")
    return found


def _patiently(desk: Desk, step: Step) -> Findings:
    for number in range(TRIES):
        brought = set(desk.brought)
        try:
            return step.work()
        except TransientError as error:
            desk.brought = brought  # the next try counts them again, and produces none of them twice
            wait = error.retry_after_seconds or FIRST_WAIT_SECONDS * 2**number
            if number == TRIES - 1 or wait > LONGEST_WAIT_SECONDS:
                raise
            desk.say(f"{step.name}: {error}; again in {wait:.0f} s")
            desk.clock.sleep(wait)
    raise TransientError(f"{step.name} does not go")  # not reached: the last try returns or raises


def _log_of_zoom(desk: Desk) -> Period:
    """What Zoom's log has now."""
    now = desk.clock.now().replace(microsecond=0) + timedelta(seconds=1)
    return Period(now - timedelta(days=LOG_DAYS) + LOG_MARGIN, now)


def _left_out(desk: Desk, period: Period) -> Findings:
    found = Findings()
    if desk.zoom is None:
        found.left_out |= dict.fromkeys(("webhook log", "past meetings", "recordings"), NO_CREDENTIALS)
    elif desk.app_id is None:
        found.left_out["webhook log"] = NO_APP
    elif period.since < _log_of_zoom(desk).since:
        found.left_out[f"webhook log before {format_time(_log_of_zoom(desk).since)}"] = "Zoom keeps it for 7 days"
    return found
