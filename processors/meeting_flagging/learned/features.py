"""What a text is made of, block by block. Every count of a text is a sum over its words and pairs of words.

A block's counts are weighed by how rare each is in the corpus and scaled by their length, so that long and short texts are
alike. What no two examples hold counts as the rarest and weighs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

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
        words = self.concepts.split(words_of(folded))
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
        rows_of = {word: row for row, word in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
        table = np.array([self.vectors.of(word) for word in rows_of], dtype=np.float32).reshape(-1, DIMENSIONS + 1)
        total = summed(table, [[rows_of[word] for word in words] for words in texts], np.float32).astype(np.float64)
        places: Numbers = total[:, :-1] / np.maximum(1.0, total[:, -1:])
        return places


def summed(table: Rows, rows: Sequence[Sequence[int]], dtype: type[np.floating[Any]] = np.float64) -> Rows:
    """Return for each text the sum of its rows of a table, in their order; zeros where it has none."""
    found = np.zeros((len(rows), table.shape[1]), dtype)
    held = [number for number, one in enumerate(rows) if one]
    if held:
        flat = np.fromiter(chain.from_iterable(rows), dtype=np.intp)
        starts = np.cumsum([0, *(len(rows[number]) for number in held)])[:-1]
        found[held] = np.add.reduceat(table[flat], starts, axis=0, dtype=dtype)
    return found


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
