"""What a text is made of, block by block. Every count of a text is a sum over its words and pairs of words.

A block's counts are weighed by how rare each is in the corpus and scaled by their length, so that long and short texts are
alike. What no two examples hold counts as the rarest and weighs nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from processors.meeting_flagging.learned.concepts import Concepts
from processors.meeting_flagging.learned.grams import Grams, Rows, count
from processors.meeting_flagging.learned.vectors import DIMENSIONS, Numbers, Vectors
from processors.meeting_flagging.learned.words import pieces, words_of

# Shares of the blocks, and of the likeness of vectors, by leave-one-writer-out on the corpus (docs/trust-and-safety.md).
BLOCK_SHARES: Mapping[str, float] = {"words": 1.0, "letters": 1.0, "concepts": 0.5, "concept_pairs": 0.5}
VECTOR_SHARE = 1.0
# Rarest grams that every text is counted to have besides its own: what is said of two words is said less loudly.
DAMPING: Mapping[str, float] = {"words": 8.0, "letters": 16.0, "concepts": 3.0, "concept_pairs": 3.0}
LETTERS = "letters"  # the block whose grams are cut further: a word's runs of letters

_CONCEPT = "#"  # before a concept's name, where it stands in the place of a word


@dataclass(frozen=True, slots=True)
class Counts:
    """What there is to count in texts: their words, and what each block counts, in parts that are added up."""

    words: Grams
    blocks: Mapping[str, Sequence[Grams]]


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads folded text."""

    concepts: Concepts
    vectors: Vectors

    def read(self, folded: str) -> list[str]:
        """Return a text's words as the learned detector sees them."""
        return self.concepts.split(words_of(folded))

    def count(self, texts: Sequence[Sequence[str]]) -> Counts:
        """Return what there is to count in texts, given the words of each."""
        words = count(texts)
        once = words.once()
        phrased = count([self.concepts.phrased(text) for text in texts])
        concepts = [self.concepts.of(one) for one in phrased.distinct]
        named = [_CONCEPT + of[0] if of else one for of, one in zip(concepts, phrased.distinct, strict=True)]
        pairs_with_concepts = phrased.as_others([[name] for name in named]).pairs(holding=_is_concept)
        blocks = {
            "words": (once, words.pairs().once()),
            LETTERS: (once,),
            "concepts": (phrased.as_others(concepts).once(),),
            "concept_pairs": (pairs_with_concepts.once(),),
        }
        return Counts(words, blocks)

    def places(self, words: Grams) -> Numbers:
        """Return where texts lie, a row each: the mean of its words' pieces, zeros for a text without words."""
        vectors = [self.vectors.of(word) for word in words.distinct] or [np.zeros(DIMENSIONS + 1)]
        total = words.summed(np.array(vectors, dtype=np.float32), np.float32).astype(np.float64)
        places: Numbers = total[:, :-1] / np.maximum(1.0, total[:, -1:])
        return places


def _is_concept(name: str) -> bool:
    return name.startswith(_CONCEPT)


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
