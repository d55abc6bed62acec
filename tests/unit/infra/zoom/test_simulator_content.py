"""The bytes of simulated files."""

import hashlib

import pytest

from infra.errors import ConfigurationError
from infra.zoom.simulator.content import BLOCK_BYTES, MEDIA, media_content, text_content
from infra.zoom.simulator.faults import parse_fault
from infra.zoom.simulator.tokens import Claims, mint, opens
from tests.fakes.clock import FakeClock

CLIPS = {"MP4": "video.mp4", "M4A": "audio.m4a"}


def boxes(data: bytes) -> list[str]:
    """The kinds of the boxes of a file, each of which begins where the one before ends, and the last at the end."""
    kinds, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kinds.append(data[at + 4 : at + 8].decode())
        at += int.from_bytes(data[at + 8 : at + 16], "big") if size == 1 else size
    assert at == len(data)
    return kinds


@pytest.mark.parametrize("extension", ["MP4", "M4A"])
def test_media_is_a_clip_and_then_what_players_skip(extension: str) -> None:
    """The whole clip, its index before its samples; the rest is one `free` box that reaches exactly to the end."""
    size = 2 * BLOCK_BYTES + 17
    data = b"".join(media_content(extension, size, "seed").read())

    assert boxes(data) == ["ftyp", "moov", "free", "mdat", "free"]
    assert data.startswith((MEDIA / CLIPS[extension]).read_bytes())
    assert len(data) == size


@pytest.mark.parametrize(("spare_bytes", "kinds"), [(16, ["moov", "free", "mdat"]), (15, [])])
def test_media_too_small_for_the_clip_is_boxes_all_the_same(spare_bytes: int, kinds: list[str]) -> None:
    """A clip is whole or not there at all."""
    size = (MEDIA / "video.mp4").stat().st_size + spare_bytes

    data = b"".join(media_content("MP4", size, "seed").read())

    assert boxes(data) == ["ftyp", *kinds, "free"]


@pytest.mark.parametrize(("extension", "least_bytes"), [("MP4", 48), ("M4A", 44), ("JPG", 20), ("ZIP", 0)])
def test_media_has_room_for_its_beginning(extension: str, least_bytes: int) -> None:
    """One byte less is refused."""
    assert len(b"".join(media_content(extension, least_bytes, "seed").read())) == least_bytes
    if least_bytes:
        with pytest.raises(ValueError, match=f"at least {least_bytes} bytes"):
            media_content(extension, least_bytes - 1, "seed")


@pytest.mark.parametrize(("start", "end"), [(0, 10), (BLOCK_BYTES - 3, BLOCK_BYTES + 3), (5, None), (600_000, None)])
def test_any_part_is_the_same_as_in_the_whole(start: int, end: int | None) -> None:
    """Ranges agree with the whole, across blocks."""
    content = media_content("MP4", 600_000, "seed")
    whole = b"".join(content.read())

    assert b"".join(content.read(start, end)) == whole[start:end]


def test_content_is_the_same_for_the_same_seed_only() -> None:
    """The seed decides, and the digest is that of the bytes."""
    one, same, other = (media_content("MP4", 50_000, seed) for seed in ("1", "1", "2"))

    assert one.sha256() == same.sha256() == hashlib.sha256(b"".join(one.read())).hexdigest()
    assert one.sha256() != other.sha256()


def test_huge_content_costs_nothing_until_it_is_read() -> None:
    """The last bytes of 50 GiB are there at once."""
    size = 50 * 1024**3
    content = media_content("MP4", size, "seed")

    assert len(b"".join(content.read(size - 5))) == 5


def test_text_is_its_utf8_bytes() -> None:
    """A text of several blocks comes back whole."""
    text = "lighthouse 🎨 " * 40_000

    assert b"".join(text_content(text).read()).decode() == text


@pytest.mark.parametrize(
    "text", ["html200", "401!", "429:3", "cut:60", "chunked:0", "size:-7", "slow:0.5!", "norange!"]
)
def test_fault_reads_back_as_it_is_written(text: str) -> None:
    """A fault's text is its whole description."""
    assert str(parse_fault(text)) == text


@pytest.mark.parametrize("text", ["", "500", "cut:x", "html200:7", "cut:60%"])
def test_fault_is_refused_when_there_is_no_such(text: str) -> None:
    """A typing mistake is answered by the list."""
    with pytest.raises(ConfigurationError, match="html200"):
        parse_fault(text)


def test_download_token_opens_its_session_until_it_expires() -> None:
    """One session, until exp; not a second longer."""
    clock = FakeClock()
    token = mint(Claims("uuid/1==", "account", "user", int(clock.now().timestamp()) + 60))

    assert opens(token, "uuid/1==", clock.now())
    assert not opens(token, "uuid/2==", clock.now())
    clock.advance(60)
    assert not opens(token, "uuid/1==", clock.now())


@pytest.mark.parametrize("token", ["", ".", "a.b.c", "é.é.é", "eyJhbGciOiJIUzUxMiJ9..", "x" * 10_000])
def test_foreign_tokens_open_nothing(token: str) -> None:
    """Any text gives an answer."""
    assert not opens(token, "uuid", FakeClock().now())
