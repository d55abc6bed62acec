"""Fold text to what patterns are written for, and find the way back to the original.

Folding: NFKC, zero-width and other format characters out, one kind of quote and dash, lower case.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import re2

_QUOTES, _DOUBLE_QUOTES, _DASHES = (
    "\u2018\u2019\u201a\u201b\u2032`\u00b4",
    "\u201c\u201d\u201e\u2033",
    "\u2010\u2011\u2012\u2013\u2014\u2212",
)
_ALIKE = str.maketrans(
    {**dict.fromkeys(_QUOTES, "'"), **dict.fromkeys(_DOUBLE_QUOTES, '"'), **dict.fromkeys(_DASHES, "-")}
)

_FORMAT = re2.compile(r"\p{Cf}")

Piece = tuple[int, int, str]  # start and end in a folded text, and what to put there


@dataclass(frozen=True, slots=True)
class Folded:
    """Folded text. Its character i came from `begins[i]` up to `ends[i]` of the original, which has `size` characters."""

    text: str
    begins: Sequence[int]
    ends: Sequence[int]
    size: int

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that a span of the folded text, not empty, came from."""
        return self.begins[start], self.ends[end - 1]

    def replaced(self, pieces: Iterable[Piece]) -> "Folded":
        """Return it with spans replaced; `pieces` are in order and do not overlap, their texts are not empty."""
        text: list[str] = []
        begins: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end, new in pieces:
            text += [self.text[at:start], new]
            begins += [*self.begins[at:start], *[self.begins[start]] * len(new)]
            ends += [*self.ends[at:start], *[self.ends[end - 1]] * len(new)]
            at = end
        if not text:
            return self
        text.append(self.text[at:])
        return Folded("".join(text), [*begins, *self.begins[at:]], [*ends, *self.ends[at:]], self.size)


def joined(parts: Sequence[Folded]) -> Folded:
    """Return the folded form of the originals joined by blanks."""
    text, size = " ".join([part.text for part in parts]), sum([part.size for part in parts]) + len(parts) - 1
    if all(isinstance(part.begins, range) for part in parts):  # each character is its original's
        return Folded(text, range(size), range(1, size + 1), size)
    begins: list[int] = []
    ends: list[int] = []
    at = 0
    for part in parts:
        if at:
            begins.append(at - 1)
            ends.append(at)
        begins += [at + place for place in part.begins]
        ends += [at + place for place in part.ends]
        at += part.size + 1
    return Folded(text, begins, ends, size)


def fold(text: str) -> Folded:
    """Fold a text; never raises, whatever characters it holds."""
    alike = text.translate(_ALIKE) if not text.isascii() else text.replace("`", "'")
    lowered = alike.lower()
    if _keeps_its_letters(alike) and len(lowered) == len(text):  # nearly all talk, with its accents
        return Folded(lowered, range(len(text)), range(1, len(text) + 1), len(text))
    letters: list[str] = []
    begins: list[int] = []
    for place, letter in enumerate(text):
        if unicodedata.category(letter) == "Cf":
            continue
        folded = unicodedata.normalize("NFKC", letter.translate(_ALIKE)).lower()
        letters.append(folded)
        begins.extend([place] * len(folded))
    return Folded("".join(letters), begins, [place + 1 for place in begins], len(text))


def _keeps_its_letters(alike: str) -> bool:
    return alike.isascii() or (unicodedata.is_normalized("NFKC", alike) and _FORMAT.search(alike) is None)
