"""Write down what people spell and count aloud: digits, spelled words, e-mail addresses, with the way back.

"four one five, um, double five" becomes `41555`, "j o h n dot carter at gmail dot com" `john.carter@gmail.com`. No
library does this. Every token of a text is looked at a bounded number of times, so it runs in linear time.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

import re2

from schemas.texts.folding import Folded, Piece, joined
from schemas.texts.shapes import Shapes
from schemas.texts.spoken_words import (
    AT_WORDS,
    DOMAINS_ALONE,
    DOT_WORDS,
    FILLERS,
    HESITATIONS,
    HUNDRED,
    JOINERS,
    LANGUAGES,
    NO_DOMAIN,
    NO_LOCAL_PART,
    REPEATS,
    SOUND_LIKE_DIGITS,
    THOUSAND,
    TOP_LEVEL,
    Words,
)

MIN_DIGITS = 4  # fewer are counted things: "two or three"
MAX_FILLERS = 5  # between two digits: "uh, wait, let me see"
MAX_NAMES = 3  # words of a local part that nothing joins
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")
_DIGITS = {**LANGUAGES[0].digits, **{word: tens[0] for word, tens in LANGUAGES[0].tens.items()}}
_JOINS = frozenset(JOINERS.values())
_NUMBER_WORDS = "|".join(sorted({word for one in LANGUAGES for word in (*one.digits, *one.tens)} | set(REPEATS)))
_ANY_AT = "|".join(re2.escape(word) for word in sorted(AT_WORDS))
_ANY_DOT = "|".join(sorted(DOT_WORDS - {"."}))
_ONE_NUMBER = Shapes(rf"(?i)\d|\b(?:{_NUMBER_WORDS})\b")
# Most talk holds nothing of these three (spoken numbers, spelled words, addresses): it is passed over at once.
_MAYBE = Shapes(
    rf"\b(?:{_NUMBER_WORDS})\b.{{1,30}}\b(?:{_NUMBER_WORDS}|\d+|hundred|thousand)\b|\d\b.{{1,30}}\b(?:{_NUMBER_WORDS}|\d)",
    r"\b\pL(?:[\s,.-]+\pL){2}\b",
    rf"(?:{_ANY_AT})\s.{{1,40}}(?:\s(?:{_ANY_DOT})\s|\.)(?:{'|'.join(sorted(TOP_LEVEL))})\b|\bat\s+(?:g mail|hot mail|{'|'.join(sorted(DOMAINS_ALONE))})\b",
)


class _Tokens(list[str]):
    """A text's tokens. Where they stand is found when somebody asks: most texts that may hold a number hold none."""

    def __init__(self, text: str, tokens: Sequence[str] | None = None) -> None:
        super().__init__(_TOKEN.findall(text) if tokens is None else tokens)
        self._text = text
        self._spans: list[tuple[int, int]] = []

    def start(self, at: int) -> int:
        return self._span(at)[0]

    def end(self, at: int) -> int:
        return self._span(at)[1]

    def _span(self, at: int) -> tuple[int, int]:
        if not self._spans:
            self._spans = [match.span() for match in _TOKEN.finditer(self._text)]
        return self._spans[at]


class Part:
    """A folded text that is written down together with different others: what they need of it is found once."""

    def __init__(self, folded: Folded) -> None:
        self.folded = folded

    @cached_property
    def tokens(self) -> Sequence[str]:
        """Its tokens: no token reaches over the blank to the next part."""
        return _TOKEN.findall(self.folded.text)


def write_down(folded: Folded) -> Folded:
    """Return the text with spoken digits, spelled words and spoken addresses written down; never raises."""
    return write_down_together([Part(folded)])


def write_down_together(parts: Sequence[Part]) -> Folded:
    """Return what `write_down` makes of the parts joined by blanks."""
    folded = joined([part.folded for part in parts])
    held = _MAYBE.held_by(folded.text)
    if not held:
        return folded
    tokens = _Tokens(folded.text, [one for part in parts for one in part.tokens])
    for number, pieces_of in enumerate((_numbers, _spelled, _addresses)):
        pieces = list(pieces_of(tokens)) if number in held else []
        if pieces:
            folded = folded.replaced(pieces)
            held, tokens = _MAYBE.held_by(folded.text), _Tokens(folded.text)
    return folded


