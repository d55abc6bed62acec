"""What people count and spell aloud is written down, and found again in what they said."""

import pytest

from schemas.texts.folding import fold
from schemas.texts.spoken import is_mostly_number, write_down


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("my number is four one five five five five two six seven one", "my number is 4155552671"),
        ("four one five, um, double five, five two, uh six seven one ok", "4155552671 ok"),
        ("plus forty four twenty seven nine four six oh nine five eight", "+44279460958"),
        ("double seven triple zero nine", "770009"),
        ("nine hundred one two three four", "9001234"),
        ("eight hundred five five five oh one two three", "8005550123"),
        ("twenty twenty six", "2026"),
        ("five three six, twenty two, eighty one forty five", "536228145"),
        ("4 1 5 um 5 5 5 okay 0 1 2 3", "4155550123"),
        ("1500 for two weeks", "1500 for two weeks"),
        ("for five to seven", "for five to seven"),
        ("one two, maybe three of them", "one two, maybe three of them"),
        ("seis uno dos tres cuatro cinco", "612345"),
        ("zéro six douze trente quatre", "061234"),
        ("null eins sieben zwei neun", "01729"),
        ("nove um dois três quatro", "91234"),
        ("d e eight nine three seven zero four zero zero four four zero five three two zero", "de893704004405320"),
    ],
)  # fmt: skip
def test_spoken_numbers_are_written_down(said: str, written: str) -> None:
    """Digits, tens, hundreds, doubles and triples, in five languages, over fillers; what is counted stays words."""
    assert write_down(fold(said)).text == written


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("john dot carter at gmail dot com", "john.carter@gmail.com"),
        ("it is j o h n underscore five at proton mail dot com please", "it is john_5@protonmail.com please"),
        ("write lena weber ninety nine at g mail dot com", "write lenaweber99@gmail.com"),
        ("my email is lena weber at gmail", "my email is lenaweber@gmail.com"),
        ("m as in mary a r t i n at yahoo dot co dot uk", "martin@yahoo.co.uk"),
        ("maria arroba gmail punto com", "maria@gmail.com"),
        ("p a y p a l works too", "paypal works too"),
        ("look at the dot com boom", "look at the dot com boom"),
        ("I work at amazon dot com", "i work at amazon dot com"),
        ("we arrive at five. It is late", "we arrive at five. it is late"),
    ],
)
def test_spoken_addresses_are_written_down(said: str, written: str) -> None:
    """Joined, spelled and cut short; places and companies are no addresses."""
    assert write_down(fold(said)).text == written


def test_a_written_number_comes_from_the_words_that_said_it() -> None:
    """The way back leads to the first and the last word."""
    said = "So call Four ONE five, um, Double five then"
    written = write_down(fold(said))
    start = written.text.index("41555")

    first, last = written.origin(start, start + 5)

    assert said[first:last] == "Four ONE five, um, Double five"


@pytest.mark.parametrize(
    ("text", "expected"), [("four one, um, five", True), ("yes 4 1 5", True), ("one of us", False)]
)
def test_dictation_is_told_from_talk(text: str, expected: bool) -> None:
    """A cue of digits alone goes on with the number before it."""
    assert is_mostly_number(text) is expected
