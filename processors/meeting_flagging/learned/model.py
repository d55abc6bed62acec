"""The learned model: how likely a text breaks the policy, in which way, and what that is said to be like."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np

from processors.meeting_flagging.learned.features import (
    DAMPING,
    LETTERS,
    Reader,
    directions,
    keys_of,
    likeness,
)
from processors.meeting_flagging.learned.grams import Grams, Rows
from processors.meeting_flagging.learned.vectors import Numbers
from processors.meeting_flagging.rules import CATEGORIES, GROUNDS

MODEL, CONCEPTS, VECTORS = "model.npz", "concepts.txt", "vectors.npz"  # of a policy's folder `learned`
TEXT_CATEGORIES = CATEGORIES[:12]  # what somebody can say; the rest nobody said
HEADS = (*TEXT_CATEGORIES, "violation", *GROUNDS)
_BLOCKS = ("words", "letters", "concepts", "concept_pairs")
_MOST_WORDS = 50_000  # that are kept; a year's talk has more


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says of texts, one row each: chance that it violates, a score per head, where it lies."""

    chances: Numbers
    scores: Numbers
    seen: Numbers


class _Cut(dict[str, Rows]):
    """Words cut into letters: the summed rows of a word's runs. Made when asked for, so any thread may ask."""

    def __init__(self, rows: Mapping[int, int], table: Rows) -> None:
        super().__init__()
        self._rows = rows
        self._table = table

    def __missing__(self, word: str) -> Rows:
        found = [self._rows.get(key, len(self._rows)) for key in keys_of(LETTERS, word)]
        summed: Rows = self._table[found].sum(axis=0, dtype=np.float64).astype(np.float32)
        if len(self) >= _MOST_WORDS:
            self.clear()
        self[word] = summed
        return summed


@dataclass(frozen=True, slots=True)
class _Block:
    """Rows of one block: weights of a gram times its rarity, its rarity squared last; the last row is the unseen one."""

    name: str
    rows: Mapping[int, int]
    table: Rows
    cut: _Cut

    def weigh(self, parts: Sequence[Grams]) -> Numbers:
        """Return each text's weights, scaled by its length; zeros for a text without grams."""
        found = np.sum([grams.summed(self._rows_of(grams.distinct)) for grams in parts], axis=0)
        scaled: Numbers = found[:, :-1] / np.sqrt(found[:, -1:] + DAMPING[self.name] * float(self.table[-1, -1]))
        return scaled

    def _rows_of(self, grams: Sequence[str]) -> Rows:
        if self.name == LETTERS:
            return np.array([self.cut[word] for word in grams] or self.table[:0])
        row_of, unseen = self.rows.get, len(self.rows)
        places = [row_of(crc32(gram.encode()), unseen) for gram in grams]  # the keys of `keys_of`
        return self.table.take(np.array(places, dtype=np.intp), axis=0)


@dataclass(slots=True)
class Model:
    """Weights and what they were learned from; `hash` is in every rule's version that asks it."""

    reader: Reader
    blocks: Sequence[_Block]
    bias: Numbers
    middle: Numbers
    landmarks: Rows
    landmark_weights: Rows
    chance: Numbers
    example_ids: Sequence[str]
    example_heads: np.ndarray[Any, Any]
    example_places: Numbers

    def say(self, texts: Sequence[Sequence[str]]) -> Said:
        """Say what each text is like, given its words. The same text is always said to be the same."""
        if not texts:
            return Said(np.zeros(0), np.zeros((0, len(HEADS))), np.zeros((0, len(self.middle))))
        counts = self.reader.count(texts)
        seen = directions(self.reader.places(counts.words), self.middle)
        scores = self.bias + likeness(seen.astype(np.float32), self.landmarks) @ self.landmark_weights
        for block in self.blocks:
            scores += block.weigh(counts.blocks[block.name])
        inputs = self.chance[0] + self.chance[1] * scores[:, : len(TEXT_CATEGORIES)].max(axis=1)
        inputs += self.chance[2] * scores[:, len(TEXT_CATEGORIES)]
        return Said(1.0 / (1.0 + np.exp(-inputs)), scores, seen)

    def nearest(self, seen: Numbers, category: str, most: int = 3) -> list[str]:
        """Return the ids of the category's examples that a text lies nearest to, the nearest first."""
        of_category = np.flatnonzero(self.example_heads[:, TEXT_CATEGORIES.index(category)])
        alike = (self.example_places[of_category] @ seen).round(6)
        return [self.example_ids[of_category[one]] for one in np.argsort(-alike, kind="stable")[:most]]

    def telling(self, words: Sequence[str], category: str, most: int = 3) -> list[str]:
        """Return the words and pairs of words that speak most for a category, the most telling first."""
        block, head = self.blocks[0], TEXT_CATEGORIES.index(category)
        parts = self.reader.count([words]).blocks[block.name]
        grams = sorted(gram for part in parts for gram in part.distinct)
        weights = [float(block.table[block.rows.get(keys_of(block.name, gram)[0], -1), head]) for gram in grams]
        order = sorted(range(len(grams)), key=lambda one: (-weights[one], grams[one]))
        return [grams[one] for one in order[:most] if weights[one] > 0]


def read_model(document: bytes, reader: Reader) -> Model:
    """Read a model that `training` wrote.

    Raises:
        ValueError: it is not one, or one of other heads.
    """
    try:
        with np.load(io.BytesIO(document), allow_pickle=False) as arrays:
            return _model(arrays, reader)
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise ValueError("not a model") from error


def _model(arrays: Mapping[str, Any], reader: Reader) -> Model:
    bias = arrays["bias"]
    if bias.shape != (len(HEADS),):
        raise ValueError("a model of other heads")
    return Model(
        reader=reader,
        blocks=[_block(name, arrays) for name in _BLOCKS],
        bias=bias,
        middle=arrays["middle"],
        landmarks=(arrays["landmarks"] / 127.0).astype(
            np.float32
        ),  # the step that counts most is done in half the time
        landmark_weights=(arrays["landmark.weights"] * arrays["landmark.steps"]).astype(np.float32),
        chance=arrays["chance"],
        example_ids=bytes(arrays["examples.ids"]).decode().split("\n"),
        example_heads=arrays["examples.heads"],
        example_places=arrays["examples.places"] / 127.0,
    )


def _block(name: str, arrays: Mapping[str, Any]) -> _Block:
    rarity = arrays[f"{name}.rarity"].astype(np.float64)
    weights = arrays[f"{name}.weights"] * arrays[f"{name}.steps"]
    weights = np.vstack([weights, np.zeros((1, weights.shape[1]))]) * rarity[:, None]
    table = np.column_stack([weights, rarity**2]).astype(np.float32)
    rows = {key: row for row, key in enumerate(arrays[f"{name}.keys"].tolist())}
    return _Block(name, rows, table, _Cut(rows, table))
