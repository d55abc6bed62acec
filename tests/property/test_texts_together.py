"""Cues that are written down together read as their joined text does, however they are cut."""

from hypothesis import example, given
from hypothesis import strategies as st

from schemas.texts.folding import fold, joined
from schemas.texts.spoken import Part, write_down, write_down_together

# What borders could hide: digits and tens, repeats, fillers, spelled words, addresses, other languages, what folding changes.
_PIECES = (
    "four",
    "one",
    "twenty",
    "hundred",
    "double",
    "4",
    "15",
    "um",
    "and",
    "j",
    "o",
    "oh",
    "dot",
    "at gmail",
    "com",
)
_FOREIGN = ("quatre", "vingts", "dix", "sete", "“so”", "ﬁt", "é", "\u200b", ".", "-", "")
_CUES = st.lists(
    st.lists(st.sampled_from(_PIECES + _FOREIGN), max_size=6).map(" ".join) | st.text(max_size=12),
    min_size=1,
    max_size=4,
)


@given(_CUES)
@example(["my number is four", "one five five five", "um", "oh one two"])
@example(["it is j o h", "n dot carter at", "gmail dot com"])
def test_cues_are_written_down_as_one_text(cues: list[str]) -> None:
    """The same text, and every character knows where in the joined original it came from."""
    folded = [fold(cue) for cue in cues]
    together = write_down_together([Part(one) for one in folded])

    assert together == write_down(joined(folded))
    original = " ".join(cues)
    assert together.size == len(original)
    assert all(0 <= begin < end <= len(original) for begin, end in zip(together.begins, together.ends, strict=True))


@given(st.text(), st.text())
def test_joined_texts_are_folded_as_each_alone(one: str, other: str) -> None:
    """Each keeps its letters and their places; a blank parts them."""
    first, second = fold(one), fold(other)
    both = joined([first, second])

    assert both.text == f"{first.text} {second.text}"
    at = len(one) + 1
    places = [*zip(first.begins, first.ends, strict=True), (len(one), at)]
    places += [(at + begin, at + end) for begin, end in zip(second.begins, second.ends, strict=True)]
    assert list(zip(both.begins, both.ends, strict=True)) == places
