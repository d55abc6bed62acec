import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from infra.archive.crc import combine
from infra.archive.model import Source, Target
from infra.archive.upload import PART_BYTES, part_bytes
from infra.retry_after import retry_after_seconds

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GIBIBYTE = 1024**3


@given(st.lists(st.binary(), max_size=5))
@example([b"", b"a", b""])
@example([bytes(70_000), b"x" * 65_537])
def test_the_checksum_of_the_whole_comes_from_those_of_the_parts(parts: list[bytes]) -> None:
    """Combining gives what summing the whole gives."""
    crc32 = 0
    for part in parts:
        crc32 = combine(crc32, zlib.crc32(part), len(part))

    assert crc32 == zlib.crc32(b"".join(parts))


@pytest.mark.parametrize(
    ("size_bytes", "parts"),
    [
        (None, None),
        (0, None),
        (1, 1),
        (PART_BYTES, 1),
        (PART_BYTES + 1, 2),
        (10 * GIBIBYTE, 1280),
        (500 * GIBIBYTE, 9847),
    ],
)
def test_parts_are_few_enough_and_no_smaller_than_they_need_be(size_bytes: int | None, parts: int | None) -> None:
    """8 MiB until S3's number of parts would run out."""
    size = part_bytes(size_bytes)

    assert size >= PART_BYTES
    assert size % (1024 * 1024) == 0
    assert parts is None or -(-(size_bytes or 0) // size) == parts


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("99999999999999999999", 86400.0),
        ("Sun, 22 Nov 2026 12:01:40 GMT", 100.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("2026-11-22T12:01:40Z", 100.0),
        ("2026-11-22T12:01:40", 100.0),
        ("2026-11-22T14:01:40+02:00", 100.0),
        ("2027-11-22", 86400.0),
        ("²", None),
    ],
)
def test_retry_after_in_every_form(value: str | None, seconds: float | None) -> None:
    """Seconds, HTTP date or ISO 8601, at most a day; anything else says nothing."""
    assert retry_after_seconds(value, NOW) == seconds


@given(st.text())
def test_retry_after_is_total(text: str) -> None:
    """Whatever a server writes, there is a number or none."""
    found = retry_after_seconds(text, NOW)

    assert found is None or 0 <= found <= 86400


def test_a_name_for_people_travels_as_a_header() -> None:
    """Old readers get plain ASCII, others the name as it is; nothing in it can end the header."""
    target = Target("k", "video", "video/mp4", 'Ö "x"\r\nA: b/é.mp4', {"hold": "none"})

    assert target.disposition == (
        "inline; filename=\"___x___A__b__.mp4\"; filename*=UTF-8''%C3%96%20%22x%22%0D%0AA%3A%20b%2F%C3%A9.mp4"
    )
    assert target.disposition.isascii()


def test_a_source_hides_link_and_token() -> None:
    """Neither is in its repr."""
    assert "SECRET" not in repr(Source("https://zoom.us/SECRET", "SECRET", 5))
