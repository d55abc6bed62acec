from pathlib import Path

import pytest

from infra.archive.checks import BYTE_ORDER_MARK, check_beginning, check_content_type, check_size
from infra.archive.errors import NotARecording, WrongSize
from schemas.archive import KINDS, Kind

PAGES = [b"<!DOCTYPE html><p>", b" \r\n<HTML lang=en>", BYTE_ORDER_MARK + b"<html>"]


@pytest.mark.parametrize(
    ("kind", "beginning"),
    [
        ("video", b"\0\0\0\x20ftypisom"),
        ("audio", b"\0\0\0\x1cftypM4A "),
        ("transcript", b"WEBVTT\r\n\r\n1\r\n"),
        ("transcript", BYTE_ORDER_MARK + b"WEBVTT\n"),
        ("captions", b"WEBVTT\n"),
        ("timeline", b' {"timeline":[]}'),
        ("summary", b"[1]"),
        ("thumbnail", b"\xff\xd8\xff\xe0..JFIF"),
        ("thumbnail", b"\x89PNG\r\n\x1a\n...."),
        ("chat", b"00:00:05\tAda:\thello\r\n"),
        ("chat", b"<b>00:00:05"),
        ("poll", b"#,User Name\n"),
        ("other", b"\0"),
    ],
)
def test_a_beginning_of_its_kind_passes(kind: Kind, beginning: bytes) -> None:
    """What Zoom really sends is let through."""
    check_beginning(kind, beginning)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beginning", [b"", *PAGES])
def test_a_page_or_nothing_is_refused_whatever_the_kind(kind: Kind, beginning: bytes) -> None:
    """No kind of file is empty, none begins like a web page."""
    with pytest.raises(NotARecording):
        check_beginning(kind, beginning)


@pytest.mark.parametrize("kind", ["video", "audio", "transcript", "captions", "timeline", "summary", "thumbnail"])
def test_another_type_is_refused(kind: Kind) -> None:
    """A beginning that is known has to be there."""
    with pytest.raises(NotARecording):
        check_beginning(kind, b"Only the host can download this recording")


@pytest.mark.parametrize("content_type", ["text/html", "Text/HTML; charset=utf-8", "application/xhtml+xml"])
def test_a_web_page_is_told_by_its_content_type(content_type: str) -> None:
    """Zoom serves no file as HTML."""
    with pytest.raises(NotARecording):
        check_content_type(content_type)


@pytest.mark.parametrize("content_type", [None, "", "video/mp4", "text/plain", "binary/octet-stream"])
def test_other_content_types_prove_nothing(content_type: str | None) -> None:
    """They are not to be trusted, neither for nor against a file."""
    check_content_type(content_type)


@pytest.mark.parametrize(
    ("kind", "declared", "received"),
    [
        ("video", 100, 100),
        ("video", None, 7),
        ("video", 0, 7),
        ("video", -1, 7),
        ("transcript", 100, 97),
        ("chat", 100, 130),
        ("timeline", 100, 50),
    ],
)
def test_a_size_that_can_be_whole_passes(kind: Kind, declared: int | None, received: int) -> None:
    """Binary files by the byte, texts by their half, unknown sizes as they are."""
    check_size(kind, declared, received)


@pytest.mark.parametrize(
    ("kind", "declared", "received"),
    [("video", 100, 99), ("audio", 100, 101), ("thumbnail", 10, 9), ("other", 10, 11), ("transcript", 100, 49)],
)
def test_a_size_that_cannot_be_whole_is_refused(kind: Kind, declared: int, received: int) -> None:
    """A cut file is refused."""
    with pytest.raises(WrongSize):
        check_size(kind, declared, received)


@pytest.mark.shared
def test_the_recorded_files_pass(shared: Path) -> None:
    """Every file that Zoom really made passes as its kind."""
    kinds: dict[str, Kind] = {"cc": "captions", "chat": "chat", "newchat": "chat", "timeline": "timeline"}
    for path in (shared / "zoom" / "files").iterdir():
        check_beginning(kinds.get(path.name.partition("__")[0], "transcript"), path.read_bytes()[:512])
