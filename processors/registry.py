"""Every processor, one line each: its name and how it is made."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from processors.base import Processor
from processors.call_events import CallEvents
from processors.chat_invitation import ChatInvitation
from processors.meeting_flagging import MeetingFlagging, Policy
from processors.recording_archive import RecordingArchive
from processors.review_queue import ReviewQueue


@dataclass(frozen=True, slots=True)
class Options:
    """What processors are told when they are made: plain values, no settings."""

    call_page_url: str
    call_policies_url: str
    no_recording_grace: timedelta
    policy: Policy


PROCESSORS: dict[str, Callable[[Options], Processor[Any]]] = {
    "call_events": lambda options: CallEvents(options.no_recording_grace),
    "chat_invitation": lambda options: ChatInvitation(options.call_page_url, options.call_policies_url),
    "recording_archive": lambda _: RecordingArchive(),
    "meeting_flagging": lambda options: MeetingFlagging(options.policy),
    "review_queue": lambda _: ReviewQueue(),
}