def is_mostly_number(text: str) -> bool:
    """Whether somebody does little else than dictating digits or letters here."""
    if not _ONE_NUMBER.held_by(text):
        return False
    words = [word for word in _TOKEN.findall(text.lower()) if word.isalnum()]
    known = sum(
        word.isdigit() or len(word) == 1 or word in _DIGITS or word in FILLERS or word in REPEATS for word in words
    )
    return 0 < len(words) <= 2 * known and any(word.isdigit() or word in _DIGITS for word in words)


def _numbers(tokens: _Tokens) -> list[Piece]:
    """Runs of spoken digits, each read in the language that understands most of it."""
    words = set(tokens)
    known = [one for one in LANGUAGES if len(words & one.small) > 1 or words & one.large]
    if not known and words & HESITATIONS:
        known = [LANGUAGES[0]]
    runs = [run for one in known if _may_be_number(tokens, one) for run in _runs(tokens, one)]
    chosen: list[Piece] = []
    for piece in sorted(runs, key=lambda one: (-len(one[2]), one[0])):
        if all(piece[1] <= other[0] or other[1] <= piece[0] for other in chosen):
            chosen.append(piece)
    return sorted(chosen)


def _may_be_number(words: Sequence[str], language: Words) -> bool:
    """Whether there are digits enough for one at all; one more may be a word that only sounds like a digit."""
    return sum(language.sizes.get(word, len(word) if word.isdigit() else 0) for word in words) >= MIN_DIGITS - 1


def _runs(tokens: _Tokens, language: Words) -> Iterator[Piece]:
    after = 0
    for at in _beginnings(tokens, language):
        run = _Run(tokens, at, language) if at >= after else None
        if run is not None and run.is_number:
            first = at - 1 if at and tokens[at - 1] in ("plus", "+") else at
            sign = "+" if first < at else ""
            yield tokens.start(first), tokens.end(run.last), sign + run.digits
            after = run.last + 1


def _beginnings(tokens: Sequence[str], language: Words) -> list[int]:
    """Where a number may begin: with a digit, or with two letters."""
    return [
        at
        for at, (word, following) in enumerate(zip(tokens, [*tokens[1:], ""], strict=True))
        if word in language.sizes
        or word.isdigit()
        or (len(word) == 1 and word.isalpha() and (word == "o" or (len(following) == 1 and following.isalpha())))
    ]


