"""Look through the corpus that the learned model is built from: what is written wrongly, and what two writers wrote alike."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import Any

from processors.meeting_flagging.labelled import Labelled, read_labelled, rows_of
from processors.meeting_flagging.rules import CATEGORIES, GROUNDS

LANGUAGES = ("es", "fr", "de", "pt")  # beside English, which is not named
ALIKE = 0.6  # of all words and pairs of words that two lines hold, shared by both: then they are no independent lines
_WORDS = re.compile(r"[^\W_]+(?:'[^\W_]+)?")


def corpus_problems(folder: Path) -> Iterator[str]:
    """Say what is wrong in a corpus (`*.jsonl`): unknown labels, grounds and languages, ids and texts that come twice,
    and lines of two writers (files) that are alike. Ids alone, no texts."""
    paths = sorted(folder.glob("*.jsonl"))
    lines = [(path.name, *both) for path in paths for both in zip(rows_of(path), read_labelled(path), strict=True)]
    places = [f"{file} {line.id}" for file, _, line in lines]
    near = _near_doubles([(file, line.text) for file, _, line in lines])
    ids: Counter[str] = Counter()
    texts: dict[str, str] = {}
    for number, (place, (_, row, line)) in enumerate(zip(places, lines, strict=True)):
        ids[line.id] += 1
        if ids[line.id] > 1:
            yield f"{place}: the id is taken"
        yield from (f"{place}: {problem}" for problem in _unknown(row, line))
        words = " ".join(line.text.lower().split())
        if texts.setdefault(words, place) != place:
            yield f"{place}: the same text as {texts[words]}"
        elif number in near:
            yield f"{place}: nearly the same text as {places[near[number]]}"


def _near_doubles(lines: Sequence[tuple[str, str]]) -> dict[int, int]:
    """Return each line, of a file and a text, that is alike one before it in another file, and that one.

    Lines that share so much share one of their rarest words or pairs of words, so only those are looked up (prefix
    filtering: Bayardo, Ma, Srikant, "Scaling Up All Pairs Similarity Search", 2007).
    """
    held = [_words_and_pairs(text) for _, text in lines]
    lines_with = Counter(one for line in held for one in line)
    holders: defaultdict[str, list[int]] = defaultdict(list)
    found: dict[int, int] = {}
    for number, (own, (file, _)) in enumerate(zip(held, lines, strict=True)):
        must_share = ceil(ALIKE * len(own))
        rarest = sorted(own, key=lambda one: (lines_with[one], one))[: len(own) - must_share + 1]
        for other in sorted({other for one in rarest for other in holders[one]}):
            both = held[other]
            if lines[other][0] != file and len(own & both) >= ALIKE * len(own | both):
                found[number] = other
                break
        for one in rarest:
            holders[one].append(number)
    return found


def _words_and_pairs(text: str) -> frozenset[str]:
    words = _WORDS.findall(text.lower())
    return frozenset((*words, *(" ".join(pair) for pair in pairwise(words))))


def _unknown(row: Mapping[str, Any], line: Labelled) -> Iterator[str]:
    if line.label not in (*CATEGORIES, "ok"):
        yield "an unknown label"
    if row.get("ground") not in (None, *GROUNDS):
        yield "an unknown ground"
    if row.get("near") not in (None, *CATEGORIES):
        yield "near an unknown category"
    if row.get("lang") not in (None, *LANGUAGES):
        yield "an unknown language"
