"""What call_events remembers of a session beyond `calls.Session`, and what of it Zoom never told us itself. Pure.

Reconciliation tells of what Zoom forgot. When Zoom's own word comes after all, it is the same fact: it adds nothing.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime

from processors.base import Event
from processors.call_facts import End
from processors.calls import INFERENCE_TOLERANCE, instant_of, is_same
from schemas.archive import object_key
from schemas.zoom import ZoomEvent


@dataclass(slots=True)
class Timeline:
    """What is remembered of a session beyond `Session`: every start and end, and the search for its recording.

    `inferred_starts` are those of `starts` that reconciliation found out. `told_files` are the files that were told of, by
    object key, each with whether reconciliation told of it.
    `wait_until` is the timer that was set last, `waited` whether it has fired; `asking` that a question is on its way.
    """

    starts: list[datetime] = field(default_factory=list)
    inferred_starts: list[datetime] = field(default_factory=list)
    ends: list[End] = field(default_factory=list)
    told_files: dict[str, bool] = field(default_factory=dict)
    recorded: bool = False
    wait_until: datetime | None = None
    waited: bool = False
    questions: int = 0
    asking: bool = False
    settled: bool = False


def note_lifecycle(timeline: Timeline, zoom: ZoomEvent, event: Event) -> None:
    """Note a start or an end, once; other events change nothing."""
    at = instant_of(zoom, event)
    if zoom.inferred and zoom.name == "meeting.ended":
        _infer_lifecycle(timeline, zoom.start_at, at)
    elif zoom.name == "meeting.started" and at not in timeline.starts:
        known = any(is_same(inferred, at) for inferred in timeline.inferred_starts)
        timeline.starts += [] if known else [at]
    elif zoom.name == "meeting.ended":
        end = End(at, zoom.end_at or at)
        known = any(one == end or (one.inferred and is_same(one.ended_at, end.ended_at)) for one in timeline.ends)
        timeline.ends += [] if known else [end]


def _infer_lifecycle(timeline: Timeline, started_at: datetime | None, ended_at: datetime) -> None:
    """Note a start and an end that reconciliation found out, unless Zoom told of the same ones."""
    if started_at and all(started_at < at - INFERENCE_TOLERANCE for at in timeline.starts):
        timeline.starts.append(started_at)
        timeline.inferred_starts.append(started_at)
    if all(one.ended_at < ended_at - INFERENCE_TOLERANCE for one in timeline.ends):
        timeline.ends.append(End(ended_at, ended_at, inferred=True))


def untold(timeline: Timeline, zoom: ZoomEvent) -> ZoomEvent | None:
    """What a recording's event says anew: of an inferred one the files that nobody told of; None where nothing is left.

    One of Zoom's own that comes after reconciliation has told of all its files says nothing new.
    """
    told = timeline.told_files
    files = {
        object_key(zoom.session_id or "", one.file_id, one.recording_start, one.file_type): one for one in zoom.files
    }
    if files and all(told.get(key, False) for key in files):
        return None
    if zoom.inferred:
        files = {key: file for key, file in files.items() if key not in told}
        zoom = replace(zoom, files=tuple(files.values()))
    told.update(dict.fromkeys(files, zoom.inferred))
    return zoom if files or not zoom.inferred else None
