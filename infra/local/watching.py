"""Let somebody watch a call on this machine, as the marketplace's back end does: ask for a session, follow its link."""

import http.client
import json
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote, urlsplit

from infra.clock import Clock
from infra.errors import ConfigurationError, TransientError

KNOWN_SECONDS = 30.0  # from a call's last event to the portal's row: a second or two on an idle machine
ANSWER_SECONDS = 10.0
_LOOK_SECONDS = 0.25


def watching_link(environment: Mapping[str, str], call_id: str, viewer: str, clock: Clock) -> str:
    """Return a link that opens the call's page for one of its two people, once, within a minute.

    Raises:
        ConfigurationError: the environment is not that of `make run`, or the portal refuses; the text says why.
        TransientError: the portal does not answer, or does not know such a call in time.
    """
    missing = [name for name in ("PORTAL_URL", "PORTAL_TOKEN") if not environment.get(name)]
    if missing:
        raise ConfigurationError(f"{' and '.join(missing)} not set: read the environment that make run wrote, first")
    deadline = clock.monotonic() + KNOWN_SECONDS
    while True:
        status, answer = _ask(environment, f"/api/calls/{quote(call_id, safe='')}/sessions", {"viewer": viewer})
        if status == HTTPStatus.CREATED:
            return str(answer["url"])
        if status != HTTPStatus.NOT_FOUND:
            raise ConfigurationError(f"the portal answered {status}: {answer.get('detail')}")
        if clock.monotonic() > deadline:
            raise TransientError("the portal knows no such call of this person: python -m processors calls list")
        clock.sleep(_LOOK_SECONDS)


def _ask(environment: Mapping[str, str], path: str, body: Mapping[str, str]) -> tuple[int, dict[str, object]]:
    address = urlsplit(environment["PORTAL_URL"])
    connection = http.client.HTTPConnection(address.netloc, timeout=ANSWER_SECONDS)
    headers = {"Authorization": "Bearer " + environment["PORTAL_TOKEN"], "Content-Type": "application/json"}
    try:
        connection.request("POST", path, json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransientError(f"the portal does not answer: {type(error).__name__}") from error
    finally:
        connection.close()