class _Run:
    """Digits that follow each other from one token on, with fillers between them."""

    def __init__(self, tokens: _Tokens, first: int, language: Words) -> None:
        self._tokens, self._language = tokens, language
        self.digits, self.last = "", first
        self._spoken = self._written = self._hesitated = self._letters = 0
        at: int | None = first
        while at is not None and len(self.digits) <= 64:  # the longest number that anybody reads aloud, twice
            taken = self._take(at)
            if taken == 0:
                break
            self.last = at + taken - 1
            at = self._next(at + taken)

    @property
    def is_number(self) -> bool:
        """Whether it is one number that was, at least in part, spoken."""
        count = sum(letter.isdigit() for letter in self.digits)
        # "1500 for two weeks" is not one number, "4 1 5, um, 5 5 5" is
        dictated = self._spoken > 1 or self._hesitated > 0 if self._written else self._spoken > 0
        return dictated and count >= MIN_DIGITS and (self._letters == 0 or count >= 3 * MIN_DIGITS)

    def _word(self, at: int) -> str:
        return self._tokens[at] if at < len(self._tokens) else ""

    def _take(self, at: int) -> int:
        """Take what stands here into the digits; return how many tokens that was, none if it is no digit."""
        word, language = self._word(at), self._language
        if word.isascii() and word.isdigit():
            self.digits += word
            self._written += 1
            return 1
        if word == "quatre" and self._word(at + 1) in ("vingt", "vingts"):
            return self._take_tens("80", at, at + 2)
        if word in language.tens:
            return self._take_tens(language.tens[word], at, at + 1)
        if word in language.digits:
            return self._spell(language.digits[word], 1)
        if word in REPEATS and self._word(at + 1) in language.digits:
            return self._spell(language.digits[self._word(at + 1)] * REPEATS[word], 2)
        if word in HUNDRED and self.digits:
            return self._spell(self._zeros(at, 2), 1)
        if word in THOUSAND and self.digits:
            return self._spell("" if self._is_digit(at + 1) else "000", 1)
        if word in SOUND_LIKE_DIGITS and self._is_digit(at + 1) and (len(self.digits) > 1 or word in ("oh", "o")):
            return self._spell(SOUND_LIKE_DIGITS[word], 1)
        return self._take_letter(at)

    def _take_letter(self, at: int) -> int:
        """An IBAN begins with two letters, and may hold more; what holds letters needs many digits to count."""
        word = self._word(at)
        two_first = not self.digits and len(self._word(at + 1)) == 1 and self._word(at + 1).isalpha()
        inside = self._letters >= 1 and len(self._word(at)) == 1
        if len(word) == 1 and word.isascii() and word.isalpha() and (two_first or inside):
            self.digits += word
            self._letters += 1
            return 1
        return 0

    def _take_tens(self, tens: str, at: int, after: int) -> int:
        if self._word(after) in ("-", "and", "y", "e", "et") and self._is_unit(after + 1):
            after += 1
        teen, taken = self._teen(after)
        if self._language.adds_teens and tens in ("60", "80") and teen:
            return self._spell(str(int(tens) + teen), after + taken - at)
        if self._is_unit(after) and not (self._is_unit(after + 1) and self._word(after) in SOUND_LIKE_DIGITS):
            return self._spell(tens[0] + self._language.digits[self._word(after)], after - at + 1)
        return self._spell(tens, after - at)

    def _teen(self, at: int) -> tuple[int, int]:
        """A number from 10 to 19 and its tokens, as in "soixante dix huit"; 0 where there is none."""
        first = int(self._language.digits.get(self._word(at), "0"))
        if first == 10 and self._is_unit(at + 1) and int(self._language.digits[self._word(at + 1)]) >= 7:
            return first + int(self._language.digits[self._word(at + 1)]), 2
        return (first, 1) if 10 <= first <= 19 else (0, 0)

    def _zeros(self, at: int, count: int) -> str:
        """What "hundred" stands for: nothing before tens, one zero before a last unit, else two."""
        following = at + 2 if self._word(at + 1) == "and" else at + 1
        if self._word(following) in self._language.tens:
            return ""
        return "0" * (count - 1) if self._is_unit(at + 1) and not self._is_digit(at + 2) else "0" * count

    def _spell(self, digits: str, tokens: int) -> int:
        self.digits += digits
        self._spoken += 1
        return tokens

    def _is_unit(self, at: int) -> bool:
        return len(self._language.digits.get(self._word(at), "")) == 1 and self._word(at) not in ("zero", "oh", "o")

    def _is_digit(self, at: int) -> bool:
        word = self._word(at)
        return word.isdigit() or word in self._language.digits or word in self._language.tens or word in REPEATS

    def _next(self, at: int) -> int | None:
        """The next token that can go on with the number, over fillers; none when the number ends here."""
        hesitated = 0
        for place in range(at, min(at + MAX_FILLERS + 1, len(self._tokens))):
            word = self._word(place)
            hesitated += word in HESITATIONS
            if self._is_digit(place) or word in HUNDRED or word in THOUSAND or word in SOUND_LIKE_DIGITS:
                self._hesitated += hesitated
                return place
            if self._letters and len(word) == 1 and word.isalpha():
                return place
            if not self.digits.isdigit() and len(self.digits) == 1 and len(word) == 1:
                return place
            if word not in FILLERS:
                return None
        return None


def _spelled(tokens: _Tokens) -> Iterator[Piece]:
    """Runs of three single letters or more, as in "p a y p a l"; "double l" and "a as in apple" belong to them."""
    at = 0
    while at < len(tokens):
        letters, after = _letters(tokens, at) if len(tokens[at]) == 1 else ("", at)
        if len(letters) >= 3:
            yield tokens.start(at), tokens.end(after - 1), letters
        at = max(after, at + 1)


