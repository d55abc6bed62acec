"""Server-to-server OAuth: one access token a process, fetched when needed."""

from base64 import b64encode
from threading import Lock
from urllib.parse import urlencode

from infra.clock import Clock
from infra.errors import PermanentError
from infra.secret import Secret
from infra.zoom.http import ZoomHttp

LIFETIME_SECONDS = 3600.0  # Zoom's server-to-server tokens; used where the answer does not say
REFRESH_BEFORE_SECONDS = 300.0  # so a token is used for 55 min, and no request starts with one about to expire


class TokenSource:
    """Hands out the access token. Safe to share between threads: one of them fetches, the others wait for it."""

    def __init__(
        self,
        http: ZoomHttp,
        clock: Clock,
        *,
        oauth_url: str,
        client_id: str,
        client_secret: Secret,
        account_id: str,
    ) -> None:
        self._http = http
        self._url = oauth_url
        self._basic = Secret(b64encode((client_id + ":" + client_secret).encode()).decode())
        self._form = urlencode({"grant_type": "account_credentials", "account_id": account_id})
        self._clock = clock
        self._lock = Lock()
        self._token: Secret | None = None
        self._scopes: frozenset[str] = frozenset()
        self._refresh_at = 0.0

    def token(self) -> Secret:
        """Return a token that is good for at least five minutes.

        Raises:
            TransientError: Zoom does not answer, or asks us to wait.
            PermanentError: Zoom refuses the credentials.
        """
        with self._lock:
            token = self._token
            if token is None or self._clock.monotonic() >= self._refresh_at:
                token = self._token = self._fetch()
            return token

    def scopes(self) -> frozenset[str]:
        """Return the scopes that the token has. Raises as `token`."""
        self.token()
        with self._lock:
            return self._scopes

    def discard(self, token: Secret) -> None:
        """Forget a token that Zoom refused, unless another thread has replaced it already."""
        with self._lock:
            if self._token == token:
                self._token = None

    def _fetch(self) -> Secret:
        asked_at = self._clock.monotonic()
        headers = {"Authorization": "Basic " + self._basic, "Content-Type": "application/x-www-form-urlencoded"}
        answer = self._http.ask("POST", self._url, headers, self._form)
        if answer.status != 200:
            raise PermanentError(
                f"Zoom's OAuth answered {answer.status}: check ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET, ZOOM_OAUTH_ACCOUNT_ID"
            )
        token, lifetime = answer.body.get("access_token"), answer.body.get("expires_in", LIFETIME_SECONDS)
        if not isinstance(token, str) or not token or not isinstance(lifetime, int | float):
            raise PermanentError("Zoom's OAuth answered without a usable token: check ZOOM_OAUTH_URL")
        self._scopes = frozenset(str(answer.body.get("scope") or "").split())
        self._refresh_at = asked_at + max(0.0, lifetime - REFRESH_BEFORE_SECONDS)
        return Secret(token)
