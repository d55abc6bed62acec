"""Reading transcripts, captions and chats in the shapes that Zoom writes."""

from pathlib import Path

import pytest

from schemas.texts.transcripts import Utterance, parse, seconds_covered

VTT = """WEBVTT

NOTE made by nobody

1
00:00:04.859 --> 00:00:07.410
Ida Tern (she/her): we begin &amp; record

2
00:00:09.540 --> 00:00:12.990
so the point is: nobody pays twice
3
01:00:15.630 --> 01:00:17.760
<v Bo>yes</v>
"""


def test_transcript_cues_have_speaker_times_and_text() -> None:
    """Names are split off, entities and tags are gone, a missing empty line does no harm."""
    assert parse(VTT.encode(), "transcript") == [
        Utterance("Ida Tern (she/her)", 4.859, 7.41, "we begin & record"),
        Utterance(None, 9.54, 12.99, "so the point is: nobody pays twice"),
        Utterance("Bo", 3615.63, 3617.76, "yes"),
    ]


@pytest.mark.parametrize("change", [("\n", "\r\n"), ("\n", "\r"), ("WEBVTT", "\ufeffWEBVTT"), ("WEBVTT", "")])
def test_line_ends_and_marks_make_no_difference(change: tuple[str, str]) -> None:
    """Any line end, a byte order mark or a missing header give the same cues."""
    assert parse(VTT.replace(*change).encode(), "transcript") == parse(VTT.encode(), "transcript")


def test_utf_16_is_read() -> None:
    """A file in UTF-16 with its mark is read as well."""
    assert parse(("\ufeff" + VTT).encode("utf-16-le"), "transcript") == parse(VTT.encode(), "transcript")


def test_captions_have_no_names() -> None:
    """A caption's text is never split, so no word is lost as a name."""
    document = b"WEBVTT\r\n\r\n00:00:01.000 --> 00:00:02.000\r\nNote: this\r\n"

    assert parse(document, "captions") == [Utterance(None, 1.0, 2.0, "Note: this")]


def test_lower_case_name_is_one_when_it_comes_back() -> None:
    """A prefix that several cues share is a name, however it is written."""
    cue = "00:00:0{0}.000 --> 00:00:0{0}.500\nbo from the dark kestrel studio: word {0}\n\n"

    assert {one.speaker for one in parse((cue.format(1) + cue.format(2)).encode(), "transcript")} == {
        "bo from the dark kestrel studio"
    }


def test_end_before_start_is_the_start() -> None:
    """Times never run backwards within a cue."""
    (cue,) = parse(b"00:00:09.000 --> 00:00:02.000\nx\n", "transcript")

    assert (cue.start_seconds, cue.end_seconds) == (9.0, 9.0)


def test_chat_lines_of_all_shapes() -> None:
    """Cloud chat, new chat with replies and reactions, and a locally saved one."""
    chat = (
        "00:05:16\tIda Tern:\thello\r\n"
        "and more\r\n"
        '00:05:20\tBo:\tReacted to "hello..." with \U0001f44d\r\n'
        '00:05:30\tBo:\tReplying to "hello..."\r\n'
        "\r\n"
        "fine\r\n"
        "14:06:00 From Ida to Bo (direct message):\tpsst: here\r\n"
    )

    assert parse(chat.encode(), "chat") == [
        Utterance("Ida Tern", 316.0, 316.0, "hello and more"),
        Utterance("Bo", 330.0, 330.0, "fine"),
        Utterance("Ida", 50760.0, 50760.0, "psst: here"),
    ]


def test_overlapping_cues_count_once() -> None:
    """Coverage is the time in which somebody was heard."""
    cues = [
        Utterance(None, 0, 10, ""),
        Utterance(None, 5, 12, ""),
        Utterance(None, 20, 21, ""),
        Utterance(None, 2, 3, ""),
    ]

    assert seconds_covered(cues) == 13.0


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "kind", "least"),
    [
        ("transcript__zoomgroupstats.vtt", "transcript", 100),
        ("transcript_short__zoomstudentengagement.vtt", "transcript", 5),
        ("cc__zoomstudentengagement.vtt", "captions", 50),
        ("chat__zoomgroupstats.txt", "chat", 5),
        ("newchat__zoomstudentengagement.txt", "chat", 5),
    ],
)
def test_recorded_files_are_read(shared: Path, name: str, kind: str, least: int) -> None:
    """Files that Zoom wrote give what is in them: as many cues as timings, a name on nearly each where there are names."""
    document = (shared / "zoom" / "files" / name).read_bytes()

    utterances = parse(document, kind)

    assert len(utterances) >= least
    named = sum(one.speaker is not None for one in utterances)
    assert named == 0 if kind == "captions" else named > 0.9 * len(utterances)
    if kind != "chat":
        assert len(utterances) == document.count(b"-->")
