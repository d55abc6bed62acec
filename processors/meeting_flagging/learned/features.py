"""What a text is made of, block by block. Every count of a text is a sum over its words and pairs of words.

A block's counts are weighed by how rare each is in the corpus and scaled by their length, so that long and short texts are
alike. What no two examples hold counts as the rarest and weighs nothing.
"""

import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from processors.meeting_flagging.learned.concepts import Concepts, Tagged
from processors.meeting_flagging.learned.vectors import DIMENSIONS, Numbers, Vectors
from processors.meeting_flagging.learned.words import bordered, pieces, words_of

# Shares of the blocks, and of the likeness of vectors, by leave-one-writer-out on the corpus (docs/trust-and-safety.md).
BLOCK_SHARES: Mapping[str, float] = {"words": 1.0, "letters": 1.0, "concepts": 0.5, "concept_pairs": 0.5}
VECTOR_SHARE = 1.0
# Rarest grams that every text is counted to have besides its own: what is said of two words is said less loudly.
DAMPING: Mapping[str, float] = {"words": 8.0, "letters": 16.0, "concepts": 3.0, "concept_pairs": 3.0}
LETTERS = "letters"  # the block whose grams are cut further: a word's runs of letters

Rows = np.ndarray[Any, np.dtype[Any]]  # of 32 or 64 bits
Places = NDArray[np.intp]


class Read(NamedTuple):
    """A text as the learned detector sees it: its words, and what each block counts, each once."""

    words: Sequence[str]
    tagged: Sequence[Tagged]
    grams: Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads folded text."""

    concepts: Concepts
    vectors: Vectors

    def read(self, folded: str) -> Read:
        """Return what there is to count in a text."""
        return self.read_words(words_of(folded))

    def read_words(self, found: Sequence[str]) -> Read:
        """Return what there is to count in a text of these words."""
        words = self.concepts.split(found)
        tagged = self.concepts.tagged(words)
        named = [f"#{concepts[0]}" if concepts else word for concepts, word in tagged]
        grams = {
            "words": [*words, *(f"{one} {two}" for one, two in bordered(words))],
            LETTERS: words,
            "concepts": [name for concepts, _ in tagged for name in concepts],
            "concept_pairs": [f"{one} {two}" for one, two in bordered(named) if one[0] == "#" or two[0] == "#"],
        }
        return Read(words, tagged, {name: list(dict.fromkeys(found)) for name, found in grams.items()})

    def places(self, texts: Sequence[Sequence[str]]) -> Numbers:
        """Return where texts lie, a row each: the mean of its words' pieces, zeros for a text without words."""
        counted = count(texts)
        vectors = [self.vectors.of(word) for word in counted.distinct] or [np.zeros(DIMENSIONS + 1)]
        total = counted.summed(np.array(vectors, dtype=np.float32), np.float32).astype(np.float64)
        places: Numbers = total[:, :-1] / np.maximum(1.0, total[:, -1:])
        return places


@dataclass(frozen=True, slots=True)
class Counted:
    """Grams of texts by number: what is the same for many texts is looked up once for each of the `distinct` grams.

    `flat` holds the numbers of all texts' grams, one text after another; `sizes`, how many grams each text has.
    """

    distinct: Sequence[str]
    flat: Places
    sizes: Places

    def summed(self, rows: Rows, dtype: type[np.floating[Any]] = np.float64) -> Rows:
        """Return for each text the sum of its grams' rows, in their order; zeros where it has none.

        `rows` has one for each distinct gram. All texts' first rows are added, then all second ones, and so on: so numpy
        is called as often as the longest text has grams.
        """
        longest_first = np.argsort(-self.sizes, kind="stable")
        sizes = self.sizes[longest_first]
        starts = (np.cumsum(self.sizes) - self.sizes)[longest_first]
        found = np.zeros((len(sizes), rows.shape[1]), dtype)
        for at in range(sizes.max(initial=0)):
            held = np.searchsorted(-sizes, -at)  # how many texts have a gram at this place
            found[:held] += rows.take(self.flat[starts[:held] + at], axis=0)
        total = np.empty_like(found)
        total[longest_first] = found
        return total


def count(texts: Sequence[Sequence[str]]) -> Counted:
    """Number the grams of texts."""
    number_of = defaultdict[str, int](itertools.count().__next__)  # each new gram's is the next
    flat = np.fromiter(map(number_of.__getitem__, itertools.chain.from_iterable(texts)), dtype=np.intp)
    return Counted(list(number_of), flat, np.fromiter(map(len, texts), dtype=np.intp))


def keys_of(block: str, gram: str) -> list[int]:
    """Return the keys under which a block counts a gram: one, or one for each of a word's runs of letters."""
    return [crc32(piece.encode()) for piece in (pieces(gram) if block == LETTERS else (gram,))]


def directions(places: Numbers, middle: Numbers) -> Numbers:
    """Return the directions of places as seen from the middle, each of length one."""
    away = places - middle
    lengths = np.sqrt((away * away).sum(axis=1, keepdims=True))
    seen: Numbers = away / np.maximum(lengths, 1e-9)
    return seen


def likeness(some: Rows, others: Rows) -> Rows:
    """Return how alike directions are, as exactly as they are given: 1 for the same, e^-4 for opposite ones."""
    alike: Rows = some @ others.T
    alike -= 1.0
    alike *= 2.0
    np.exp(alike, out=alike)
    return alike
