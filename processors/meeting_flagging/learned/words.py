"""Cut a folded text into words, letters that were spaced out or swapped for digits put back together."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[^\w\s]")
_SPACED = re.compile(r"(?<![^\W_'])[^\W\d_](?:[ .*_-][^\W\d_]){2,}(?![^\W_'])")  # "h a t e", "h.a.t.e"; not "I am a"
_MAYBE_SPACED = re.compile(
    r"[ .*_-][^\W\d_][ .*_-][^\W\d_](?![^\W_'])"
)  # how it ends; most texts hold none, found faster
_MIXED = re.compile(r"(?<!\S)(?=\S*[^\W\d_]\S*[^\W\d_])(?=\S*[^\W\d_][013457@$!]|[@$][^\W\d_])[\w@$!]+(?=[\s.,?!]|$)")
_SIGN = re.compile(r"[013457@$!]")  # without one nothing is mixed
_LEET = str.maketrans("013457@$!", "oieastasi")
_MARK = re.compile(r"\{\w+\}|\[[^\[\]]{1,30}\]")  # of a transcriber: {laughter}, [inaudible]
_UNITS = re.compile(r"\d+\w{1,3}|\w{0,2}\d+|\w+!+")  # 10pm, 4k, v2, stop!


def words_of(text: str) -> list[str]:
    """Return the words, numbers and signs of a text in lower case, in order; what is stuttered counts once."""
    text = _MARK.sub(" ", text)
    joined = _SPACED.sub(_joined, text) if _MAYBE_SPACED.search(text) else text
    words = _WORD.findall(_MIXED.sub(_unleet, joined) if _SIGN.search(joined) else joined)
    return [word for before, word in zip([None, *words], words, strict=False) if word != before]  # "you you you"


def words_of_all(texts: Sequence[str], words: Sequence[Sequence[str]]) -> list[str]:
    """Return the words of folded texts joined by blanks, given the words of each: nearly always those one after another."""
    apart = all(text.isascii() and "[" not in text for text in texts)
    if not apart or any(_ends_alone(one) and _begins_alone(next_one) for one, next_one in pairwise(texts)):
        return words_of(" ".join(texts))  # a transcriber's mark or a spaced word may go on over the border
    found = list(words[0])
    for more in words[1:]:
        found += more[1:] if more and found and more[0] == found[-1] else more
    return found


def _ends_alone(text: str) -> bool:
    return text[-1:].isalnum() and not text[-2:-1].isalnum()


def _begins_alone(text: str) -> bool:
    return text[:1].isalnum() and not text[1:2].isalnum()


def _joined(match: re.Match[str]) -> str:
    return re.sub(r"[ .*_-]", "", match.group())


def _unleet(match: re.Match[str]) -> str:
    text = match.group()
    return text if _UNITS.fullmatch(text) else text.translate(_LEET)


def pieces(word: str) -> list[str]:
    """Return a word's runs of two to five letters, its borders counted as letters."""
    whole = f" {word} "
    return [whole[at : at + size] for size in range(2, 6) for at in range(len(whole) - size + 1)]


def stretches(text: str, most_words: int) -> Iterator[tuple[int, int]]:
    """Yield the spans of a text's stretches of at most so many words, cut after a sentence where there is one."""
    first = 0
    for match in _stretch(most_words).finditer(text):
        yield first, match.end()
        first = match.end()


@cache
def _stretch(most_words: int) -> re.Pattern[str]:
    """From a third of the words on, up to where a sentence ends; else all of them."""
    sentence = rf"\S++(?:\s++\S++){{{most_words // 3 - 1},{most_words - 2}}}?(?<=[.?!])(?!\S)"
    return re.compile(rf"{sentence}|\S++(?:\s++\S++){{0,{most_words - 1}}}")
