"""Build the learned model from the corpus alone: `make policy-model`. The same corpus and code give the same bytes.

Kernel ridge regression: what a line is called is predicted from its likeness to all other lines, solved in one step, so
there is no random start and no order that matters. Its solution is turned into one weight per gram and head, rounded to
16 bits. Probabilities are fitted to lines whose writer was left out.
"""

import hashlib
import io
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from processors.meeting_flagging.learned.features import (
    BLOCK_SHARES,
    DAMPING,
    VECTOR_SHARE,
    Reader,
    directions,
    keys_of,
    likeness,
)
from processors.meeting_flagging.learned.files import load_reader
from processors.meeting_flagging.learned.grams import Grams
from processors.meeting_flagging.learned.model import CONCEPTS, MODEL, TEXT_CATEGORIES, VECTORS
from processors.meeting_flagging.learned.vectors import Numbers
from processors.meeting_flagging.rules import GROUNDS
from schemas.texts.folding import fold

CORPUS = Path(__file__).parents[1] / "corpus"
FOLDER = Path(__file__).parents[1] / "policy" / "learned"
HELD_OUT = "test"  # the writer whose lines judge the model and never build it

_RIDGE = 1.0  # how much is left unexplained on purpose; by leave-one-writer-out, as are the blocks' shares
_LANDMARKS = 512  # lines that stand for all in the likeness of vectors
_SEEN_BY = 2  # lines that must hold a gram before it weighs anything
_FREQUENT = 100  # lines that hold a gram: from here on a dense product is faster


@dataclass(frozen=True, slots=True)
class Lines:
    """The corpus: one row per line."""

    ids: Sequence[str]
    writers: Sequence[str]
    texts: Sequence[str]
    targets: Numbers  # lines x HEADS, 1 where the head should say yes

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True)
class Block:
    """One block of grams over all lines: which lines hold which key, how heavily."""

    keys: Sequence[int]
    rarity: Numbers
    unseen: float
    holders: Sequence[tuple[np.ndarray[Any, Any], Numbers]]


def read_lines(folder: Path = CORPUS) -> Lines:
    """Read the corpus without the held-out writer's lines, in the order of files and lines."""
    paths = [path for path in sorted(folder.glob("*.jsonl")) if path.stem != HELD_OUT]
    rows = [
        (path.stem, json.loads(line))
        for path in paths
        for line in path.read_text(encoding="utf-8").splitlines()
        if line
    ]
    return Lines(
        [row["id"] for _, row in rows],
        [writer for writer, _ in rows],
        [row["text"] for _, row in rows],
        np.array([_target(row) for _, row in rows]),
    )


def _target(row: Mapping[str, Any]) -> list[float]:
    label, ground = row["label"], row.get("ground")
    wanted = [*(label == name for name in TEXT_CATEGORIES), label != "ok", *(ground == name for name in GROUNDS)]
    return [float(one) for one in wanted]


def count_block(name: str, parts: Sequence[Grams]) -> Block:
    """Count one block over all lines."""
    counts = [defaultdict[int, int](int) for _ in range(parts[0].texts)]
    for part in parts:
        keys_by_number = [keys_of(name, gram) for gram in part.distinct]
        for line, number in zip(part.text_of.tolist(), part.numbers.tolist(), strict=True):
            for key in keys_by_number[number]:
                counts[line][key] += 1
    lines_with = Counter(key for count in counts for key in count)
    keys = sorted(key for key, number in lines_with.items() if number >= _SEEN_BY)
    rarity = {key: 1.0 + float(np.log((1 + len(counts)) / (1 + lines_with[key]))) for key in keys}
    unseen = 1.0 + float(np.log((1 + len(counts)) / 2))
    held: dict[int, tuple[list[int], list[float]]] = {key: ([], []) for key in keys}
    for line, count in enumerate(counts):
        length = sum(number * rarity.get(key, unseen) ** 2 for key, number in sorted(count.items()))
        length = (length + DAMPING[name] * unseen**2) ** 0.5
        for key, number in count.items():
            if key in held:
                held[key][0].append(line)
                held[key][1].append(number * rarity[key] / length)
    holders = [(np.array(held[key][0]), np.array(held[key][1])) for key in keys]
    return Block(keys, np.array([rarity[key] for key in keys]), unseen, holders)


def block_likeness(block: Block, lines: int) -> Numbers:
    """Return how alike all lines are by one block."""
    alike: Numbers = np.zeros((lines, lines))
    frequent = [one for one in block.holders if len(one[0]) >= _FREQUENT]
    for at, heavy in (one for one in block.holders if len(one[0]) < _FREQUENT):
        alike[np.ix_(at, at)] += np.outer(heavy, heavy)
    for first in range(0, len(frequent), 2048):
        some = frequent[first : first + 2048]
        dense: Numbers = np.zeros((lines, len(some)))
        for column, (at, heavy) in enumerate(some):
            dense[at, column] = heavy
        alike += dense @ dense.T
    return alike


def solve(alike: Numbers, targets: Numbers) -> Numbers:
    """Return each line's part in the prediction, one column per head."""
    found = np.linalg.solve(alike + _RIDGE * np.eye(len(alike)), targets)
    return np.asarray(found, dtype=np.float64)


