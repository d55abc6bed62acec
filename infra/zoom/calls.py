"""How a question is put to REST: paced, with a token, page by page, refusals typed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from infra.errors import PermanentError
from infra.zoom.budget import Label, RateBudget
from infra.zoom.errors import PER_SECOND_WAIT_SECONDS, OwnLimitReached, RateLimited, refusal
from infra.zoom.http import Answer, ZoomHttp
from infra.zoom.oauth import TokenSource

INVALID_TOKEN = 124  # Zoom's error code: the access token is wrong, expired or voided by a newer one
ABSENT = frozenset({3001, 3301})  # meeting does not exist; no recording, or still being processed
PAGE_SIZE = 300  # Zoom's largest: the fewest calls

Body = Mapping[str, Any]


class Calls:
    """One account's REST. Safe to share between threads."""

    def __init__(self, http: ZoomHttp, tokens: TokenSource, api_url: str, budget: RateBudget) -> None:
        self._http = http
        self._tokens = tokens
        self._api_url = api_url.rstrip("/")
        self._budget = budget

    def get(self, path: str, label: Label) -> Body | None:
        """Ask; None for what Zoom does not have.

        Raises:
            TransientError, PermanentError: as infra.zoom.errors draws them.
        """
        answer = self._with_token("GET", path, label)
        if answer.status == 404 and answer.code in ABSENT:
            return None
        if answer.status != 200:
            raise refusal(answer.status, answer.code)
        return answer.body

    def send(self, method: str, path: str, label: Label, document: Body | None = None) -> Body:
        """Change something, once; return what Zoom answers, empty where it answers nothing.

        Raises:
            TransientError: whether it was done is unknown, unless it is RateLimited: then it was not.
            PermanentError: as infra.zoom.errors draws them; it was not done.
        """
        answer = self._with_token(method, path, label, None if document is None else json.dumps(document))
        if not 200 <= answer.status <= 299:
            raise refusal(answer.status, answer.code)
        return answer.body

    def scopes(self) -> frozenset[str]:
        """Return what the app may do, as the access token says.

        Raises:
            TransientError, PermanentError: as `TokenSource.token`.
        """
        return self._tokens.scopes()

    def pages(self, path: str, query: Mapping[str, Any], label: Label, name: str) -> Iterator[Body]:
        """Yield the items of the list `name`, page by page; none for what Zoom does not have.

        Raises:
            TransientError, PermanentError: as `get`; and PermanentError for pages without end.
        """
        seen: set[str] = set()
        token = ""
        while True:
            more = {"next_page_token": token} if token else {}
            body = self.get(f"{path}?{urlencode({**query, 'page_size': PAGE_SIZE, **more})}", label)
            yield from _items(body or {}, name)
            token = str((body or {}).get("next_page_token") or "")
            if not token:
                return
            if token in seen:
                raise PermanentError(f"Zoom's pages of {name} have no end")
            seen.add(token)

    def _with_token(self, method: str, path: str, label: Label, content: str | None = None) -> Answer:
        """Ask again with a fresh token where Zoom refuses the one we have: what is refused so was not done."""
        answer = self._ask(method, path, label, content)
        return self._ask(method, path, label, content) if _refuses_token(answer) else answer

    def _ask(self, method: str, path: str, label: Label, content: str | None) -> Answer:
        self._budget.take(label)
        token = self._tokens.token()
        headers = {"Authorization": "Bearer " + token}
        if content is not None:
            headers["Content-Type"] = "application/json"
        try:
            answer = self._http.ask(method, self._api_url + path, headers, content)
        except OwnLimitReached:
            raise
        except RateLimited as error:
            self._budget.hold(label, error.retry_after_seconds or PER_SECOND_WAIT_SECONDS)
            raise
        if _refuses_token(answer):
            self._tokens.discard(token)
        return answer


def _items(body: Body, name: str) -> Iterator[Body]:
    for item in body.get(name) or ():
        if not isinstance(item, Mapping):
            raise PermanentError(f"Zoom's answer is not one we can read: {name} is no list of objects")
        yield item


def _refuses_token(answer: Answer) -> bool:
    return answer.status == 401 or answer.code == INVALID_TOKEN
