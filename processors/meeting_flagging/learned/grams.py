"""Grams of many texts at once, as numbers: what is the same for many texts is done once for each distinct gram."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

BORDERS = ("<", ">")  # a text's begin and end are counted as words of pairs

Rows = np.ndarray[Any, np.dtype[Any]]  # of 32 or 64 bits
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Grams:
    """Grams of texts, one text after another: for each its number in `distinct`, and the text that holds it."""

    distinct: Sequence[str]
    numbers: Places
    text_of: Places
    texts: int

    def once(self) -> "Grams":
        """Return each text's grams once, in the order in which the text first has them."""
        first = np.sort(np.unique(self.text_of * len(self.distinct) + self.numbers, return_index=True)[1])
        return Grams(self.distinct, self.numbers[first], self.text_of[first], self.texts)

    def pairs(self, holding: Callable[[str], bool] | None = None) -> "Grams":
        """Return the pairs of neighbouring grams, joined by a blank; a text's borders are neighbours too.

        With `holding`, only those pairs of which it is true for one gram or both.
        """
        if not self.texts:
            return self
        sizes = np.bincount(self.text_of, minlength=self.texts) + 1
        names = [*BORDERS, *self.distinct]
        left, right = np.zeros(sizes.sum(), np.intp), np.ones(sizes.sum(), np.intp)
        places = np.arange(len(self.numbers)) + self.text_of
        left[places + 1] = right[places] = self.numbers + len(BORDERS)
        text_of = np.repeat(np.arange(self.texts), sizes)
        if holding is not None:
            held = np.fromiter(map(holding, names), bool, len(names))
            kept = held[left] | held[right]
            left, right, text_of = left[kept], right[kept], text_of[kept]
        codes, numbers = np.unique(left * len(names) + right, return_inverse=True)
        firsts, seconds = np.divmod(codes, len(names))
        distinct = [f"{names[one]} {names[two]}" for one, two in zip(firsts.tolist(), seconds.tolist(), strict=True)]
        return Grams(distinct, numbers, text_of, self.texts)

    def as_others(self, others: Sequence[Sequence[str]]) -> "Grams":
        """Return each gram replaced by others, none or many: `others` has them for each distinct gram."""
        number_of = _Numbers()
        flat = np.fromiter(map(number_of.__getitem__, itertools.chain.from_iterable(others)), np.intp)
        sizes = np.fromiter(map(len, others), np.intp, len(others))
        starts = np.cumsum(sizes) - sizes
        found = sizes[self.numbers]  # how many take the place of each
        within = np.arange(found.sum()) - np.repeat(np.cumsum(found) - found, found)
        numbers = flat[np.repeat(starts[self.numbers], found) + within]
        return Grams(list(number_of), numbers, np.repeat(self.text_of, found), self.texts)

    def summed(self, rows: Rows, dtype: type[np.floating[Any]] = np.float64) -> Rows:
        """Return for each text the sum of its grams' rows, in their order; zeros where it has none.

        `rows` has one for each distinct gram. All texts' first rows are added, then all second ones, and so on: so numpy
        is called as often as the longest text has grams.
        """
        held = np.bincount(self.text_of, minlength=self.texts)
        longest_first = np.argsort(-held, kind="stable")
        sizes = held[longest_first]
        starts = (np.cumsum(held) - held)[longest_first]
        found = np.zeros((self.texts, rows.shape[1]), dtype)
        for at in range(sizes.max(initial=0)):
            more = np.searchsorted(-sizes, -at)  # how many texts have a gram at this place
            found[:more] += rows.take(self.numbers[starts[:more] + at], axis=0)
        total = np.empty_like(found)
        total[longest_first] = found
        return total


class _Numbers(defaultdict[str, int]):
    """Numbers for names: each new one's is the next."""

    def __init__(self) -> None:
        super().__init__(itertools.count().__next__)


def count(texts: Sequence[Sequence[str]]) -> Grams:
    """Number the grams of texts."""
    number_of = _Numbers()
    numbers = np.fromiter(map(number_of.__getitem__, itertools.chain.from_iterable(texts)), np.intp)
    sizes = np.fromiter(map(len, texts), np.intp, len(texts))
    return Grams(list(number_of), numbers, np.repeat(np.arange(len(texts)), sizes), len(texts))
