"""Fold text to what patterns are written for, and find the way back to the original.

Folding: NFKC, zero-width and other format characters out, one kind of quote and dash, lower case.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_QUOTES, _DOUBLE_QUOTES, _DASHES = (
    "\u2018\u2019\u201a\u201b\u2032`\u00b4",
    "\u201c\u201d\u201e\u2033",
    "\u2010\u2011\u2012\u2013\u2014\u2212",
)
_ALIKE = str.maketrans(
    {**dict.fromkeys(_QUOTES, "'"), **dict.fromkeys(_DOUBLE_QUOTES, '"'), **dict.fromkeys(_DASHES, "-")}
)


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text. `origins[i]` is where its character i stands in the original."""

    text: str
    origins: Sequence[int]

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that a span of the folded text, not empty, came from."""
        return self.origins[start], self.origins[end - 1] + 1


def fold(text: str) -> Folded:
    """Fold a text; never raises, whatever characters it holds."""
    if text.isascii():
        return Folded(text.lower().replace("`", "'"), range(len(text)))
    letters: list[str] = []
    origins: list[int] = []
    for place, letter in enumerate(text):
        if unicodedata.category(letter) == "Cf":
            continue
        folded = unicodedata.normalize("NFKC", letter.translate(_ALIKE)).lower()
        letters.append(folded)
        origins.extend([place] * len(folded))
    return Folded("".join(letters), origins)
