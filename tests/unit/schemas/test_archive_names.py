from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.archive import KINDS, access_until, content_type_of, expires_at, extension_of, kind_of, object_key

ENDED_AT = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("file_id", "file_type", "key"),
    [
        ("a1B2-c3==", "MP4", "calls/2f612b3d3d/a1B2-c3=="),
        ("a/b c+~é", "MP4", "calls/2f612b3d3d/a%2Fb%20c%2B%7E%C3%A9"),
        (None, "TIMELINE", "calls/2f612b3d3d/2026-01-01T10%3A00%3A00Z-TIMELINE"),
        (None, "timeline", "calls/2f612b3d3d/2026-01-01T10%3A00%3A00Z-TIMELINE"),
    ],
)
def test_object_key_names_session_and_file(file_id: str | None, file_type: str, key: str) -> None:
    """The key holds the uuid in hex and the file id, percent-encoded where it must be."""
    assert object_key("/a+==", file_id, "2026-01-01T10:00:00Z", file_type) == key


@given(*[st.text(min_size=1)] * 4)
def test_object_key_is_different_for_different_files(session: str, other: str, file_id: str, other_id: str) -> None:
    """Two files share a key only if they are one."""
    try:
        keys = object_key(session, file_id, None, "MP4"), object_key(other, other_id, None, "MP4")
    except UnicodeEncodeError:
        return  # lone surrogates come out of no JSON text in UTF-8

    assert (keys[0] == keys[1]) == ((session, file_id) == (other, other_id))
    assert all(key.isascii() and key.count("/") == 2 for key in keys)


@pytest.mark.parametrize(
    ("file_type", "recording_type", "extension", "expected"),
    [
        ("MP4", "shared_screen_with_speaker_view", "MP4", ("video", "video/mp4", "mp4")),
        ("mp4", None, None, ("video", "video/mp4", "mp4")),
        ("M4A", "audio_only", "M4A", ("audio", "audio/mp4", "m4a")),
        ("TRANSCRIPT", "audio_transcript", "VTT", ("transcript", "text/vtt; charset=utf-8", "vtt")),
        ("CC", None, None, ("captions", "text/vtt; charset=utf-8", "vtt")),
        ("CHAT", "chat_file", "TXT", ("chat", "text/plain; charset=utf-8", "txt")),
        ("CHAT_MESSAGE", "chat_message", "JSON", ("chat", "application/json", "json")),
        ("TIMELINE", "timeline", "JSON", ("timeline", "application/json", "json")),
        ("SUMMARY", "summary", "JSON", ("summary", "application/json", "json")),
        ("CSV", "poll", "CSV", ("poll", "text/csv; charset=utf-8", "csv")),
        ("TB", "thumbnail", "JPG", ("thumbnail", "image/jpeg", "jpg")),
        ("AIC_CONVERSATION", None, "HTML", ("other", "application/octet-stream", "html")),
        ("NEVER_SEEN", "never_seen", "../x", ("other", "application/octet-stream", "bin")),
    ],
)
def test_a_type_gives_kind_content_type_and_extension(
    file_type: str, recording_type: str | None, extension: str | None, expected: tuple[str, str, str]
) -> None:
    """Every type that Zoom names has its kind; one that nobody has seen is kept as it is, opaque."""
    kind = kind_of(file_type, recording_type)

    assert (kind, content_type_of(file_type, extension), extension_of(file_type, extension)) == expected
    assert kind in KINDS


def test_days_count_from_the_end_of_the_call() -> None:
    """90 days of watching, 180 of keeping."""
    assert (access_until(ENDED_AT) - ENDED_AT).days == 90
    assert (expires_at(ENDED_AT) - ENDED_AT).days == 180
