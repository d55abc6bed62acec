"""Evidence: what is quoted, where in it the hit lies, and that no context shows what the quote hides."""

import pytest

from processors.meeting_flagging.evidence import evidence
from schemas.texts.redact import MAX_QUOTE_CHARACTERS
from schemas.texts.transcripts import Utterance


def cues(*texts: str) -> list[Utterance]:
    return [Utterance("Ida" if at % 2 == 0 else "Bo", 10.0 * at, 10.0 * at + 4, text) for at, text in enumerate(texts)]


def test_the_span_lies_exactly_on_the_hit() -> None:
    """Quote, span and the cues on either side are verbatim where there is nothing to mask."""
    said = cues("so how", "well you could Pay me by PayPal instead", "I see")
    start = said[1].text.index("Pay")

    found = evidence(said, 1, 1, start, start + len("Pay me by PayPal"))

    assert found["quote"] == said[1].text
    assert found["quote"][found["quote_from"] : found["quote_to"]] == "Pay me by PayPal"
    assert (found["said_before"], found["said_after"]) == ("so how", "I see")
    assert (found["speaker"], found["start_seconds"], found["end_seconds"]) == ("Bo", 10.0, 14.0)


def test_a_hit_over_two_cues_quotes_both_and_not_what_is_between() -> None:
    """What the other one says in between is no part of the phrase."""
    said = cues("send it by", "yeah", "western union please")

    found = evidence(said, 0, 2, 0, len("western union"))

    assert found["quote"] == "send it by western union please"
    assert found["quote"][found["quote_from"] : found["quote_to"]] == "send it by western union"
    assert (found["said_before"], found["said_after"]) == (None, None)
    assert found["end_seconds"] == 24.0


def test_a_masked_hit_is_the_whole_mask() -> None:
    """The span of a hit that was masked is the mask."""
    said = cues("my mail is a.b@mail.example ok")
    start = said[0].text.index("a.b")

    found = evidence(said, 0, 0, start, start + len("a.b@mail.example"))

    assert found["quote"][found["quote_from"] : found["quote_to"]] == "[e-mail]"


def test_a_long_cue_is_cut_around_the_hit() -> None:
    """A quote keeps to its length, and the span stays where the hit is."""
    said = cues("word " * 100 + "PayPal" + " word" * 100)
    start = said[0].text.index("PayPal")

    found = evidence(said, 0, 0, start, start + 6)

    assert len(found["quote"]) == MAX_QUOTE_CHARACTERS
    assert found["quote"][found["quote_from"] : found["quote_to"]] == "PayPal"


@pytest.mark.parametrize("answer", ["bluewhale", "sure, it's bluewhale and the year", "yeah one second, bluewhale"])
def test_the_answer_to_a_question_for_a_secret_is_masked_everywhere(answer: str) -> None:
    """Whatever the other one says when asked for a password is shown neither as quote nor as context."""
    said = cues("do you take venmo, and what's the password", answer, "thanks, venmo then")

    found = [evidence(said, place, place, 0, 3) for place in range(3)]

    assert "bluewhale" not in str(found)


def test_a_number_cut_by_a_cue_is_in_no_context() -> None:
    """Half of a card number in the next cue is masked as what it is part of."""
    said = [Utterance("Ida", 0, 2, "the card is 4111 1111"), Utterance("Ida", 2, 4, "1111 1111 venmo")]

    found = [evidence(said, place, place, 0, 3) for place in range(2)]

    assert "1111" not in str(found).replace("••1111", "")
