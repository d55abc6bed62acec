"""What makes a webhook's occurrence unique, row by row of the table."""

import copy
from typing import Any
from uuid import UUID

import pytest

from schemas.errors import InvalidEvent
from schemas.identity import fact_id, read_occurrence, text_id
from tests.unit.schemas.examples import ZOOM, Example, zoom

FILES = "payload.object.recording_files"


def changed(body: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set, or without it when the value is `...`."""
    body = copy.deepcopy(body)
    *way, last = (int(step) if step.isdigit() else step for step in path.split("."))
    place: Any = body
    for step in way:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return body


def id_of(body: dict[str, Any]) -> str:
    return read_occurrence(body).id


@pytest.mark.parametrize("example", ZOOM, ids=str)
def test_the_identity_stays_when_urls_tokens_and_key_order_differ(example: Example) -> None:
    """Two deliveries of one occurrence are one, whatever their links, tokens and order of keys."""
    other = _with_other_secrets(example.document)

    assert id_of({**other, "download_token": "another"}) == id_of(example.document)
    assert id_of(dict(reversed(other.items()))) == id_of(example.document)
    assert UUID(id_of(example.document)).version == 5


def test_all_examples_differ_when_they_are_different_occurrences() -> None:
    """Of all Zoom examples only the one that was delivered twice shares its identity."""
    ids = [id_of(example.document) for example in ZOOM if example.case != "id_as_number"]

    assert len(ids) - len(set(ids)) == 1
    again = zoom("recording.completed", "again_with_another_url_and_token")
    assert id_of(again) == id_of(zoom("recording.completed", "usual"))


@pytest.mark.parametrize(
    ("event", "case", "path", "value"),
    [
        ("meeting.started", "id_as_text", "event_ts", 1795356000001),
        ("meeting.started", "id_as_text", "payload.account_id", "another"),
        ("meeting.started", "id_as_text", "payload.object.uuid", "another=="),
        ("meeting.ended", "usual", "event_ts", 1795357865112),
        ("meeting.participant_joined", "host", "payload.object.participant.user_id", "16778241"),
        ("meeting.participant_joined", "host", "payload.object.participant.join_time", "2026-11-22T14:00:04Z"),
        ("meeting.participant_left", "host", "payload.object.participant.leave_time", "2026-11-22T14:31:05Z"),
        ("recording.completed", "usual", f"{FILES}.0.id", "another"),
        ("recording.completed", "usual", f"{FILES}.0.file_size", 1),
        ("recording.completed", "usual", f"{FILES}.0.status", "processing"),
        ("recording.completed", "usual", f"{FILES}.3", ...),
        ("recording.completed", "old_without_ids_and_event_ts", f"{FILES}.1.file_type", "CHAT"),
        ("recording.completed", "old_without_ids_and_event_ts", f"{FILES}.1.recording_start", "2026-11-22T14:09:00Z"),
        ("recording.completed", "with_participant_audio_and_new_types",
         "payload.object.participant_audio_files.0.id", "another"),
        ("recording.transcript_completed", "usual", "payload.object.uuid", "another=="),
        ("recording.paused", "usual", "payload.object.recording_file.recording_start", "2026-11-22T14:00:06Z"),
        ("recording.resumed", "usual", "event_ts", 1795356660001),
        ("meeting.risk_alert", "posted_publicly", "payload.object.armn_details.post_platform", "elsewhere"),
        ("recording.batch_trashed", "several", "payload.object.meeting_uuids", ["another=="]),
        ("meeting.started", "old_without_event_ts", "payload.object.start_time", "2026-11-22T14:00:01Z"),
    ],
)  # fmt: skip
def test_the_identity_differs_when_another_occurrence_is_told(event: str, case: str, path: str, value: Any) -> None:
    """What the table names makes the difference."""
    body = zoom(event, case)
    assert id_of(changed(body, path, value)) != id_of(body)


@pytest.mark.parametrize(
    ("event", "case", "path", "value"),
    [
        ("meeting.started", "id_as_text", "payload.object.topic", "renamed"),
        ("meeting.participant_joined", "host", "event_ts", 1),
        ("meeting.participant_joined", "host", "payload.object.participant.user_name", "renamed"),
        ("recording.completed", "usual", "event_ts", 1),
        ("recording.completed", "usual", "payload.object.share_url", "another"),
        ("recording.stopped", "usual", "payload.object.recording_file.recording_end", None),
    ],
)
def test_the_identity_stays_when_the_rest_differs(event: str, case: str, path: str, value: Any) -> None:
    """What the table does not name is not part of it."""
    body = zoom(event, case)

    assert id_of(changed(body, path, value)) == id_of(body)


def test_the_order_of_files_is_no_difference() -> None:
    """Files are sorted before they count."""
    body = zoom("recording.completed", "usual")
    files = body["payload"]["object"]["recording_files"]

    assert id_of(changed(body, FILES, files[::-1])) == id_of(body)


@pytest.mark.parametrize(
    ("body", "key", "session"),
    [
        (zoom("meeting.started", "id_as_text"), "98123456789", "hW/+3kQbR0aZ1xYw5vT8Gg=="),
        (zoom("meeting.started", "id_as_number"), "98123456789", "hW/+3kQbR0aZ1xYw5vT8Gg=="),
        (zoom("meeting.chat_message_file_sent", "other_id_names"), "98123456789", "hW/+3kQbR0aZ1xYw5vT8Gg=="),
        (zoom("recording.batch_deleted", "several"), "Qk3vTernS7mZ1aYw", None),
        ({"event": "user.updated", "payload": {"account_id": "a", "object": {"id": "u"}}}, "a", None),
        ({"event": "user.updated", "payload": {"object": {"account_id": "b"}}}, "b", None),
        ({"event": "meeting.x", "payload": {"object": {"uuid": "s"}}}, "s", "s"),
        ({"event": "meeting.x", "payload": {}}, None, None),
    ],
)
def test_the_partition_key_is_the_first_that_is_named(
    body: dict[str, Any], key: str | None, session: str | None
) -> None:
    """The meeting id as text, else the account, else the session, else none."""
    occurrence = read_occurrence(body)

    assert (occurrence.partition_key, occurrence.session_id) == (key, session)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ([], "not a JSON object"),
        ({"payload": {}}, "names no event"),
        ({"event": "a b", "payload": {}}, "names no event"),
        ({"event": "x" * 129, "payload": {}}, "names no event"),
        ({"event": "meeting.started", "payload": []}, "no payload"),
    ],
)
def test_a_body_is_refused_when_it_is_not_of_zooms_shape(body: object, text: str) -> None:
    """The error says what is wrong and quotes nothing of the body."""
    with pytest.raises(InvalidEvent, match=text):
        read_occurrence(body)


def test_a_fact_has_one_id_when_its_parts_are_the_same() -> None:
    """Ids never change: subscribers have stored them."""
    assert fact_id("call.created", "call-1") == "13656bd8-c025-5f09-bfc3-9106ec6fddd5"
    assert fact_id("a", "b") != fact_id("ab")


@pytest.mark.parametrize(("value", "text"), [(5, "5"), ("5", "5"), ("", None), (None, None), (True, None), ([], None)])
def test_an_id_is_text_when_it_is_a_number_or_text(value: object, text: str | None) -> None:
    """Null and "" mean absent; anything else is no id."""
    assert text_id(value) == text


def _with_other_secrets(value: Any) -> Any:
    if isinstance(value, list):
        return [_with_other_secrets(one) for one in value]
    if not isinstance(value, dict):
        return value
    secret = ("url", "token", "password", "passcode")
    return {name: "other" if name.endswith(secret) else _with_other_secrets(inner) for name, inner in value.items()}
