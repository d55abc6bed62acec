"""Where words lie among other words: a table of static vectors, one per piece of a word.

The table is a part of WordLlama's l2_supercat (MIT, see NOTICE.txt beside the table): pieces in lower case of Latin letters, the first 128 of
256 numbers (it was trained so that the first ones tell most), as whole numbers of 8 bits.
"""

import io
import json
import struct
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DIMENSIONS = 128
_STEPS = 127
_BEGINS = "\u2581"  # before a piece that begins a word
_LATIN_ENDS = 0x250

Numbers = NDArray[np.float64]


@dataclass(slots=True)
class Vectors:
    """Vectors of pieces; a word's is the sum of its pieces', cut greedily from the left."""

    pieces: Mapping[str, int]
    table: NDArray[np.int8]
    _longest: int = 0
    _known: dict[str, Numbers] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._longest = max(map(len, self.pieces))

    def of(self, word: str) -> Numbers:
        """Return a word's vector and, as its last number, how many pieces it has."""
        known = self._known.get(word)
        if known is None:
            rows = self.table[self._rows(word)].astype(np.float64)
            known = np.append(rows.sum(axis=0), float(len(rows)))
            self._known[word] = known
        return known

    def is_word(self, word: str) -> bool:
        """Say whether a word is one piece, so a common one."""
        return _BEGINS + word in self.pieces

    def _rows(self, word: str) -> list[int]:
        rest, rows = _BEGINS + word, []
        while rest:
            size = next((one for one in range(min(self._longest, len(rest)), 0, -1) if rest[:one] in self.pieces), 0)
            if size:
                rows.append(self.pieces[rest[:size]])
            rest = rest[size or 1 :]
        return rows


def read_vectors(document: bytes) -> Vectors:
    """Read the table.

    Raises:
        ValueError: it is not one.
    """
    try:
        with np.load(io.BytesIO(document), allow_pickle=False) as arrays:
            names = bytes(arrays["pieces"]).decode().split("\n")
            table = arrays["table"]
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError("not a table of vectors") from error
    return Vectors({name: row for row, name in enumerate(names)}, table)


def extract(wheel: Path) -> bytes:
    """Make the table from WordLlama's wheel: the same wheel gives the same bytes."""
    with zipfile.ZipFile(wheel) as files:
        weights = files.read("wordllama/weights/l2_supercat_256.safetensors")
        tokens = json.loads(files.read("wordllama/tokenizers/l2_supercat_tokenizer_config.json"))["model"]["vocab"]
    begins = 8 + struct.unpack("<Q", weights[:8])[0]
    table = np.frombuffer(weights[begins:], dtype="<f2").reshape(len(tokens), -1)[:, :DIMENSIONS].astype(np.float64)
    names = sorted(name for name in tokens if _is_of_use(name))
    chosen = table[[tokens[name] for name in names]]
    scaled = np.rint(np.clip(chosen / (np.abs(chosen).max() / 2) * _STEPS, -_STEPS, _STEPS)).astype(np.int8)
    document = io.BytesIO()
    np.savez(document, pieces=np.frombuffer("\n".join(names).encode(), dtype=np.uint8), table=scaled)
    return document.getvalue()


def _is_of_use(name: str) -> bool:
    letters = name.removeprefix(_BEGINS)
    return (
        name == name.lower()
        and "\n" not in name
        and "<0x" not in name
        and all(ord(letter) < _LATIN_ENDS for letter in letters)
        and (bool(letters) or name == _BEGINS)
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_bytes(extract(Path(sys.argv[1])))
