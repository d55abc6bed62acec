"""What reconciliation asks of Zoom: as much of infra.zoom.client.ZoomClient as it needs."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Protocol

from infra.zoom.answers import MeetingRecordings, PastInstance, PastMeeting, WebhookDelivery


class Zoom(Protocol):
    """Zoom's REST. Every method raises TransientError or PermanentError, as the client does."""

    def webhook_log(
        self, app_id: str, start: datetime, end: datetime, *, only_failed: bool = True
    ) -> Iterator[WebhookDelivery]:
        """Yield the tries to deliver of a time within the past seven days."""
        ...

    def past_meeting(self, session_id: str) -> PastMeeting | None:
        """Return a session that has ended; None when it has not, or there is none."""
        ...

    def past_instances(self, meeting_id: str) -> tuple[PastInstance, ...]:
        """Return the sessions of a meeting id that have ended."""
        ...

    def user_recordings(self, user_id: str, first: date, last: date) -> Iterator[MeetingRecordings]:
        """Yield what a user recorded."""
        ...
