"""The end of `make demo`: a participant reports a call, and an analyst decides about it, through the portal as people do."""

import http.client
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from infra.clock import Clock
from infra.errors import TransientError
from infra.local.stack import Stack
from infra.transport import TopicPartition, Transport
from schemas.calls import Registration
from schemas.envelope import Envelope
from schemas.topics import DECISIONS

REPORT = {"reason": "off_platform", "text": "They asked me to pay outside of the marketplace."}
NOTE = "Asked twice for a payment outside, plainly."
WAIT_SECONDS = 60.0  # a report is a flag within two seconds on two idle cores
_LOOK_SECONDS = 0.5
_CSRF = re.compile(r'name="csrf" value="([^"]+)"')
_REVISION = re.compile(r'name="revision" value="(\d+)"')
_CASE = re.compile(r'href="(/reviews/[0-9a-f-]{36})"')


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    text: str


class Browser:
    """As much of an analyst's browser as the demo needs: one site, one cookie."""

    def __init__(self, url: str) -> None:
        self._site = urlsplit(url)
        self._cookie = ""

    def get(self, path: str) -> Answer:
        return self._ask("GET", path, None)

    def post(self, path: str, **form: str) -> Answer:
        return self._ask("POST", path, urlencode(form))

    def _ask(self, method: str, path: str, body: str | None) -> Answer:
        connection = http.client.HTTPConnection(self._site.netloc, timeout=30)
        headers = {"Origin": f"{self._site.scheme}://{self._site.netloc}", "Cookie": self._cookie}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise TransientError(f"the portal does not answer: {type(error).__name__}") from error
        finally:
            connection.close()
        if response.headers["Set-Cookie"]:
            self._cookie = response.headers["Set-Cookie"].partition(";")[0]
        return Answer(response.status, dict(response.headers), text)


def review(stack: Stack, transport: Transport, clock: Clock, call: Registration) -> Iterator[str]:
    """Let the client report the call, and an analyst claim, look into and decide it; yield what came of each, a line each.

    Raises:
        TransientError: something did not come in time; the text says what.
    """
    yield f"report   {_reported(stack, call.call_id, call.client_id)}"
    link = urlsplit(stack.sign_in_link())
    browser = Browser(stack.environment["PORTAL_URL"])
    browser.post(link.path)
    path = _flagged(browser, clock, call.order_id)
    token = _found(_CSRF, browser.get(path).text)
    browser.post(f"{path}/claim", csrf=token)
    page = browser.get(path).text
    yield f"review   claimed by an analyst, held: {_held(browser, clock, path)}"
    revision = _found(_REVISION, page)
    decided = browser.post(
        f"{path}/decision", csrf=token, revision=revision, decision="confirmed", action="warning", note=NOTE
    )
    if decided.status != 303:
        raise TransientError(f"the portal answered the decision with {decided.status}")
    yield f"decision {_published(transport, clock, path)}"


def _reported(stack: Stack, call_id: str, client_id: str) -> str:
    site = urlsplit(stack.environment["PORTAL_URL"])
    connection = http.client.HTTPConnection(site.netloc, timeout=30)
    body = json.dumps({**REPORT, "viewer": client_id})
    token = "Bearer " + stack.environment["PORTAL_TOKEN"]
    headers = {"Authorization": token, "Content-Type": "application/json"}
    try:
        connection.request("POST", f"/api/calls/{call_id}/reports", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransientError(f"the portal does not answer: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != 201:
        raise TransientError(f"the portal answered the report with {response.status}")
    return f"{answer['state']}, by the client, because of {answer['reason']}"


def _flagged(browser: Browser, clock: Clock, order_id: str) -> str:
    """The path of the flag that the report made."""
    found: list[str] = []

    def is_there() -> bool:
        page = browser.get("/reviews?" + urlencode({"search": order_id, "source": "report"})).text
        found.extend(_CASE.findall(page))
        return bool(found)

    _wait("flag", clock, is_there)
    return found[0]


def _held(browser: Browser, clock: Clock, path: str) -> str:
    said: list[str] = []

    def is_held() -> bool:
        said.extend(
            re.findall(r"Held: (read back from the store on \d+ of \d+ files)", browser.get(f"{path}/hold").text)
        )
        return bool(said)

    _wait("hold", clock, is_held)
    return said[0]


def _published(transport: Transport, clock: Clock, path: str) -> str:
    flag_id, seen = path.rpartition("/")[2], list[str]()

    def is_there() -> bool:
        decided = [one for one in _decisions(transport) if one["flag_id"] == flag_id]
        seen.extend(one["decision"] for one in decided)
        return bool(seen)

    _wait("decision", clock, is_there)
    return f"{seen[0]}, published on {DECISIONS.name}"


def _found(pattern: re.Pattern[str], page: str) -> str:
    found = pattern.search(page)
    if found is None:
        raise TransientError("the portal's page is not the one that was expected")
    return found.group(1)


def _wait(what: str, clock: Clock, seen: Callable[[], bool]) -> None:
    deadline = clock.monotonic() + WAIT_SECONDS
    while not seen():
        if clock.monotonic() > deadline:
            raise TransientError(f"the {what} did not come within {WAIT_SECONDS:.0f} s")
        clock.sleep(_LOOK_SECONDS)


def _decisions(transport: Transport) -> Iterator[Mapping[str, str]]:
    for partition in range(transport.partitions(DECISIONS.name)):
        place, offset = TopicPartition(DECISIONS.name, partition), 0
        while records := transport.read(place, offset):
            yield from (json.loads(Envelope.from_record(one.headers, one.value).data) for one in records)
            offset = records[-1].offset + 1