def _letters(tokens: _Tokens, at: int) -> tuple[str, int]:
    letters, after = "", at
    while at < len(tokens):
        word = tokens[at]
        if word in REPEATS and letters and at + 1 < len(tokens) and len(tokens[at + 1]) == 1:
            letters, at = letters + tokens[at + 1] * REPEATS[word], at + 2
        elif len(word) == 1 and (word.isalpha() or (letters and word.isdigit())) and _word(tokens, at - 1) != "'":
            letters, at = letters + word, at + 1
        elif letters and word == "-" and at + 1 < len(tokens) and len(tokens[at + 1]) == 1:
            at += 1
            continue
        else:
            break
        if tokens[at : at + 2] == ["as", "in"] or _word(tokens, at) == "for":
            skipped = at + (3 if _word(tokens, at) == "as" else 2)
            at = skipped if _word(tokens, skipped - 1)[:1] == letters[-1] else at
        after = at
    return letters, after


def _word(tokens: _Tokens, at: int) -> str:
    return tokens[at] if 0 <= at < len(tokens) else ""


def _addresses(tokens: _Tokens) -> Iterator[Piece]:
    """Spoken e-mail addresses: words joined by "dot", "underscore" and the like before "at", a domain after it."""
    until = 0
    for at, token in enumerate(tokens):
        if token not in AT_WORDS or at < until:
            continue
        domain, after = _domain(tokens, at + 1)
        local, before = _local(tokens, at - 1, until)
        if domain and local:
            yield tokens.start(before), tokens.end(after - 1), f"{local}@{domain}"
            until = after


def _domain(tokens: _Tokens, at: int) -> tuple[str, int]:
    """The domain that begins here and the place after it: up to three words, then "dot" and a top-level domain."""
    for words in range(1, 4):
        name = [_word(tokens, at + place) for place in range(words)]
        if name[0] in NO_DOMAIN or not name[0].isalnum() or not all(p.isalnum() or p == "-" for p in name):
            return "", at
        if _is_dot(tokens, at + words) and _word(tokens, at + words + 1) in TOP_LEVEL:
            return _with_country(tokens, "".join(name), at + words)
        provider = "".join(name)
        if provider in DOMAINS_ALONE and not _is_dot(tokens, at + words):
            return f"{provider}.com", at + words
    return "", at


def _with_country(tokens: _Tokens, name: str, at: int) -> tuple[str, int]:
    domain = f"{name}.{_word(tokens, at + 1)}"
    if _is_dot(tokens, at + 2) and len(_word(tokens, at + 3)) == 2:
        return f"{domain}.{_word(tokens, at + 3)}", at + 4
    return domain, at + 2


def _local(tokens: _Tokens, at: int, until: int) -> tuple[str, int]:
    """The local part that ends here and where it begins; empty where the words are no name ("look at …").

    "lena weber ninety nine" is one: people leave out that it is one word.
    """
    parts: list[str] = []
    before, names = at + 1, 0
    while before - 1 >= until and names < MAX_NAMES:
        word = _word(tokens, before - 1)
        if word in JOINERS and parts and before - 2 >= until and _is_name(_word(tokens, before - 2)):
            parts.insert(0, JOINERS[word])
        elif _is_name(word) and _word(tokens, before - 2) != "'":
            parts.insert(0, _DIGITS.get(word, word))
            names += 0 if parts[0].isdigit() or (parts[1:2] and parts[1] in _JOINS) else 1
        else:
            break
        before -= 1
    return "".join(parts), before


def _is_name(word: str) -> bool:
    return word.isalnum() and word not in NO_LOCAL_PART


def _is_dot(tokens: _Tokens, at: int) -> bool:
    """A full stop is one only inside a word: else a sentence ends there."""
    word = _word(tokens, at)
    return word in DOT_WORDS and (word != "." or (at + 1 < len(tokens) and tokens.end(at) == tokens.start(at + 1)))
