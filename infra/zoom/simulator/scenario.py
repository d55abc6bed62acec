"""A played call: what Zoom sends about it, in which order, and what has to come out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from infra.zoom.simulator.bodies import file_object, recording_object
from infra.zoom.simulator.library import SimulatedFile, SimulatedSession
from infra.zoom.simulator.tokens import TOKEN_LIFETIME_SECONDS, Claims, mint
from schemas.calls import Registration

VIDEO_BYTES = 6 * 1024 * 1024  # more than one S3 part (5 MiB), so that the multipart path is played


@dataclass(frozen=True, slots=True)
class ScriptedEvent:
    """Something that happened, by Zoom's clock. Recording events have `files`, the others an `object`."""

    name: str
    occurred_at: datetime
    object: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[SimulatedFile, ...] = ()
    token_expired: bool = False


@dataclass(frozen=True, slots=True)
class Delivery:
    """One sending of an event. Copies of one event differ in URLs, token and delivery id.

    `at_seconds` is when Zoom sends it, after the call's first delivery, in Zoom's time (scaled when played). A `lost` one
    never reaches anybody; it stands in the webhook log as one that was not answered.
    """

    event: int
    at_seconds: float
    copy: int = 0
    lost: bool = False


@dataclass(frozen=True, slots=True)
class ExpectedFile:
    """A file as it must lie in the archive. `file_id` is None where Zoom does not tell it."""

    file_id: str | None
    file_type: str
    recording_start: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Expectation:
    """What must come out of a call, once, whatever happened on the way.

    `invitation` tells whether a message stands in the chat; `flagged_for` names the policy's rules that must be among
    the flag's findings, and where it is empty there must be no flag. `occurrences` counts Zoom's events without doubles.
    """

    files: tuple[ExpectedFile, ...]
    segments: int
    invitation: bool
    flagged_for: frozenset[str]
    occurrences: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Call:
    """One call, ready to play. `registration` is None for a meeting that the marketplace does not know."""

    scenario: str
    session: SimulatedSession
    registration: Registration | None
    events: tuple[ScriptedEvent, ...]
    deliveries: tuple[Delivery, ...]
    expectation: Expectation

    def losing(self, *names: str, logged: bool = True) -> "Call":
        """Return the call with the deliveries of these events lost, of all where none is named; `logged` in Zoom's log."""

        def lost(delivery: Delivery) -> bool:
            return not names or self.events[delivery.event].name in names

        kept = (one for one in self.deliveries if logged or not lost(one))
        return replace(self, deliveries=tuple(replace(one, lost=True) if lost(one) else one for one in kept))

    def body(self, delivery: Delivery, server_url: str) -> bytes:
        """Return the bytes that Zoom sends, the same for every retry of a delivery."""
        event = self.events[delivery.event]
        head: dict[str, Any] = {"event": event.name}
        tail = {"event_ts": int(event.occurred_at.timestamp() * 1000)}
        if event.files:
            payload = self._recording_payload(event, self.delivery_id(delivery), server_url)
            body = {"payload": payload, **tail, **head, "download_token": self._token(event, delivery)}
        else:
            body = {**head, "payload": {"account_id": self.session.account_id, "object": event.object}, **tail}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()

    def delivery_id(self, delivery: Delivery) -> str:
        """Return the x-zm-request-id: unchanged across retries, another one for a copy."""
        digest = sha256(f"{self.session.session_id}/{delivery.event}/{delivery.copy}".encode()).hexdigest()
        return f"{digest[:8]}_{digest[8:12]}_{digest[12:16]}_{digest[16:20]}_{digest[20:32]}"

    def _recording_payload(self, event: ScriptedEvent, nonce: str, server_url: str) -> dict[str, Any]:
        base = f"{server_url}/rec/webhook_download"
        files = [file_object(self.session, file, base, nonce) for file in event.files]
        return {"account_id": self.session.account_id, "object": recording_object(self.session, files)}

    def _token(self, event: ScriptedEvent, delivery: Delivery) -> str:
        lifetime = 0 if event.token_expired else TOKEN_LIFETIME_SECONDS + 15 * delivery.copy
        expires_at = int(event.occurred_at.timestamp()) + lifetime
        return mint(Claims(self.session.session_id, self.session.account_id, self.session.host_id, expires_at))


@dataclass(frozen=True, slots=True)
class Scenario:
    """A kind of call. `build(seed, now, video_bytes)` gives the same call for the same arguments."""

    name: str
    title: str
    build: Callable[[int, datetime, int], Call]


def expected_files(events: tuple[ScriptedEvent, ...]) -> tuple[ExpectedFile, ...]:
    """Return every file of the events once, as Zoom names it."""
    files = {file.file_id: file for event in events for file in event.files}
    return tuple(
        ExpectedFile(
            None if file.bare else file.file_id,
            file.file_type,
            file.recording_start,
            file.content.size_bytes,
            file.content.sha256(),
        )
        for file in files.values()
    )
