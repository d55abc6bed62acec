"""The marketplace's back end and its people, as far as a walk through the pages needs them."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from infra.clock import SystemClock

ROOT = Path(__file__).parents[3]
FREELANCER, CLIENT = "freelancer-9", "client-4"
CONVERSATION = "conversation-5"
CALL = {
    "initiator": FREELANCER, "initiator_name": "Ana", "role": "freelancer", "level": "level_1",
    "surface": "order_page", "order": {"id": "order-17", "state": "active"}, "conversation": CONVERSATION,
    "other_participant": CLIENT, "other_participant_name": "Dana", "language": "en",
}  # fmt: skip


class Marketplace:
    """Everything that is done outside a browser; `environment` is that of a running stack."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.portal_url = environment["PORTAL_URL"]

    def start_call(self, key: str) -> tuple[str, str]:
        """Start a call; return its id and the number of its meeting."""
        answer = self._ask("/api/calls", CALL, {"Idempotency-Key": key})
        return answer["call_id"], urlsplit(answer["join_url"]).path.rsplit("/", 1)[-1]

    def page_of(self, call_id: str, viewer: str) -> str:
        """The address that lets a viewer in, once; a call that was started just now is known within a moment."""
        found: list[str] = []

        def is_known() -> bool:
            with suppress(urllib.error.HTTPError):
                found.append(self._ask(f"/api/calls/{call_id}/sessions", {"viewer": viewer}, {})["url"])
            return bool(found)

        wait_for("the call to be known to the portal", is_known)
        return found[0]

    def messages(self) -> list[str]:
        """What stands in the conversation."""
        url = f"{self._environment['CHAT_URL']}/conversations/{CONVERSATION}/messages"
        with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 # the stack's own
            return [one["text"] for one in json.load(answer)["messages"]]

    def hold(self, meeting: str, scenario: str) -> None:
        """Let the two hold the call in their meeting."""
        zoom = self._environment["ZOOM_HOSTS"]
        receiver = f"http://{self._environment['RECEIVER_BIND']}/webhooks/zoom"
        options = ("--server", zoom, "--url", receiver, "--scenario", scenario, "--meeting", meeting)
        self.command("infra.zoom.simulator", "play", *options)

    def command(self, module: str, *arguments: str) -> str:
        """Run a command of the product."""
        done = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT,
            env=dict(self._environment),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout

    def _ask(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> dict[str, Any]:
        token = "Bearer " + self._environment["PORTAL_TOKEN"]
        request = urllib.request.Request(  # noqa: S310 # the stack's own
            self.portal_url + path,
            json.dumps(body).encode(),
            {"Authorization": token, "Content-Type": "application/json", **headers},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 # the stack's own
            return dict(json.load(answer))


def wait_for(what: str, seen: Callable[[], object], seconds: float = 90.0) -> None:
    """Look until it is seen; ten seconds on an idle machine are the longest."""
    clock = SystemClock()
    deadline = clock.monotonic() + seconds
    while not seen():
        assert clock.monotonic() < deadline, f"waited {seconds:.0f} s in vain for {what}"
        clock.sleep(0.5)
