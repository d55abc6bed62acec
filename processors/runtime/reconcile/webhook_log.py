"""Zoom's own log of deliveries: what it tried to tell us and we do not have comes in as if delivered now, the same id."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from infra.errors import PermanentError
from infra.zoom.answers import WebhookDelivery
from processors.runtime.reconcile.desk import Desk, Period
from processors.runtime.reconcile.findings import Findings
from processors.runtime.reconcile.known import topic_ids
from schemas.archive import object_key
from schemas.envelope import Envelope
from schemas.errors import InvalidEvent
from schemas.identity import URL_VALIDATION
from schemas.reconciled import ORIGIN
from schemas.webhooks import TYPE_PREFIX, Delivery, UnusableBody, parse_body, webhook_envelope
from schemas.zoom import load_event

LOG_DAYS = 7  # how far back Zoom's log goes (FACTS 1.4)
LOG_MARGIN = timedelta(minutes=5)  # a run takes time, and clocks differ: the oldest minutes would be refused
WINDOW = timedelta(days=1)  # one step; its ids are held in memory
_NOT_OURS = "foreign_account"


def log_windows(period: Period, now_period: Period) -> Iterator[Period]:
    """Yield the steps of a period: days, as far as Zoom's log (`now_period`) has them."""
    start, end = max(period.since, now_period.since), min(period.until, now_period.until)
    while start < end:
        yield Period(start, min(start + WINDOW, end))
        start += WINDOW


def reconcile_log(desk: Desk, app_id: str, window: Period) -> Findings:
    """Bring what Zoom tried to deliver in this time and the log does not have.

    Raises:
        TransientError: Zoom, the log or the database does not answer.
        PermanentError: Zoom refuses to show its log.
    """
    if desk.zoom is None:
        return Findings()
    known = topic_ids(desk.transport, window.since, window.until)
    lost, unusable, deliveries = Counter[str](), dict[str, str](), 0
    for delivery in desk.zoom.webhook_log(app_id, window.since, window.until, only_failed=False):
        deliveries += 1
        if delivery.event == URL_VALIDATION:
            continue
        try:
            envelope = _envelope(desk, delivery)
            if envelope.id not in known and desk.bring(envelope):
                lost[envelope.type.removeprefix(TYPE_PREFIX)] += 1
                _note_brought(desk, envelope)
        except UnusableBody as error:
            if error.reason != _NOT_OURS:
                unusable[delivery.request_id or delivery.body] = error.reason
        except PermanentError:
            unusable[delivery.request_id or delivery.body] = "refused_by_log"
    return Findings(deliveries=deliveries, lost=dict(lost), unusable=dict(Counter(unusable.values())))


def _envelope(desk: Desk, delivery: WebhookDelivery) -> Envelope:
    body = delivery.body.encode(errors="surrogatepass")
    genuine = Delivery(body, None, delivery.request_id, None, origin=ORIGIN)
    return webhook_envelope(parse_body(body), genuine, desk.account_ids)


def _note_brought(desk: Desk, envelope: Envelope) -> None:
    try:
        zoom = load_event(parse_body(envelope.data))
    except InvalidEvent:
        return  # a processor will say so: it goes to its dead letters
    session_id = zoom.session_id or ""
    desk.brought_news.add((session_id, zoom.name))
    desk.brought_files |= {
        object_key(session_id, file.file_id, file.recording_start, file.file_type) for file in zoom.files
    }
