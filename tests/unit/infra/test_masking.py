"""Secrets and persons do not reach the terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.masking import MASK, mask_bytes, mask_headers, mask_text, mask_value

PLANTED = "kT9-planted-secret"


@pytest.mark.parametrize(
    "key",
    [
        "token", "download_token", "passcode", "recording_play_passcode", "password", "pwd", "downloadUrl", "url",
        "join_url", "link", "share_links", "email", "host_email", "name", "user_name", "display_name", "sender_name",
        "topic", "text", "message", "comment", "Authorization", "phone_number", "public_ip",
    ],
)  # fmt: skip
@pytest.mark.parametrize("value", [PLANTED, [PLANTED], {"inner": PLANTED}, 481516])
def test_a_value_is_hidden_when_its_key_tells(key: str, value: object) -> None:
    """Whole, whatever its type, at any depth."""
    assert mask_value({"payload": [{key: value}]}) == {"payload": [{key: MASK}]}


@pytest.mark.parametrize(
    "text",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJhIjoiYiJ9.c2lnbmF0dXJl",
        "anna.b+c@mail.example.org",
        "https://us02web.zoom.us/rec/webhook_download/abc?access_token=x",
        "https://us02web.zoom.us/j/123456789",
        "HTTPS://EXAMPLE.ORG/PAGE?PWD=X",
    ],
)
def test_a_text_is_hidden_when_it_looks_like_a_secret(text: str) -> None:
    """In a value, inside a sentence and in text that is no JSON."""
    assert mask_text(f"see {text} now") == f"see {MASK} now"
    assert mask_value({"id": text}) == {"id": MASK}
    assert mask_bytes(f"not json: {text}".encode()) == f"not json: {MASK}"


def test_what_people_need_stays() -> None:
    """Ids, times, event names, sizes and states are shown."""
    body = {"event": "meeting.started", "event_ts": 1, "payload": {"object": {"id": 85, "uuid": "a/b==", "type": 2}}}

    assert mask_value(body) == body


def test_empty_values_stay_when_their_key_tells() -> None:
    """Whether there is a passcode at all is worth knowing."""
    assert mask_value({"password": "", "email": None, "has_password": False}) == {
        "password": "",
        "email": None,
        "has_password": False,
    }


def test_bytes_are_hidden_whole_when_they_are_no_text() -> None:
    """Nobody can look into them, so nobody can say that they hold nothing."""
    assert mask_bytes(b"\xff\xfe" + PLANTED.encode()) == MASK


def test_headers_are_hidden_by_name_and_by_looks() -> None:
    """CloudEvents attributes stay readable."""
    headers = {"ce_type": "us.zoom.meeting.started", "x-token": PLANTED, "ce_subject": "a@b.example"}

    assert mask_headers(headers) == {"ce_type": "us.zoom.meeting.started", "x-token": MASK, "ce_subject": MASK}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=10,
)


@given(around=json_values, key=st.sampled_from(["token", "join_url", "user_name"]))
def test_a_planted_secret_never_shows(around: object, key: str) -> None:
    """Whatever stands around it."""
    shown = mask_bytes(json.dumps([around, {"a": {key: PLANTED}}]).encode())

    assert PLANTED not in shown


@given(st.binary())
def test_masking_is_total(content: bytes) -> None:
    """Any bytes give a text."""
    assert isinstance(mask_bytes(content), str)


def test_a_count_stays_and_words_go_under_a_key_of_words() -> None:
    """How many transcripts there are is no secret; what is in one is, and so is who left and why."""
    shown = mask_value({"transcripts": 2, "transcript": "see you", "leave_reason": "Ana left the meeting."})

    assert shown == {"transcripts": 2, "transcript": MASK, "leave_reason": MASK}
