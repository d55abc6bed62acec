"""Start a call, so that a crash anywhere leaves nothing that the next try or the sweep does not finish or clear away.

    row `creating`  ->  host leased  ->  meeting at Zoom, its agenda names the call  ->  each party's own link
        ->  row `arranged`  ->  registration in the log  ->  row `registered`

What Zoom refuses was not made: the host goes back to the pool. When an answer is lost, the meeting may have been made: the
host stays with the call, and the next try with the same key looks for it by its agenda before it makes another.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any

import structlog

from infra.clock import Clock
from infra.errors import PermanentError
from infra.transport import Producer
from infra.zoom.answers import Meeting
from infra.zoom.errors import HostLimitReached, RateLimited, ZoomRefused
from infra.zoom.meetings import MeetingPlan
from portal.calls.pool import HostPool
from portal.calls.ports import Zoom
from portal.calls.rules import Role
from portal.calls.store import CallStart, CallStarts, OwnLink, State, links_text
from schemas.calls import Registration, envelope_of
from schemas.topics import REGISTRATIONS

SOURCE = "/zoom-call-pipeline/portal"
AGENDA = "zoom-call-pipeline call "  # what stands before the call's id in a meeting's agenda
PLANNED_MINUTES = 60  # for calendars; Zoom ends no licensed host's meeting by it
PUBLISH_SECONDS = 5.0  # a log that answers does so within 0.1 s
NAMES: Mapping[Role, str] = {Role.FREELANCER: "Freelancer", Role.CLIENT: "Client"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Marketplace:
    """What of the settings goes into a call: our Zoom account, and the marketplace's page of a call."""

    account_id: str
    call_page_url: str
    address_domain: str


