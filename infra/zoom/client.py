"""What we ask Zoom's REST API: one method a question, its rate label beside it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from urllib.parse import urlencode

from infra.clock import Clock
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.account import ZoomAccount
from infra.zoom.answers import (
    Meeting,
    MeetingRecordings,
    PastInstance,
    PastMeeting,
    PastParticipant,
    RecordingSettings,
    WebhookDelivery,
    read_meeting,
    read_past_instance,
    read_past_meeting,
    read_past_participant,
    read_recording_settings,
    read_recordings,
    read_webhook_delivery,
)
from infra.zoom.budget import RateBudget
from infra.zoom.calls import Calls
from infra.zoom.errors import MeetingNotFound, RecordingNotFound
from infra.zoom.http import Pool, ZoomHttp
from infra.zoom.meetings import ZoomMeetings
from infra.zoom.oauth import TokenSource
from infra.zoom.paths import encoded_uuid, quoted
from infra.zoom.windows import month_windows

__all__ = ["MeetingRecordings", "ZoomClient", "encoded_uuid"]

DOWNLOAD_TOKEN_SECONDS = 6 * 3600  # a 10 GiB file at 1 MB/s takes 3 h; Zoom takes 0 to 604 800
ONLY_FAILED, ALL = 2, 1  # `type` of the webhook log


class ZoomClient:
    """Zoom's REST API with server-to-server OAuth. Safe to share between threads, and meant to be: so is its rate budget.

    Every method raises TransientError (Zoom does not answer, or asks us to wait: `retry_after_seconds`) or PermanentError
    (infra.zoom.errors says which refusal; or an answer that we cannot read). One that returns None or yields nothing has
    been told that Zoom has none. `meetings` arranges, `account` tells who hosts and how they are set up.
    """

    def __init__(
        self,
        *,
        client_id: str,
        client_secret: Secret,
        account_id: str,
        api_url: str,
        oauth_url: str,
        hosts: AllowList,
        clock: Clock,
        pool: Pool | None = None,
        budget: RateBudget | None = None,
    ) -> None:
        self._http = ZoomHttp(hosts, clock, pool)
        tokens = TokenSource(
            self._http,
            clock,
            oauth_url=oauth_url,
            client_id=client_id,
            client_secret=client_secret,
            account_id=account_id,
        )
        self._calls = Calls(self._http, tokens, api_url, budget or RateBudget(clock))
        self.meetings = ZoomMeetings(self._calls)
        self.account = ZoomAccount(self._calls)

    def recordings(self, session_id: str) -> MeetingRecordings | None:
        """Return the recording of a session, or None while Zoom has none (never made, deleted, or still in the making)."""
        query = {"include_fields": "download_access_token", "ttl": DOWNLOAD_TOKEN_SECONDS}
        body = self._calls.get(f"/meetings/{encoded_uuid(session_id)}/recordings?{urlencode(query)}", "light")
        return None if body is None else read_recordings(body, session_id)

    def user_recordings(self, user_id: str, first: date, last: date) -> Iterator[MeetingRecordings]:
        """Yield what a user recorded from one day to another, UTC and both included, month by month.

        Files without `completed` are still in the making. There are no download tokens: ask `recordings` of the session.
        Take them within 15 minutes a page, or Zoom forgets where we were.
        """
        for start, end in month_windows(first, last):
            query = {"from": start.isoformat(), "to": end.isoformat()}
            for body in self._calls.pages(f"/users/{quoted(user_id)}/recordings", query, "medium", "meetings"):
                yield read_recordings(body)

    def recording_settings(self, session_id: str) -> RecordingSettings | None:
        """Return how a recording is shared, or None when there is none."""
        body = self._calls.get(f"/meetings/{encoded_uuid(session_id)}/recordings/settings", "light")
        return None if body is None else read_recording_settings(body)

    def close_recording(self, session_id: str) -> bool:
        """Let nobody see a recording by a link of Zoom's, or download it there; False while there is none."""
        path = f"/meetings/{encoded_uuid(session_id)}/recordings/settings"
        try:
            self._calls.send("PATCH", path, "light", {"share_recording": "none", "viewer_download": False})
        except (RecordingNotFound, MeetingNotFound):
            return False
        return True

    def meeting(self, meeting_id: str) -> Meeting | None:
        """Return a meeting that is arranged or going on, or None when there is none or it has expired."""
        body = self._calls.get(f"/meetings/{quoted(meeting_id)}", "light")
        return None if body is None else read_meeting(body)

    def past_meeting(self, session_id: str) -> PastMeeting | None:
        """Return a session of the past year that has ended, or None when it has not or there is none."""
        body = self._calls.get(f"/past_meetings/{encoded_uuid(session_id)}", "light")
        return None if body is None else read_past_meeting(body)

    def past_instances(self, meeting_id: str) -> tuple[PastInstance, ...]:
        """Return the sessions of a meeting id that have ended, of the past 15 months."""
        path = f"/past_meetings/{quoted(meeting_id)}/instances"
        return tuple(map(read_past_instance, self._calls.pages(path, {}, "medium", "meetings")))

    def past_participants(self, session_id: str) -> Iterator[PastParticipant]:
        """Yield every join of a session that has ended; nothing where one person was alone in it."""
        path = f"/past_meetings/{encoded_uuid(session_id)}/participants"
        return map(read_past_participant, self._calls.pages(path, {}, "medium", "participants"))

    def webhook_log(
        self, app_id: str, start: datetime, end: datetime, *, only_failed: bool = True
    ) -> Iterator[WebhookDelivery]:
        """Yield Zoom's deliveries to our app's endpoints, of the past seven days."""
        query = {"from": _instant(start), "to": _instant(end), "type": ONLY_FAILED if only_failed else ALL}
        path = f"/marketplace/apps/{quoted(app_id)}/webhook_logs"
        return map(read_webhook_delivery, self._calls.pages(path, query, "medium", "webhook_logs"))

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
