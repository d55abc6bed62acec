"""Look through the corpus that the learned model is built from: what is written wrongly, and what two writers wrote alike."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from processors.meeting_flagging.labelled import Labelled, read_labelled, rows_of
from processors.meeting_flagging.rules import CATEGORIES, GROUNDS

LANGUAGES = ("es", "fr", "de", "pt")  # beside English, which is not named
ALIKE = 0.6  # of all words and pairs of words that two lines hold, shared by both: then they are no independent lines
_RARE_IN = 400  # lines: a word in more of them tells nothing
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


@dataclass(slots=True)
class _Seen:
    """Lines read so far, by the words and pairs of words that they hold."""

    places: list[tuple[str, str]] = field(default_factory=list)
    words: list[frozenset[str]] = field(default_factory=list)
    holders: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def alike(self, file: str, place: str, text: str) -> str | None:
        """Note a line, and return the place of another writer's that is alike."""
        words = _WORDS.findall(text.lower())
        held = frozenset((*words, *(" ".join(pair) for pair in pairwise(words))))
        shared: Counter[int] = Counter()
        for word in held:
            shared.update(self.holders[word])
            if len(self.holders[word]) < _RARE_IN:
                self.holders[word].append(len(self.words))
        self.places.append((file, place))
        self.words.append(held)
        for other, _ in sorted(shared.most_common(5)):
            both = self.words[other]
            if self.places[other][0] != file and len(held & both) >= ALIKE * len(held | both):
                return self.places[other][1]
        return None


def corpus_problems(folder: Path) -> Iterator[str]:
    """Say what is wrong in a corpus (`*.jsonl`): unknown labels, grounds and languages, ids and texts that come twice,
    and lines of two writers (files) that are alike. Ids alone, no texts."""
    ids: Counter[str] = Counter()
    texts: dict[str, str] = {}
    seen = _Seen()
    for path in sorted(folder.glob("*.jsonl")):
        for row, line in zip(rows_of(path), read_labelled(path), strict=True):
            place = f"{path.name} {line.id}"
            ids[line.id] += 1
            if ids[line.id] > 1:
                yield f"{place}: the id is taken"
            yield from (f"{place}: {problem}" for problem in _unknown(row, line))
            words = " ".join(line.text.lower().split())
            other = seen.alike(path.name, place, line.text)
            if texts.setdefault(words, place) != place:
                yield f"{place}: the same text as {texts[words]}"
            elif other is not None:
                yield f"{place}: nearly the same text as {other}"


def _unknown(row: Mapping[str, Any], line: Labelled) -> Iterator[str]:
    if line.label not in (*CATEGORIES, "ok"):
        yield "an unknown label"
    if row.get("ground") not in (None, *GROUNDS):
        yield "an unknown ground"
    if row.get("near") not in (None, *CATEGORIES):
        yield "near an unknown category"
    if row.get("lang") not in (None, *LANGUAGES):
        yield "an unknown language"
