"""Scanning files from a disk: what they are, when it was said, the flag they make, and what shadow must not show."""

from pathlib import Path

import pytest

from processors.meeting_flagging import load_policy
from processors.meeting_flagging.file_report import clock_time, file_report, kind_of
from tests.unit.processors.shipped_policy import POLICY, RULES_ALONE

TRANSCRIPT = b"""WEBVTT

1
00:00:03.500 --> 00:00:06.250
Ida: could you send the second half over venmo

2
01:02:03.004 --> 01:02:05.000
Ben: my password is hunter2 hunter3
"""
CHAT = b"00:10:02\tIda:\twhat is your whatsapp, I will send the brief there\n"


@pytest.mark.parametrize(
    ("name", "document", "kind"),
    [
        ("01.vtt", TRANSCRIPT, "transcript"),
        ("talk", b"\xef\xbb\xbfWEBVTT\n", "transcript"),
        ("GMT20261101_cc.vtt", TRANSCRIPT, "captions"),
        ("calls/accounts.vtt", TRANSCRIPT, "transcript"),
        ("01.chat.txt", CHAT, "chat"),
        ("empty.txt", b"", "chat"),
    ],
)
def test_what_a_file_is(name: str, document: bytes, kind: str) -> None:
    """Told by what it holds; captions by their name."""
    assert kind_of(name, document) == kind


def test_findings_have_times_speaker_and_part() -> None:
    """Times are those of the cue; the quote is masked; the parts make the score of the flag."""
    report = file_report("01.vtt", TRANSCRIPT, RULES_ALONE)

    first = report["findings"][0]
    assert (first["rule"], first["category"], first["channel"]) == (
        "off_platform.payment",
        "off_platform",
        "transcript",
    )
    assert (first["start"], first["end"], first["speaker"]) == ("00:00:03.500", "00:00:06.250", "Ida")
    assert {one["start"] for one in report["findings"]} == {"00:00:03.500", "01:02:03.004"}
    assert "hunter" not in str(report)
    remaining = 1.0
    for one in report["findings"]:
        remaining *= 1 - one["part"]
    assert report["flag"]["score"] == pytest.approx(1 - remaining, abs=0.001)
    assert report["flag"]["policy_version"] == RULES_ALONE.version


def test_chat_line_ends_when_it_starts() -> None:
    """A message has no length; one finding of severity 3 that is right often enough makes a flag."""
    report = file_report("01.chat.txt", CHAT, RULES_ALONE)

    (finding,) = report["findings"]
    assert (finding["channel"], finding["start"], finding["end"]) == ("chat", "00:10:02.000", "00:10:02.000")
    assert (report["flag"]["severity"], report["flag"]["score"]) == (3, 0.3)


def test_learned_finding_shows_what_it_is_like_and_which_words_told() -> None:
    """The nearest labelled lines by id, and words of the quote; a rule's finding has neither."""
    said = b"install any desk and read me the nine digit code so I can control your computer"

    report = file_report("01.vtt", b"WEBVTT\n\n1\n00:00:01.000 --> 00:00:05.000\nIda: " + said, POLICY)

    by_model = [one for one in report["findings"] if one["rule"].startswith("model.")]
    by_rule = [one for one in report["findings"] if not one["rule"].startswith("model.")]
    assert by_model
    assert all(len(one["nearest"]) == 3 and one["telling"] for one in by_model)
    assert all(one["nearest"] == one["telling"] == [] for one in by_rule)


def test_shadow_is_told_apart_and_without_quotes(tmp_path: Path) -> None:
    """A rule in shadow makes no flag, and shows neither words nor speaker."""
    (tmp_path / "family.yaml").write_text(
        """
- {id: test.rule, title: A rule, explanation: What to know of it., category: sexual, severity: 5, confidence: 1,
   mode: shadow, channels: [chat], any: [brief], match: [brief], no_match: [long]}
"""
    )
    report = file_report("01.chat.txt", CHAT, load_policy(tmp_path))

    assert (report["findings"], report["flag"]) == ([], None)
    assert [one["rule"] for one in report["shadow"]] == ["test.rule"]
    assert "brief" not in str(report)
    assert "Ida" not in str(report)


def test_clock_time_of_an_hour() -> None:
    """Thousandths are rounded before minutes are counted."""
    assert clock_time(3599.9996) == "01:00:00.000"
    assert clock_time(61.04) == "00:01:01.040"
