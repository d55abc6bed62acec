"""What the page of a call shows, worked out before any template sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from math import ceil

from portal.participants import words
from portal.participants.gate import Visitor
from portal.recordings.files import File, Recording
from portal.reports.reports import Filed
from schemas.archive import ACCESS_DAYS

_ZOOMS_OWN = "call.recording_completed"


@dataclass(frozen=True, slots=True)
class Part:
    """One segment of the recording: what plays in the large player, what else there is, and what can be read along."""

    main: File
    others: Sequence[File]
    texts: Sequence[File]


@dataclass(frozen=True, slots=True)
class Form:
    """The report form as it was sent, with what is wrong with it; empty at first."""

    reason: str = ""
    text: str = ""
    moment: str = ""
    problems: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one call for one of its two people."""

    visitor: Visitor
    recording: Recording
    reports: Sequence[Filed]
    form: Form
    now: datetime
    downloads: bool

    @property
    def parts(self) -> list[Part]:
        """The recording by its segments; texts without anything to play are of no use here."""
        segments = groupby(self.recording.files, key=lambda file: (file.recording_start or "", file.session_id))
        return [part for _, files in segments if (part := _part(list(files))) is not None]

    @property
    def access_left(self) -> str | None:
        """How long it can still be watched; None when that has no meaning."""
        until = self.visitor.call.access_until
        return None if until is None or until <= self.now else words.left(until - self.now)

    @property
    def access_days_left(self) -> int:
        until = self.visitor.call.access_until
        return 0 if until is None else max(0, min(ACCESS_DAYS, ceil((until - self.now).total_seconds() / 86400)))

    @property
    def can_report(self) -> bool:
        expires_at = self.visitor.call.expires_at
        return expires_at is None or self.now < expires_at

    @property
    def csrf_token(self) -> str:
        return "" if self.visitor.session is None else self.visitor.session.csrf_token

    @property
    def moments(self) -> list[tuple[datetime, str]]:
        """What happened, in words; parts of one recording that Zoom finishes one by one are its own business."""
        told = self.visitor.call.timeline()
        return [(one.occurred_at, words.moment(one.type, one.is_host)) for one in told if one.type != _ZOOMS_OWN]


def _part(files: Sequence[File]) -> Part | None:
    playable = [file for file in files if file.is_playable]
    if not playable:
        return None
    return Part(playable[0], playable[1:], [file for file in files if not file.is_playable])