class CallMaker:
    """Works at one call at a time, from wherever it is to `registered`. Safe to share between threads."""

    def __init__(
        self,
        *,
        zoom: Zoom,
        starts: CallStarts,
        pool: HostPool,
        producer: Producer,
        clock: Clock,
        marketplace: Marketplace,
    ) -> None:
        self._zoom = zoom
        self._starts = starts
        self._pool = pool
        self._producer = producer
        self._clock = clock
        self._marketplace = marketplace

    def finish(self, start: CallStart) -> CallStart:
        """Bring a call to `registered`; the caller has its turn, which is over afterwards, however this ends.

        Raises:
            NoHostFree, RateLimited: nothing was made.
            TransientError: something may have been made; the next try finds it.
            PermanentError: Zoom refuses; nothing was made, or it was cleared away.
        """
        if start.state is State.REGISTERED:
            return start
        try:
            if start.state is State.CREATING:
                start = self._arranged(start)
            self._publish(start)
            return self._starts.save(start, state=State.REGISTERED)
        finally:
            self._starts.let_go(start)

    def give_up(self, start: CallStart) -> None:
        """Clear away what a call has at Zoom; the caller has its turn. Nothing of it can be in the log yet.

        Raises:
            TransientError, PermanentError: Zoom cannot be asked, so the call stays as it is.
        """
        try:
            for meeting in self._made(start):
                self._zoom.meetings.delete(meeting.meeting_id)
            self._pool.release(start.call_id)
            self._starts.save(start, state=State.ABANDONED, host_user=None)
        finally:
            self._starts.let_go(start)

    def _arranged(self, start: CallStart) -> CallStart:
        start, meeting = self._meeting(start)
        links = self._links(start, meeting)
        plain = "".join(meeting.join_url or "")
        return self._starts.save(
            start, state=State.ARRANGED, meeting_id=meeting.meeting_id, join_url=plain, links=links_text(links)
        )

    def _meeting(self, start: CallStart) -> tuple[CallStart, Meeting]:
        """Find the meeting of an earlier try, or make one with the first host that may."""
        while True:
            start = self._pool.lease_for(start)
            found = self._found(start) if start.attempts > 1 else None
            if found is not None:
                return start, found
            try:
                return start, self._zoom.meetings.create(start.host_user or "", self._plan(start))
            except HostLimitReached as limit:
                self._use_up(start, limit)
            except (RateLimited, PermanentError):
                self._pool.release(start.call_id)
                raise

    def _found(self, start: CallStart) -> Meeting | None:
        """The meeting of an earlier try, with what a listing does not tell."""
        listed = next(iter(self._made(start)), None)
        return None if listed is None else self._zoom.meeting(listed.meeting_id)

    def _use_up(self, start: CallStart, limit: HostLimitReached) -> None:
        until = self._clock.now() + timedelta(seconds=limit.retry_after_seconds or 0)
        self._pool.use_up(start.host_user or "", until)
        self._pool.release(start.call_id)
        log.warning("host.used_up", call_id=start.call_id, wait_seconds=limit.retry_after_seconds)

    def _made(self, start: CallStart) -> list[Meeting]:
        """The call's meetings at its host: one at most, unless something went very wrong."""
        if start.host_user is None:
            return []
        return [one for one in self._zoom.meetings.scheduled(start.host_user) if call_of(one) == start.call_id]

    def _plan(self, start: CallStart) -> MeetingPlan:
        about = start.document["order_id"]
        return MeetingPlan(
            topic=f"Call about {about}" if about else "Call",
            agenda=AGENDA + start.call_id,
            start_at=start.created_at,
            duration_minutes=PLANNED_MINUTES,
            with_registrants=True,
        )

    def _links(self, start: CallStart, meeting: Meeting) -> dict[str, OwnLink]:
        """Each party's own link; none where the plan has no registration: then everybody uses the plain one."""
        if not meeting.takes_registrants:
            return {}
        try:
            return {role.value: self._own_link(start, meeting, role) for role in Role}
        except ZoomRefused as refused:
            log.warning("registration.given_up", call_id=start.call_id, code=refused.code)
            self._zoom.meetings.take_no_registrants(meeting.meeting_id)
            return {}

    def _own_link(self, start: CallStart, meeting: Meeting, role: Role) -> OwnLink:
        name = start.document[f"{role.value}_name"] or NAMES[role]
        address = registrant_address(start.call_id, role, self._marketplace.address_domain)
        made = self._zoom.meetings.register(meeting.meeting_id, name, address)
        return OwnLink(made.registrant_id, made.join_url)

    def _publish(self, start: CallStart) -> None:
        envelope = envelope_of(self._registration(start), SOURCE)
        self._producer.produce(
            REGISTRATIONS.name,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=PUBLISH_SECONDS,
        )

    def _registration(self, start: CallStart) -> Registration:
        ids: dict[str, Any] = {name: start.document[name] for name in _COPIED}
        registrants: dict[str, Any] = {
            f"{role.value}_registrant_id": start.links[role.value].registrant_id if role.value in start.links else None
            for role in Role
        }
        return Registration(
            call_id=start.call_id,
            meeting_id=start.meeting_id or "",
            account_id=self._marketplace.account_id,
            join_url=self.invitation_url(start),
            registered_at=start.created_at,
            **ids,
            **registrants,
        )

    def invitation_url(self, start: CallStart) -> str:
        """Return what the chat shows to both: the plain link, or the marketplace's page where each has their own."""
        if start.links:
            return self._marketplace.call_page_url.replace("{call_id}", start.call_id)
        return start.join_url or ""


_COPIED = ("order_id", "conversation_id", "freelancer_id", "freelancer_name", "client_id", "language")


def call_of(meeting: Meeting) -> str | None:
    """Return whose call's meeting it is; None for one that is not ours."""
    agenda = meeting.agenda or ""
    return agenda.removeprefix(AGENDA) if agenda.startswith(AGENDA) else None


def registrant_address(call_id: str, role: Role, domain: str) -> str:
    """Return the address that Zoom wants for a registrant: the marketplace's own domain, and nobody's mailbox."""
    digest = sha256(f"{call_id} {role.value}".encode()).hexdigest()[:24]
    return f"call-{digest}@{domain}"


def request_digest(document: Mapping[str, Any]) -> str:
    """Return what tells one request from another under the same key."""
    return sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
