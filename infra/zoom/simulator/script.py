"""Writing a scenario: people come, the recording runs, people go; each line is one event at a second of the call."""

from base64 import b64encode
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from uuid import UUID

from infra.zoom.simulator.bodies import meeting_object, segment_object, zoom_time
from infra.zoom.simulator.library import SimulatedFile, SimulatedSession
from infra.zoom.simulator.rest import Credentials
from infra.zoom.simulator.scenario import Call, Delivery, Expectation, ScriptedEvent, expected_files
from schemas.calls import Registration

ACCOUNT_ID = Credentials().account_id
FIRST_USER_ID = 16_778_240  # Zoom's first user_id of a session; the next joins add 1024 each
REGISTERED_BEFORE_SECONDS = 600  # the freelancer starts the call ten minutes after arranging it
MIN_MEDIA_BYTES = 1000  # room for the beginning of any kind
DELIVERY_GAP_SECONDS = 2.0  # between two deliveries, in Zoom's time


@dataclass(frozen=True, slots=True)
class Person:
    """Someone in a call; a guest has no account id and, in Zoom's webhooks, no e-mail."""

    name: str
    account_user_id: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a call is about: who, what, how long; `uuid_head` forces slashes into the uuid."""

    name: str
    topic: str
    host: str
    guest: str
    total_seconds: int
    ended_second: int
    uuid_head: bytes = b""
    language: str = "en"


class CallScript:
    """Collects the events of one call whose last event happens at `now`."""

    def __init__(self, plan: Plan, seed: int, now: datetime) -> None:
        self._plan = plan
        self._random = Random(f"{seed}/{plan.name}")
        self._started_at = now.replace(microsecond=0) - timedelta(seconds=plan.total_seconds)
        self._events: list[ScriptedEvent] = []
        self._joins: dict[str, str] = {}
        self.session = self._session()
        self.host = Person(plan.host, self.session.host_id, self.session.host_email)
        self.guest = Person(plan.guest)

    def at(self, second: int) -> datetime:
        """The instant of a second of the call."""
        return self._started_at + timedelta(seconds=second)

    def started(self) -> int:
        """The meeting starts at second 0. Like every line, it returns the event's number."""
        return self._add("meeting.started", 0, meeting_object(self.session))

    def ended(self) -> int:
        """The meeting ends, as planned."""
        second = self._plan.ended_second
        return self._add("meeting.ended", second, meeting_object(self.session, end_time=zoom_time(self.at(second))))

    def joined(self, person: Person, second: int) -> int:
        """Somebody joins, under a user_id of this join."""
        self._joins[person.name] = str(FIRST_USER_ID + 1024 * len(self._joins))
        participant = {**self._participant(person), "registrant_id": None, "join_time": zoom_time(self.at(second))}
        return self._add("meeting.participant_joined", second, meeting_object(self.session, participant=participant))

    def left(self, person: Person, second: int) -> int:
        """Somebody leaves."""
        participant = {
            "leave_time": zoom_time(self.at(second)),
            **self._participant(person),
            "registrant_id": "",
            "leave_reason": f"{person.name} left the meeting.<br>Reason: left the meeting.",
        }
        return self._add("meeting.participant_left", second, meeting_object(self.session, participant=participant))

    def recording_started(self, second: int) -> int:
        """A recording begins; its end is null while it runs."""
        return self._add("recording.started", second, segment_object(self.session, self._time(second), None))

    def recording_stopped(self, start: int, second: int) -> int:
        """The recording that began at `start` is stopped."""
        object_ = segment_object(self.session, self._time(start), self._time(second))
        return self._add("recording.stopped", second, object_)

    def completed(self, second: int, files: Iterable[SimulatedFile], token_expired: bool = False) -> int:
        """Files are ready, `recording.completed`."""
        return self._add_files("recording.completed", second, files, token_expired)

    def transcript_completed(self, second: int, files: Iterable[SimulatedFile]) -> int:
        """Transcripts are ready."""
        return self._add_files("recording.transcript_completed", second, files, False)

    def media(
        self, kind: str, size_bytes: int, span: tuple[int, int], recording_type: str, *faults: str
    ) -> SimulatedFile:
        """Make an MP4, M4A, JPG, … of a segment from and to the seconds of `span`."""
        file_type = {"JPG": "TB"}.get(kind, kind)
        file = self._file(file_type, kind, recording_type, span)
        return replace(file, seed=file.file_id, media_bytes=max(MIN_MEDIA_BYTES, size_bytes), faults=faults)

    def text(self, kind: str, extension: str, text: str, span: tuple[int, int], recording_type: str) -> SimulatedFile:
        """Make a TRANSCRIPT, CHAT, TIMELINE, … with this text."""
        return replace(self._file(kind, extension, recording_type, span), text=text)

    def call(
        self, order: Iterable[Delivery] | None = None, *, flagged_for: Iterable[str] = (), registered: bool = True
    ) -> Call:
        """Return the call; without `order`, everything is delivered once and in order."""
        events = tuple(self._events)
        in_order = (Delivery(number, DELIVERY_GAP_SECONDS * number) for number in range(len(events)))
        files = expected_files(events)
        expectation = Expectation(
            files=files,
            segments=len({file.recording_start for file in files}),
            invitation=registered,
            flagged_for=frozenset(flagged_for),
            occurrences=dict(Counter(event.name for event in events)),
        )
        deliveries = tuple(in_order if order is None else order)
        registration = self._registration() if registered else None
        return Call(self._plan.name, self.session, registration, events, deliveries, expectation)

    def _session(self) -> SimulatedSession:
        number = self._random.randrange(80_000_000_000, 89_999_999_999)  # eleven digits, as Zoom's are now
        uuid = (self._plan.uuid_head + self._random.randbytes(16))[:16]
        return SimulatedSession(
            session_id=b64encode(uuid).decode(),
            meeting_id=number,
            account_id=ACCOUNT_ID,
            host_id=b64encode(self._random.randbytes(16), altchars=b"-_").decode().rstrip("="),
            host_email=f"freelancer.{number % 1000}@example.com",
            topic=self._plan.topic,
            started_at=self._time(0),
            ended_at=self._time(self._plan.ended_second),
            duration_minutes=-(-self._plan.ended_second // 60),
            participants=2,
        )

    def _registration(self) -> Registration:
        number = self.session.meeting_id
        return Registration(
            call_id=f"call-{number}",
            meeting_id=str(number),
            account_id=ACCOUNT_ID,
            join_url=f"https://us06web.zoom.us/j/{number}?pwd=simulated{number % 997}",
            order_id=f"order-{number % 100_000}",
            conversation_id=f"conversation-{number % 100_000}",
            freelancer_id=f"freelancer-{number % 1000}",
            freelancer_name=self._plan.host,
            client_id=f"client-{number % 1000}",
            language=self._plan.language,
            registered_at=self._started_at - timedelta(seconds=REGISTERED_BEFORE_SECONDS),
        )

    def _participant(self, person: Person) -> dict[str, object]:
        return {
            "user_id": self._joins[person.name],
            "user_name": person.name,
            "participant_user_id": person.account_user_id,
            "id": person.account_user_id,
            "email": person.email,
        }

    def _file(self, kind: str, extension: str, recording_type: str, span: tuple[int, int]) -> SimulatedFile:
        file_id = str(UUID(bytes=self._random.randbytes(16), version=4))
        start, end = map(self._time, span)
        return SimulatedFile(file_id, kind, extension, recording_type, start, end)

    def _time(self, second: int) -> str:
        return zoom_time(self.at(second))

    def _add(self, name: str, second: int, object_: dict[str, object]) -> int:
        milliseconds = timedelta(milliseconds=self._random.randrange(1, 900))  # Zoom stamps events a little after
        self._events.append(ScriptedEvent(name, self.at(second) + milliseconds, object_))
        return len(self._events) - 1

    def _add_files(self, name: str, second: int, files: Iterable[SimulatedFile], token_expired: bool) -> int:
        event = ScriptedEvent(name, self.at(second), files=tuple(files), token_expired=token_expired)
        self._events.append(event)
        return len(self._events) - 1
