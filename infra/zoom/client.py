"""What we ask Zoom's REST API."""

from dataclasses import dataclass
from urllib.parse import quote

from infra.clock import Clock
from infra.errors import PermanentError
from infra.hosts import AllowList
from infra.secret import Secret
from infra.zoom.http import Answer, Pool, ZoomHttp
from infra.zoom.oauth import TokenSource
from schemas.errors import InvalidEvent
from schemas.zoom import RecordingFile, load_event

INVALID_TOKEN = 124  # Zoom's error code: the access token is wrong, expired or voided by a newer one
NO_RECORDING = frozenset({3001, 3301})  # meeting does not exist; no recording, or still being processed
DOWNLOAD_TOKEN_SECONDS = 6 * 3600  # a 10 GiB file at 1 MB/s takes 3 h; Zoom takes 0 to 604 800


@dataclass(frozen=True, slots=True)
class MeetingRecordings:
    """A session's recording files. Their URLs go with `download_access_token` and with no other token."""

    session_id: str
    meeting_id: str | None
    files: tuple[RecordingFile, ...]
    download_access_token: Secret | None


class ZoomClient:
    """Zoom's REST API with server-to-server OAuth. Safe to share between threads."""

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
    ) -> None:
        self._http = ZoomHttp(hosts, clock, pool)
        self._tokens = TokenSource(
            self._http,
            clock,
            oauth_url=oauth_url,
            client_id=client_id,
            client_secret=client_secret,
            account_id=account_id,
        )
        self._api_url = api_url.rstrip("/")

    def recordings(self, session_id: str) -> MeetingRecordings | None:
        """Return the recording of a session, or None while Zoom has none (never made, deleted, or still in the making).

        Raises:
            TransientError: Zoom does not answer, or asks us to wait (`retry_after_seconds`).
            PermanentError: Zoom refuses us, or answers what we cannot read.
        """
        query = f"include_fields=download_access_token&ttl={DOWNLOAD_TOKEN_SECONDS}"
        answer = self._get(f"/meetings/{encoded_uuid(session_id)}/recordings?{query}")
        return None if answer is None else _recordings(session_id, answer)

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

    def _get(self, path: str) -> Answer | None:
        """Ask, with a fresh token if Zoom refuses the one we have; None for what Zoom does not have."""
        answer = self._ask(path)
        if _refuses_token(answer):
            answer = self._ask(path)
        if answer.status == 404 and answer.code in NO_RECORDING:
            return None
        if answer.status != 200:
            code = "no code" if answer.code is None else f"code {answer.code}"
            raise PermanentError(f"Zoom refused with {answer.status}, {code}")
        return answer

    def _ask(self, path: str) -> Answer:
        token = self._tokens.token()
        answer = self._http.ask("GET", self._api_url + path, {"Authorization": "Bearer " + token})
        if _refuses_token(answer):
            self._tokens.discard(token)
        return answer


def encoded_uuid(session_id: str) -> str:
    """Return the uuid for a REST path, encoded twice: Zoom asks for it where there is a `/`, and takes it always."""
    return quote(quote(session_id, safe=""), safe="")


def _refuses_token(answer: Answer) -> bool:
    return answer.status == 401 or answer.code == INVALID_TOKEN


def _recordings(session_id: str, answer: Answer) -> MeetingRecordings:
    try:  # the answer has the shape of the webhook's payload.object
        event = load_event({"event": "recording.completed", "payload": {"object": answer.body}})
    except InvalidEvent as error:
        raise PermanentError("Zoom's answer is not a recording we can read") from error
    token = answer.body.get("download_access_token")
    return MeetingRecordings(
        session_id=session_id,
        meeting_id=event.meeting_id,
        files=event.files,
        download_access_token=Secret(token) if isinstance(token, str) and token else None,
    )
