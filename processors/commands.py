"""What a processor may ask for: data with an idempotency key and a target, performed by the runtime, each key once.

Effects on one target happen one at a time, in the order they were asked for. With `newest_only`, of the effects waiting
for a target only the newest is performed. With `reports_back`, the result returns to `decide` as an event `done.<kind>`,
a final failure as `dead.<kind>`; both hold the command under "command".
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from schemas.identity import fact_id


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a record lies in the log. Secrets stay there: a command points to them instead of copying them."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class PutChatMessage:
    """Let a conversation's slot show this text. Result: {"message_id"}."""

    kind: ClassVar[str] = "put_chat_message"
    newest_only: ClassVar[bool] = True
    reports_back: ClassVar[bool] = True

    conversation_id: str
    external_id: str
    revision: int
    text: str

    @property
    def target(self) -> str:
        return f"chat:{self.conversation_id}:{self.external_id}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.revision}"


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """Copy one recording file from Zoom into the archive. Result: the receipt (see CallRecordingArchived).

    `source` is the record whose body holds the download URL and token of this file.
    """

    kind: ClassVar[str] = "archive_file"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = True

    object_key: str
    session_id: str
    meeting_id: str | None
    call_id: str | None
    order_id: str | None
    file_id: str | None
    file_type: str
    file_kind: str
    extension: str | None
    size_bytes: int | None
    recording_start: str | None
    call_ended_at: datetime
    access_until: datetime
    expires_at: datetime
    hold: str
    source: Reference

    @property
    def target(self) -> str:
        return f"object:{self.object_key}"

    @property
    def key(self) -> str:
        return f"archive:{self.object_key}"


@dataclass(frozen=True, slots=True)
class TagFile:
    """Give an archived file the tags that its call's end and holds now ask for. Result: {"hold"}."""

    kind: ClassVar[str] = "tag_file"
    newest_only: ClassVar[bool] = True
    reports_back: ClassVar[bool] = False

    object_key: str
    revision: int
    call_id: str | None
    order_id: str | None
    call_ended_at: datetime
    access_until: datetime
    expires_at: datetime
    hold: str

    @property
    def target(self) -> str:
        return f"tags:{self.object_key}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.revision}"


@dataclass(frozen=True, slots=True)
class ScanText:
    """Run the text rules over an archived transcript or chat. Result: {"findings": […], "seconds": …}."""

    kind: ClassVar[str] = "scan_text"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = True

    object_key: str
    version_id: str | None
    file_kind: str
    session_id: str
    recording_start: str | None
    policy_version: str

    @property
    def target(self) -> str:
        return f"scan:{self.object_key}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.version_id}:{self.policy_version}"


@dataclass(frozen=True, slots=True)
class AskRecordings:
    """Ask Zoom's REST whether a session has recordings. Result: {"answer": "found" | "none" | "unknown"}."""

    kind: ClassVar[str] = "ask_recordings"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = True

    session_id: str
    attempt: int

    @property
    def target(self) -> str:
        return f"ask:{self.session_id}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.attempt}"


@dataclass(frozen=True, slots=True)
class PublishEvent:
    """Write an event to a topic. `data` is JSON; `event_id` names the fact, so that a double can be dropped."""

    kind: ClassVar[str] = "publish_event"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = False

    topic: str
    event_id: str
    type: str
    source: str
    occurred_at: datetime
    subject: str | None
    partition_key: str | None
    data: str
    dataschema: str | None = None

    @property
    def target(self) -> str:
        return f"stream:{self.topic}:{self.partition_key}"

    @property
    def key(self) -> str:
        return f"publish:{self.topic}:{self.event_id}"


@dataclass(frozen=True, slots=True)
class WakeAt:
    """Come back to this state as event `timer.<name>` once `at` has passed and every input has been read past it."""

    kind: ClassVar[str] = "wake_at"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = True

    at: datetime
    name: str
    about: str
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        return f"timer:{self.about}:{self.name}:{self.at.isoformat()}"


@dataclass(frozen=True, slots=True)
class Tell:
    """Hand something to the same processor's state under another key, as event `told.<name>`."""

    kind: ClassVar[str] = "tell"
    newest_only: ClassVar[bool] = False
    reports_back: ClassVar[bool] = True

    state_key: str
    name: str
    event_id: str
    data: dict[str, Any]

    @property
    def target(self) -> str:
        return f"state:{self.state_key}"

    @property
    def key(self) -> str:
        return f"tell:{self.state_key}:{self.name}:{self.event_id}"


@dataclass(frozen=True, slots=True)
class ShowCall:
    """Let the portal show this of a call. `document` is JSON: {"events": [...]}, in the order of their sequence."""

    kind: ClassVar[str] = "show_call"
    newest_only: ClassVar[bool] = True
    reports_back: ClassVar[bool] = False

    call_id: str
    revision: int
    meeting_id: str
    order_id: str
    conversation_id: str
    freelancer_id: str
    client_id: str
    registered_at: datetime
    ended_at: datetime | None
    access_until: datetime | None
    document: str

    @property
    def target(self) -> str:
        return f"shown-call:{self.call_id}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.revision}"


@dataclass(frozen=True, slots=True)
class ShowFlag:
    """Let the portal show this of a flag. `document` is JSON: {"flag": its newest revision, "decisions": [...]}.

    `standing` is open, closed or withdrawn: see schemas.reviews; `urgency` is 5 - severity. Categories, rules and sources are those of its
    findings, languages those of what was read, each with a space before and after it, so that one can be looked for.
    """

    kind: ClassVar[str] = "show_flag"
    newest_only: ClassVar[bool] = True
    reports_back: ClassVar[bool] = False

    flag_id: str
    revision: int
    call_id: str | None
    meeting_id: str | None
    session_id: str | None
    status: str
    severity: int | None
    priority: float
    flagged_at: datetime
    document: str
    flag_revision: int = 0
    standing: str = "open"
    urgency: int = 5
    categories: str = " "
    rules: str = " "
    sources: str = " "
    languages: str = " "

    @property
    def target(self) -> str:
        return f"shown-flag:{self.flag_id}"

    @property
    def key(self) -> str:
        return f"{self.target}:{self.revision}"


Command = (
    PutChatMessage
    | ArchiveFile
    | TagFile
    | ScanText
    | AskRecordings
    | PublishEvent
    | WakeAt
    | Tell
    | ShowCall
    | ShowFlag
)

COMMANDS: dict[str, type[Command]] = {
    command.kind: command
    for command in (
        PutChatMessage, ArchiveFile, TagFile, ScanText, AskRecordings, PublishEvent, WakeAt, Tell, ShowCall, ShowFlag,
    )
}  # fmt: skip


def effect_id(processor: str, command: Command) -> str:
    """Return the id of a command's effect: one processor asking for one key is one effect, however often it asks."""
    return fact_id("effect", processor, command.key)
