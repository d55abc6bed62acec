"""Text rules over cues: windows, context, quotes, and what they must not show."""

import json

import pytest

from processors.meeting_flagging import scan
from processors.meeting_flagging.rules import Finding
from processors.meeting_flagging.text_rules import MAX_HITS_PER_RULE, find, windows
from schemas.texts.redact import MAX_QUOTE_CHARACTERS, mask, quote
from schemas.texts.transcripts import Utterance
from tests.unit.processors.shipped_policy import RULES_ALONE


def said(*lines: tuple[str | None, float, str]) -> list[Finding]:
    cues = [Utterance(speaker, start, start + 2, text) for speaker, start, text in lines]
    return find(cues, windows(cues), RULES_ALONE.text["transcript"], "transcript")


def rules(findings: list[Finding]) -> list[str]:
    return [finding["rule_id"] for finding in findings]


def test_phrase_cut_by_a_cue_is_found_once_with_both_times() -> None:
    """A phrase over two cues of one speaker is one finding, from the first cue to the second."""
    (finding,) = said(
        ("Ida", 10, "you could just send it with"), ("Bo", 12, "yeah"), ("Ida", 13, "western union instead")
    )

    assert finding["rule_id"] == "off_platform.payment"
    assert (finding["start_seconds"], finding["end_seconds"]) == (10, 15)
    assert finding["quote"] == "you could just send it with western union instead"


@pytest.mark.parametrize("second", [("Bo", 13, "western union instead"), ("Ida", 40, "western union is an office")])
def test_phrase_is_not_put_together_of_two_people_or_much_later(second: tuple[str, float, str]) -> None:
    """Words of another speaker, or long after, do not complete a phrase."""
    found = said(("Ida", 10, "you could just send it with"), second)

    assert [finding for finding in found if finding["start_seconds"] == 10] == []


def test_words_nearby_raise_the_confidence() -> None:
    """`near`: what anybody says close by makes a hit more certain."""
    alone = said(("Ida", 10, "do you take zelle"))
    near = said(("Ida", 10, "do you take zelle"), ("Bo", 20, "because of the commission"))

    assert (alone[0]["confidence"], near[0]["confidence"]) == (0.85, 0.95)


def test_work_talk_around_a_hit_takes_it_away() -> None:
    """`unless`: the policy's words as the subject of the work are innocent."""
    assert said(("Ida", 10, "users pay by paypal"), ("Ida", 12, "in the checkout form")) == []


def test_disguised_text_is_found_and_quoted_as_written() -> None:
    """Full-width letters and zero-width characters hide nothing; the quote is the original's."""
    text = "please \uff50ay me on pay\u200bpal inste\u00adad"
    (finding,) = said(("Ida", 10, text))

    assert finding["rule_id"] == "off_platform.payment"
    assert finding["quote"] == text


def test_one_rule_stops_counting_hits() -> None:
    """A rule reports so many hits of one document and no more."""
    lines = [("Ida", 100.0 * number, "that is shit") for number in range(MAX_HITS_PER_RULE + 5)]

    assert len(said(*lines)) == MAX_HITS_PER_RULE


def test_chat_rules_read_chats_alone() -> None:
    """Channels: a spoken file name is no link."""
    line = "00:00:05\tBo:\there it is report.pdf.exe"
    cue = "00:00:05.000 --> 00:00:06.000\nhere it is report.pdf.exe"

    assert rules(scan(line.encode(), "chat", RULES_ALONE).findings) == ["suspicious_link.program"]
    assert scan(cue.encode(), "transcript", RULES_ALONE).findings == []


SECRETS = {
    "give me your card number, okay it is 4111 1111 1111 1111": ["4111", "1111 1111"],
    "my number is 617 555 0123 and text me": ["555", "0123"],
    "my number is six one seven five five five oh one two three": ["seven five five"],
    "our wifi password is Tulip#2031 by the way": ["Tulip", "2031"],
    "so the admin password is blue whale seven seven okay": ["blue", "whale", "seven"],
    "pwd: hunter2 and then go on": ["hunter2"],
    "what's your ssn, mine is 536-22-8145": ["536", "8145"],
    "it goes to DE89 3704 0044 0532 0130 00": ["3704", "0532"],
    "write me at painter.of.walls@gmail.com": ["painter", "gmail"],
    "it is lena dot weber at gmail dot com": ["lena", "weber"],
    "tell me the six digit code, okay the code is 482913": ["482913"],
    "call me on +44 (20) 7946-0000": ["7946", "0000"],
}


@pytest.mark.parametrize(("text", "secrets"), SECRETS.items())
def test_planted_secrets_are_in_no_finding(text: str, secrets: list[str]) -> None:
    """Personal data is masked wherever a finding quotes it."""
    found = said(("Ida", 10, text), ("Ida", 12, "do you take venmo"))

    assert found
    assert [secret for secret in secrets if secret in str(found)] == []


def test_number_cut_by_a_cue_is_masked() -> None:
    """Half a card number in each of two cues shows neither half."""
    found = said(("Ida", 10, "read your card number back 4111 1111"), ("Ida", 12, "1111 1111 do you take venmo"))

    assert "personal_data.card_number" in rules(found)
    assert "1111 1111" not in str(found)


def test_speakers_name_is_masked_too() -> None:
    """A display name can hold contact data."""
    (finding,) = said(("Ida +1 617 555 0123", 10, "do you take venmo"))

    assert finding["speaker"] == "Ida [phone]"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("card 4242 4242 4242 4242 ok", "card [card ••4242] ok"),
        ("ssn 536-22-8145.", "ssn [ssn]."),
        ("mail a.b@c.example now", "mail [e-mail] now"),
        ("the pin is 4821", "the pin is [secret]"),
        ("login Summer2024! here", "login [secret] here"),
        ("in 30 days for 250 dollars at 5 pm", "in 30 days for 250 dollars at 5 pm"),
    ],
)
def test_mask(text: str, masked: str) -> None:
    """Personal data is replaced by its kind; small numbers stay."""
    assert mask(text) == masked


def test_quote_is_short_and_cuts_no_number_in_half() -> None:
    """A long text is cut around the hit, and a number at the cut is masked whole."""
    text = "x " * 55 + "4111 1111 1111 1111 " + "y" * 200

    cut = quote(text, 135, 140)

    assert len(cut) <= MAX_QUOTE_CHARACTERS
    assert "1111 1" not in cut


def test_findings_are_json_able() -> None:
    """What the runtime stores comes back from JSON as it was."""
    (finding,) = said(("Ida", 10, "do you take venmo"))

    assert json.loads(json.dumps(finding)) == finding
