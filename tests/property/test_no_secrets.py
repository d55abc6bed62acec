"""Nothing secret or personal of a webhook ever reaches the public stream."""

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from processors.call_events import CallEvents, CallEventsState
from processors.commands import PublishEvent
from schemas.envelope import Envelope
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import Stage

MARK = "SECRET"  # in every planted text, so that a part of it is found too
_PUBLIC = {"uuid", "meeting_id"}  # ids that are public by contract, beside `id` of an object or a file
_SHAPED = {"event", "event_ts", "start_time", "end_time", "join_time", "leave_time"}  # another shape is no Zoom body

secrets = st.builds(lambda text: f"{MARK}{text}", st.text(max_size=20))
_NAMES = ("topic", "password", "host_email", "share_url", "timezone", "recording_play_passcode", "agenda", "join_url")
_PERSON = ("user_name", "email", "registrant_id", "customer_key", "phone_number", "leave_reason", "participant_uuid")
_FILE = ("play_url", "download_url", "file_name", "file_path", "recording_type", "status", "file_extension")

EVENTS = (
    call.started(0),
    call.joined(1, "101", call.HOST),
    call.left(60, "101", call.HOST),
    *(call.segment(verb, 10, 5) for verb in ("started", "paused", "resumed", "stopped")),
    call.ended(61),
    call.completed(90, call.file("f1", "MP4"), call.file(None, "TIMELINE")),
    call.webhook("recording.transcript_completed", 99, recording_files=[call.file("t1", "TRANSCRIPT")]),
)


@st.composite
def planted(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Every kind of webhook body with a secret in each string that is not an id or a time, and in fields Zoom may add."""
    return [_plant(draw, event.data, {"download_token", "note"}) for event in EVENTS]


def _plant(draw: st.DrawFn, value: Any, more: set[str]) -> Any:
    if isinstance(value, list):
        return [_plant(draw, one, more) for one in value]
    found = {name: _planted_field(draw, name, inner) for name, inner in value.items()}
    return {**found, **{name: draw(secrets) for name in sorted(more - found.keys())}}


def _planted_field(draw: st.DrawFn, name: str, value: Any) -> Any:
    if isinstance(value, dict | list):
        more = {"participant": _PERSON, "object": _NAMES, "recording_files": _FILE}.get(name, ())
        return _plant(draw, value, set(more))
    keep = name in _PUBLIC | _SHAPED or (name == "id" and value in (call.MEETING, "f1", "t1"))
    is_time = name in ("recording_start", "recording_end")
    return value if keep or is_time or not isinstance(value, str) else draw(secrets)


@given(planted())
@settings(max_examples=60, deadline=None)
def test_no_secret_is_published_when_it_stands_in_any_field(bodies: list[dict[str, Any]]) -> None:
    """Names, e-mails, links, tokens, passcodes and topics are in no data and no header."""
    stage: Stage[CallEventsState] = Stage(CallEvents(timedelta(minutes=30)))

    stage.hear(call.registered(join_url=f"https://zoom.us/j/1?pwd={MARK}", freelancer_name=MARK))
    stage.hear(*map(call.record, bodies))

    assert len(stage.published()) == 1 + len(EVENTS)
    assert [one.type for one in stage.published() if MARK in _everything(one)] == []


@given(secrets)
def test_a_recording_start_is_withheld_when_it_is_no_instant(secret: str) -> None:
    """The one free text of a file that is public must be an instant."""
    stage: Stage[CallEventsState] = Stage(CallEvents(timedelta(minutes=30)))

    stage.hear(call.completed(90, {**call.file("f1", "MP4"), "recording_start": secret}))

    (data,) = call.data_of(stage.published())
    assert data["files"][0]["recording_start"] is None


def _everything(published: PublishEvent) -> str:
    envelope = Envelope(
        id=published.event_id,
        source=published.source,
        type=published.type,
        data=published.data.encode(),
        time=published.occurred_at,
        subject=published.subject,
        dataschema=published.dataschema,
        partitionkey=published.partition_key,
    )
    return repr((envelope.headers(), envelope.key, published.data))
