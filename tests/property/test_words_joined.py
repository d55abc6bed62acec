"""Words of cues that are read together are those of their joined text, however the cues are cut."""

from hypothesis import example, given
from hypothesis import strategies as st

from processors.meeting_flagging.learned.words import words_of, words_of_all
from schemas.texts.folding import fold

# What borders could hide: letters alone, apostrophes, marks, digits for letters, stutter, accents, quotes to be folded.
_PIECES = (
    "a",
    "i",
    "I'm",
    "it's",
    "h a t",
    "e",
    "hate",
    "you",
    "[in",
    "audible]",
    "{um}",
    "h4te",
    "@",
    "4",
    "10pm",
    "é",
    "“so”",
    "-",
    "_",
    ".",
    "",
    "ﬁt",
)
_CUES = st.lists(
    st.lists(st.sampled_from(_PIECES), max_size=5).map(" ".join) | st.text(max_size=12), min_size=1, max_size=3
)


@given(_CUES)
@example(["spell h a", "t e please"])
@example(["he said [in", "audible] to me"])
@example(["you you", "you", "you know"])
def test_words_of_joined_cues(cues: list[str]) -> None:
    """As if they had been one text."""
    texts = [fold(cue).text for cue in cues]

    assert words_of_all(texts, [words_of(text) for text in texts]) == words_of(fold(" ".join(cues)).text)
