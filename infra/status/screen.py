"""The screen's lines, each with how bad it is: 0 is well, 1 wants a look in the morning, 2 wants one now."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Literal

from infra.clock import Clock
from infra.database.status_queries import StatusQueries
from infra.errors import TransientError
from infra.masking import mask_text
from infra.status.log_side import MOST_COUNTED, dead_letters, last_record, oldest_unread, processors, quarantined
from infra.transport import Transport
from schemas.topics import WEBHOOKS

Level = Literal[0, 1, 2]

_LAG_SECONDS = (60.0, 900.0)  # at 20 events/s a processor catches up with a minute's backlog in seconds
_DUE_SECONDS = 300.0  # effects are begun within a second of being due; what waits longer has no worker
_VALIDATION_SECONDS = 72 * 3600.0  # Zoom validates the URL that often, and disables it when that fails
_ENDED = timedelta(hours=26)  # a recording counts as missing after 24 h; two more to find that out
_LOOK_BACK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Line:
    level: Level
    subject: str
    text: str


def lines(queries: StatusQueries, transport: Transport, clock: Clock) -> Iterator[Line]:
    """Return the lines of log and database. What does not answer is a line of its own, at level 2."""
    yield from _guarded("last event", lambda: _last_event(transport, clock))
    for name in processors():
        yield from _guarded(name, partial(_processor, name, queries, transport, clock))
    yield from _guarded("dead", lambda: _dead(queries, transport))
    yield from _guarded("quarantine", lambda: _quarantine(transport, clock))
    yield from _guarded("archive", lambda: _archive(queries, clock))


def receiver_lines(metrics: Mapping[str, float], clock: Clock) -> Iterator[Line]:
    """Return what the receiver's metrics tell: whether it reaches the log, its spool, Zoom's validations."""
    open_log = metrics.get("webhook_log_available", 1.0) == 1.0
    yield Line(0 if open_log else 2, "receiver", "reaches the log" if open_log else "does not reach the log: it spools")
    if metrics.get("webhook_spool_writable", 1.0) != 1.0:
        yield Line(2, "receiver", "cannot write its spool: an outage of the log would be answered 503")
    now = clock.now().timestamp()
    validated = metrics.get("webhook_url_validated_timestamp_seconds", 0.0)
    since = validated or metrics.get("webhook_started_timestamp_seconds", now)
    overdue = now - since > _VALIDATION_SECONDS
    said = f"{_ago(now - validated)} ago" if validated else "not since the receiver started"
    yield Line(2 if overdue else 0, "url validation", said + (": overdue, Zoom does so every 72 h" if overdue else ""))


def spool_line(count: int, oldest_seconds: float) -> Line:
    """Return what waits in the spool: only an outage fills it."""
    if not count:
        return Line(0, "spool", "empty")
    wait = "record waits" if count == 1 else "records wait"
    return Line(1, "spool", f"{count} {wait} for the log, the oldest for {_ago(oldest_seconds)}")


def _guarded(subject: str, look: Callable[[], Iterator[Line]]) -> Iterator[Line]:
    try:
        yield from list(look())
    except TransientError as error:
        yield Line(2, subject, str(error))


def _last_event(transport: Transport, clock: Clock) -> Iterator[Line]:
    record = last_record(transport, WEBHOOKS.name)
    if record is None:
        yield Line(0, "last event", "none is kept")
        return
    kind = dict(record.headers).get("ce_type", b"unknown").decode(errors="replace")
    yield Line(0, "last event", f"{kind}, {_ago((clock.now() - record.timestamp).total_seconds())} ago")


def _processor(name: str, queries: StatusQueries, transport: Transport, clock: Clock) -> Iterator[Line]:
    braked = queries.brakes().get(name)
    if braked is not None:
        at, reason = braked
        yield Line(2, name, f"stopped since {at:%Y-%m-%d %H:%M} UTC: {mask_text(reason)}")
        yield Line(2, name, f"when it is mended: python -m processors resume {name}")
    unread = oldest_unread(transport, name, queries.read_until(name))
    lag_seconds = 0.0 if unread is None else (clock.now() - unread.timestamp).total_seconds()
    read = "up to date" if unread is None else f"oldest unprocessed event {_ago(lag_seconds)} old"
    found = queries.effects(name, clock.now())
    waited = 0.0 if found.due_since is None else (clock.now() - found.due_since).total_seconds()
    oldest = f" (oldest {_ago(waited)})" if found.due else ""
    effects = f"effects: {found.due} due{oldest}, {found.retrying} to be retried, {found.running} running"
    level: Level = 2 if lag_seconds > _LAG_SECONDS[1] else 0
    if level == 0 and (lag_seconds > _LAG_SECONDS[0] or waited > _DUE_SECONDS):
        level = 1
    yield Line(level, name, f"{read}; {effects}")


def _dead(queries: StatusQueries, transport: Transport) -> Iterator[Line]:
    for topic, count in sorted(dead_letters(transport, queries).items()):
        many = " or more" if count >= MOST_COUNTED else ""
        yield Line(1, "dead", f"{count}{many} record{_plural(count)} of {topic.removesuffix('.dead-letter')}")
    for one in queries.dead_effects():
        yield Line(
            1, "dead", f"{one.count} effect{_plural(one.count)} of {one.processor}, {one.kind}: {mask_text(one.reason)}"
        )


def _quarantine(transport: Transport, clock: Clock) -> Iterator[Line]:
    count = quarantined(transport, clock.now() - timedelta(days=1))
    yield Line(1 if count else 0, "quarantine", f"{count} deliveries in the last 24 h")


def _archive(queries: StatusQueries, clock: Clock) -> Iterator[Line]:
    now = clock.now()
    count = queries.sessions_without_archive(now - _LOOK_BACK, now - _ENDED)
    hours = round(_ENDED.total_seconds() / 3600)
    yield Line(1 if count else 0, "archive", f"{count} sessions ended more than {hours} h ago without a recording")


def _plural(count: int) -> str:
    """What a noun ends with."""
    return "" if count == 1 else "s"


def _ago(seconds: float) -> str:
    for unit, size_seconds in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size_seconds:
            return f"{seconds / size_seconds:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