def left_out(alike: Numbers, lines: Lines) -> Numbers:
    """Return what the model says of each line when its writer's lines are not in the corpus."""
    said = np.zeros_like(lines.targets)
    writers = np.array(lines.writers)
    for writer in sorted(set(lines.writers)):
        known, new = np.flatnonzero(writers != writer), np.flatnonzero(writers == writer)
        said[new] = alike[np.ix_(new, known)] @ solve(alike[np.ix_(known, known)], lines.targets[known])
    return said


def calibrated(said: Numbers, violates: Numbers) -> Numbers:
    """Fit the probability that a line violates to the best category's score and the violation's (Newton's steps)."""
    best, any_of = said[:, : len(TEXT_CATEGORIES)].max(axis=1), said[:, len(TEXT_CATEGORIES)]
    inputs = np.column_stack([np.ones(len(said)), best, any_of])
    weights = np.zeros(3)
    for _ in range(30):  # it stands still after ten
        chance = 1.0 / (1.0 + np.exp(-(inputs @ weights)))
        bend = (inputs * (chance * (1 - chance))[:, None]).T @ inputs + 1e-6 * np.eye(3)
        weights = weights + np.linalg.solve(bend, inputs.T @ (violates - chance))
    return weights


def build(lines: Lines, reader: Reader) -> tuple[dict[str, Any], Numbers]:
    """Return the model's arrays, and what it says of each line when its writer is left out."""
    counts = reader.count([reader.read(fold(text).text) for text in lines.texts])
    places = reader.places(counts.words)
    middle = places.mean(axis=0)
    seen = directions(places, middle)
    blocks = {name: count_block(name, counts.blocks[name]) for name in BLOCK_SHARES}
    landmarks = (seen[_spread(lines)] * 127).round() / 127  # as they are written
    to_landmarks = likeness(seen, landmarks)
    between = np.linalg.inv(likeness(landmarks, landmarks) + 1e-3 * np.eye(len(landmarks)))
    alike = np.full((len(lines), len(lines)), 1.0) + VECTOR_SHARE * to_landmarks @ between @ to_landmarks.T
    for name, share in BLOCK_SHARES.items():
        alike += share * block_likeness(blocks[name], len(lines))
    said = left_out(alike, lines)
    parts = solve(alike, lines.targets)
    arrays: dict[str, Any] = {"bias": parts.sum(axis=0).round(6), "middle": middle.round(6)}
    for name, block in blocks.items():
        heavy = np.array([weights @ parts[at] for at, weights in block.holders]) * BLOCK_SHARES[name]
        arrays |= {
            f"{name}.keys": np.array(block.keys, dtype=np.uint32),
            f"{name}.rarity": np.append(block.rarity, block.unseen).astype(np.float32),
            **_rounded(name, heavy),
        }
    arrays |= {"landmarks": (landmarks * 127).round().astype(np.int8)}
    arrays |= _rounded("landmark", VECTOR_SHARE * between @ to_landmarks.T @ parts)
    arrays |= {
        "examples.ids": np.frombuffer("\n".join(lines.ids).encode(), dtype=np.uint8),
        "examples.heads": lines.targets[:, : len(TEXT_CATEGORIES)].astype(np.uint8),
        "examples.places": (seen * 127).round().astype(np.int8),
        "chance": calibrated(said, lines.targets[:, len(TEXT_CATEGORIES)]).round(6),
    }
    return arrays, said


def _spread(lines: Lines) -> list[int]:
    """Choose lines that stand for all: by a hash of their ids, which says nothing of them."""
    order = sorted(range(len(lines)), key=lambda line: hashlib.sha256(lines.ids[line].encode()).digest())
    return sorted(order[:_LANDMARKS])


def _rounded(name: str, heavy: Numbers) -> dict[str, Any]:
    steps = np.maximum(np.abs(heavy).max(axis=0), 1e-12) / 32767
    steps = np.array([float(f"{step:.6e}") for step in steps])
    return {f"{name}.weights": np.clip(np.rint(heavy / steps), -32767, 32767).astype(np.int16), f"{name}.steps": steps}


def as_bytes(arrays: Mapping[str, Any]) -> bytes:
    """Write the arrays as one file; no time and no name of a machine is in it."""
    document = io.BytesIO()
    np.savez(document, **arrays)
    return document.getvalue()


def sources() -> str:
    """Return a hash of everything that decides what the model is: corpus, concepts, vectors and this code."""
    code = [
        Path(__file__).with_name(name)
        for name in ("words.py", "concepts.py", "vectors.py", "grams.py", "features.py", "training.py")
    ]
    lines = [path for path in sorted(CORPUS.glob("*.jsonl")) if path.stem != HELD_OUT]
    total = hashlib.sha256()
    for path in (*code, *lines, FOLDER / CONCEPTS, FOLDER / VECTORS):
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def main() -> None:
    """Build the model and write it where the policy has it; with a path, what it says of left-out writers' lines too."""
    lines = read_lines()
    arrays, said = build(lines, load_reader(FOLDER.parent))
    arrays["sources"] = np.frombuffer(sources().encode(), dtype=np.uint8)
    (FOLDER / MODEL).write_bytes(as_bytes(arrays))
    if len(sys.argv) > 1:
        np.save(sys.argv[1], said)
    print(f"built from {len(lines)} lines")  # make policy-model says so


if __name__ == "__main__":
    main()
