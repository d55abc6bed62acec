"""The marketplace's chat in the lab: the reference chat behind a door that can be shut, slow, or lie about what it did."""

from pathlib import Path
from random import Random
from typing import Literal

from infra.chat.http import READ_TIMEOUT_SECONDS
from infra.clock import SystemClock
from infra.zoom.simulator.chat import ChatRoutes, ReferenceChat
from infra.zoom.simulator.web import Answer, Request, WebServer, json_answer

Mode = Literal["well", "slow", "429", "500", "late"]

CLOCK = SystemClock()
SLOW_SECONDS = 3.0  # at most; docs/chat-contract.md promises an answer within 5 s
LATE_SECONDS = READ_TIMEOUT_SECONDS + 1  # it did what was asked, and its answer reaches nobody


class ChatHouse:
    """Serves on one address for as long as the lab runs, however often it is shut and opened; messages stay."""

    def __init__(self, path: Path, seed: int) -> None:
        self._chat = ReferenceChat(CLOCK, path)
        self._routes = ChatRoutes(self._chat)
        self._random = Random(seed)
        self.mode: Mode = "well"
        self.answers: dict[str, int] = {}
        self._web: WebServer | None = WebServer("127.0.0.1", 0, (self._route,))
        self._origin = self._web.url
        self._web.start()

    @property
    def url(self) -> str:
        """What CHAT_URL takes."""
        return f"{self._origin}/chat"

    def shut(self) -> None:
        """Nobody answers there any more."""
        if self._web is not None:
            self._web.close()
            self._web = None

    def open(self) -> None:
        """Answer again, and as one should."""
        self.mode = "well"
        if self._web is None:
            self._web = WebServer("127.0.0.1", int(self._origin.rpartition(":")[2]), (self._route,))
            self._web.start()

    def close(self) -> None:
        """End it."""
        self.shut()
        self._chat.close()

    def _route(self, request: Request) -> Answer | None:
        mode = self.mode if request.method == "PUT" else "well"
        self.answers[mode] = self.answers.get(mode, 0) + 1
        match mode:
            case "429":
                return json_answer(429, {"message": "too many"}, {"Retry-After": "1"})
            case "500":
                return json_answer(500, {"message": "not now"})
            case "slow":
                CLOCK.sleep(self._random.uniform(0.5, SLOW_SECONDS))
        answer = self._routes.route(request)
        if mode == "late":
            CLOCK.sleep(LATE_SECONDS)
        return answer
