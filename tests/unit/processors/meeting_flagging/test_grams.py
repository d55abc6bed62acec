"""Grams of many texts at once are those of each text by itself, in its own order."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from processors.meeting_flagging.learned.grams import Grams, count

TEXTS = [[], [[]], [["a"]], [["a", "b", "a", "b"], [], ["c", ">"], ["b", "c", "<", "c"]]]
OTHERS = {"a": ["#one", "two"], "b": [], "c": ["two"], "<": ["<"], ">": [">"]}


def listed(grams: Grams) -> list[list[str]]:
    """The grams of each text, by name."""
    texts: list[list[str]] = [[] for _ in range(grams.texts)]
    for text, number in zip(grams.text_of, grams.numbers, strict=True):
        texts[text].append(grams.distinct[number])
    return texts


def pairs_of(text: Sequence[str]) -> list[str]:
    """A text's pairs, the plain way."""
    return [f"{one} {two}" for one, two in pairwise(["<", *text, ">"])]


@pytest.mark.parametrize("texts", TEXTS)
def test_counted_grams_are_the_texts(texts: list[list[str]]) -> None:
    """Nothing is lost by numbering; what a text has twice is there once where it is asked for."""
    assert listed(count(texts)) == texts
    assert listed(count(texts).once()) == [list(dict.fromkeys(text)) for text in texts]


@pytest.mark.parametrize("texts", TEXTS)
def test_pairs_stay_within_their_text(texts: list[list[str]]) -> None:
    """Borders are neighbours, a text without grams has one pair, and a border reads like the sign that stands for it."""
    assert listed(count(texts).pairs()) == [pairs_of(text) for text in texts]
    assert listed(count(texts).pairs().once()) == [list(dict.fromkeys(pairs_of(text))) for text in texts]
    assert listed(count(texts).pairs(holding=lambda gram: gram == "c")) == [
        [pair for pair in pairs_of(text) if "c" in pair] for text in texts
    ]


@pytest.mark.parametrize("texts", TEXTS)
def test_grams_are_replaced_in_their_place(texts: list[list[str]]) -> None:
    """By one, by several or by none."""
    counted = count(texts)

    replaced = counted.as_others([OTHERS[gram] for gram in counted.distinct])

    assert listed(replaced) == [[other for gram in text for other in OTHERS[gram]] for text in texts]


@pytest.mark.parametrize("texts", TEXTS)
def test_grams_are_summed_as_one_by_one(texts: list[list[str]]) -> None:
    """What is looked up once for all texts is added in each text's own order; a text without grams sums to nothing."""
    row_of = {"a": [0.1, 1.0], "b": [0.2, 2.0], "c": [0.7, 4.0], "<": [0.3, 8.0], ">": [0.4, 16.0]}

    counted = count(texts)
    found = counted.summed(np.array([row_of[gram] for gram in counted.distinct]).reshape(-1, 2))

    plain = [[sum((row_of[gram][of] for gram in grams), 0.0) for of in (0, 1)] for grams in texts]
    assert found.tolist() == plain
