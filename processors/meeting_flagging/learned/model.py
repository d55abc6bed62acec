"""The learned model: how likely a text breaks the policy, in which way, and what that is said to be like."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from processors.meeting_flagging.learned.features import DAMPING, LETTERS, Read, Reader, directions, keys_of, likeness
from processors.meeting_flagging.learned.vectors import Numbers
from processors.meeting_flagging.rules import CATEGORIES, GROUNDS

MODEL, CONCEPTS, VECTORS = "model.npz", "concepts.txt", "vectors.npz"  # of a policy's folder `learned`
TEXT_CATEGORIES = CATEGORIES[:12]  # what somebody can say; the rest nobody said
HEADS = (*TEXT_CATEGORIES, "violation", *GROUNDS)
_BLOCKS = ("words", "letters", "concepts", "concept_pairs")
_MOST_WORDS = 50_000  # that are kept cut into letters; a year's talk has more

Rows = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says of texts, one row each: chance that it violates, a score per head, where it lies."""

    chances: Numbers
    scores: Numbers
    seen: Numbers


@dataclass(slots=True)
class _Block:
    """Rows of one block: weights of a gram times its rarity, its rarity squared last; the last row is the unseen one."""

    name: str
    rows: dict[int, int]
    table: Rows
    _cut: dict[str, int] = field(default_factory=dict)
    _sums: list[Rows] = field(default_factory=list)

    def weigh(self, texts: Sequence[Sequence[str]]) -> Numbers:
        """Return each text's weights, scaled by its length; zeros for a text without grams."""
        table, row_of = (self._letters(texts), self._cut) if self.name == LETTERS else (self.table, None)
        rows = [[self._row(gram, row_of) for gram in grams] for grams in texts]
        return _scaled(table, rows, DAMPING[self.name] * float(self.table[-1, -1]))

    def _row(self, gram: str, cut: dict[str, int] | None) -> int:
        if cut is not None:
            return cut[gram]
        return self.rows.get(keys_of(self.name, gram)[0], len(self.rows))

    def _letters(self, texts: Sequence[Sequence[str]]) -> Rows:
        if len(self._cut) > _MOST_WORDS:
            self._cut.clear()
            self._sums.clear()
        for word in (word for words in texts for word in words if word not in self._cut):
            found = [self.rows.get(key, len(self.rows)) for key in keys_of(self.name, word)]
            self._cut[word] = len(self._sums)
            self._sums.append(self.table[found].sum(axis=0, dtype=np.float64).astype(np.float32))
        return np.array(self._sums, dtype=np.float32).reshape(-1, self.table.shape[1])


def _scaled(table: Rows, rows: Sequence[Sequence[int]], damping: float) -> Numbers:
    found = np.zeros((len(rows), table.shape[1]))
    held = [number for number, one in enumerate(rows) if one]
    if held:
        flat = np.array([row for one in rows for row in one])
        starts = np.cumsum([0, *(len(rows[number]) for number in held)])[:-1]
        found[held] = np.add.reduceat(table[flat], starts, axis=0, dtype=np.float64)
    scaled: Numbers = found[:, :-1] / np.sqrt(found[:, -1:] + damping)
    return scaled


@dataclass(slots=True)
class Model:
    """Weights and what they were learned from; `hash` is in every rule's version that asks it."""

    reader: Reader
    blocks: Sequence[_Block]
    bias: Numbers
    middle: Numbers
    landmarks: Numbers
    landmark_weights: Numbers
    chance: Numbers
    example_ids: Sequence[str]
    example_heads: np.ndarray[Any, Any]
    example_places: Numbers

    def say(self, reads: Sequence[Read]) -> Said:
        """Say what each text is like. The same text is always said to be the same."""
        if not reads:
            return Said(np.zeros(0), np.zeros((0, len(HEADS))), np.zeros((0, len(self.middle))))
        places = np.array([self.reader.placed(read.words) for read in reads])
        seen = directions(places, self.middle)
        scores = self.bias + likeness(seen, self.landmarks) @ self.landmark_weights
        for block in self.blocks:
            scores += block.weigh([read.grams[block.name] for read in reads])
        inputs = self.chance[0] + self.chance[1] * scores[:, : len(TEXT_CATEGORIES)].max(axis=1)
        inputs += self.chance[2] * scores[:, len(TEXT_CATEGORIES)]
        return Said(1.0 / (1.0 + np.exp(-inputs)), scores, seen)

    def nearest(self, seen: Numbers, category: str, most: int = 3) -> list[str]:
        """Return the ids of the category's examples that a text lies nearest to, the nearest first."""
        of_category = np.flatnonzero(self.example_heads[:, TEXT_CATEGORIES.index(category)])
        alike = (self.example_places[of_category] @ seen).round(6)
        return [self.example_ids[of_category[one]] for one in np.argsort(-alike, kind="stable")[:most]]

    def telling(self, read: Read, category: str, most: int = 3) -> list[str]:
        """Return the words and pairs of words that speak most for a category, the most telling first."""
        block, head = self.blocks[0], TEXT_CATEGORIES.index(category)
        grams = sorted(set(read.grams[block.name]))
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
        landmarks=arrays["landmarks"] / 127.0,
        landmark_weights=arrays["landmark.weights"] * arrays["landmark.steps"],
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
    return _Block(name, {key: row for row, key in enumerate(arrays[f"{name}.keys"].tolist())}, table)
