"""What words have in common: `concepts.txt` of the policy, so that a word met in no example is still known."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, count, pairwise

from processors.meeting_flagging.learned.words import words_of

GROUND_SUFFIX = "_group"  # of concepts that name the people whom a ground protects
_FUZZY_LENGTH = 4  # letters: shorter words have too many neighbours
_FUZZY = ("hostile", "insult", "profanity", "violence", "slur")  # and groups: what people misspell to get by

Tagged = tuple[tuple[str, ...], str]  # concepts of a word or phrase, and the word or phrase


@dataclass(slots=True)
class Concepts:
    """Words, phrases and beginnings of words, each with its concepts. `longest`: how many words phrases have at most, by their first two."""

    phrases: Mapping[tuple[str, ...], tuple[str, ...]]
    beginnings: Sequence[tuple[str, str]]
    longest: Mapping[tuple[str, str], int]
    misspelt: Mapping[str, str]
    is_word: Callable[[str], bool] = lambda _: False
    _known: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def tagged(self, words: Sequence[str]) -> list[Tagged]:
        """Return the text's words, phrases taken together, with their concepts (none for most)."""
        return [(self.of(one), one) for one in self.phrased(words)]

    def phrased(self, words: Sequence[str]) -> Sequence[str]:
        """Return the text's words, those of a phrase joined by blanks."""
        begins = compress(count(), map(self.longest.__contains__, pairwise(words)))
        found: list[str] = []
        after = 0
        for at in begins:
            size = self._size(words, at) if at >= after else 1
            if size > 1:
                found += [*words[after:at], " ".join(words[at : at + size])]
                after = at + size
        return [*found, *words[after:]]

    def split(self, words: Sequence[str]) -> list[str]:
        """Return the words, those of hatred freed from an `i` that stuck to them when letters were spaced out."""
        if not any(word[0] == "i" and self._is_stuck(word) for word in words):
            return list(words)
        return [part for word in words for part in ((word[0], word[1:]) if self._is_stuck(word) else (word,))]

    def _is_stuck(self, word: str) -> bool:
        """Whether it is a word of hatred, or another that concepts name, behind an `i`."""
        stuck = word[0] == "i" and len(word) > _FUZZY_LENGTH and (word[1:],) in self.phrases
        return stuck and (word,) not in self.phrases and not self.is_word(word)

    def of(self, word: str) -> tuple[str, ...]:
        """Return the concepts of a word, or of a phrase."""
        known = self._known.get(word)
        if known is None and " " in word:
            known = self._known[word] = self.phrases[tuple(word.split(" "))]
        elif known is None:
            exact = self.phrases.get((word,), ())
            begun = (name for start, name in self.beginnings if word.startswith(start))
            known = tuple(dict.fromkeys((*exact, *begun))) or self._guessed(word)
            self._known[word] = known
        return known

    def _size(self, words: Sequence[str], at: int) -> int:
        """How many words the longest phrase has that begins here; 1 where none does."""
        most = min(self.longest[words[at], words[at + 1]], len(words) - at)
        return next((size for size in range(most, 1, -1) if tuple(words[at : at + size]) in self.phrases), 1)

    def _guessed(self, word: str) -> tuple[str, ...]:
        """A misspelt word of hatred: a letter left out, doubled or swapped."""
        if word.endswith("'s"):
            return self.of(word[:-2])
        if len(word) < _FUZZY_LENGTH - 1 or self.is_word(word):
            return ()
        meant = next((self.misspelt[one] for one in (word, *_shortened(word)) if one in self.misspelt), None)
        return () if meant is None else self.phrases[(meant,)]


def read_concepts(text: str, is_word: Callable[[str], bool] = lambda _: False) -> Concepts:
    """Read concepts: one a line, `name: word, phrase of words, beginning*`. What `is_word` knows is not misspelt.

    Raises:
        ValueError: a line has no name, or no words.
    """
    phrases: dict[tuple[str, ...], tuple[str, ...]] = {}
    beginnings: list[tuple[str, str]] = []
    for name, item in _items(text):
        if item.endswith("*"):
            beginnings.append((item[:-1], name))
        else:
            words = tuple(words_of(item))
            phrases[words] = tuple(dict.fromkeys((*phrases.get(words, ()), name)))
    longest: dict[tuple[str, str], int] = {}
    for first, second, *rest in (phrase for phrase in phrases if len(phrase) > 1):
        longest[first, second] = max(longest.get((first, second), 2), 2 + len(rest))
    return Concepts(phrases, beginnings, longest, _misspellings(phrases), is_word)


def _items(text: str) -> Iterator[tuple[str, str]]:
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            name, _, items = line.partition(":")
            found = [item.strip() for item in items.split(",") if item.strip()]
            if not name.strip() or not found:
                raise ValueError("a concept is a name, a colon and words")
            yield from ((name.strip(), item) for item in found)


def _misspellings(phrases: Mapping[tuple[str, ...], tuple[str, ...]]) -> dict[str, str]:
    """What is left of a word when a letter is left out, and the word with two letters swapped."""
    found: dict[str, str] = {}
    for words, concepts in sorted(phrases.items()):
        hated = any(name in _FUZZY or name.endswith(GROUND_SUFFIX) for name in concepts)
        if len(words) == 1 and hated and len(words[0]) >= _FUZZY_LENGTH:
            word = words[0]
            swapped = (word[:at] + word[at + 1] + word[at] + word[at + 2 :] for at in range(len(word) - 1))
            for other in (*_shortened(word), *swapped):
                found.setdefault(other, word)
    return found


def _shortened(word: str) -> list[str]:
    return [word[:at] + word[at + 1 :] for at in range(1, len(word))]
