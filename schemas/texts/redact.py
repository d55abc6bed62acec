"""Mask personal data in quotes: cards, social security numbers, IBANs, e-mail addresses, phones, codes, passwords.

Masking is broad on purpose: what is masked too much can be heard in the recording, what is shown cannot be taken back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import re2

from schemas.texts.folding import Folded, fold
from schemas.texts.identifiers import identifiers
from schemas.texts.spoken import write_down
from schemas.texts.spoken_words import word_set

MAX_QUOTE_CHARACTERS = 240  # what an analyst reads at a glance (trust_safety design 5.4)
MIXED_CHARACTERS = 7  # hunter2; shorter ones are mostly versions and formats, such as mp3 and h264
Span = tuple[int, int, str]

_KEYWORD = (  # for secrets, none itself
    "(?:pass(?: ?words?)?|pwd?|logins?|pass ?codes?|pass ?phrases?|pins?(?: codes?)?|codes?|otp|cvv2?|cvc|security answer"
    "|maiden name|digits(?: on the back)?|contraseña|clave|código|codigo|mot de passe|passwort|kennwort|senha)"
)
_IS = r"(?:,?\s+(?:is|was|are|it's|it is|es|est|ist|é|lautet)\b|'s|\s*[:=]|\s+-)"
_ASKED_FOR = rf"(?:{_KEYWORD}|ssn|social security|card|account number|routing|sort code|iban|passport|licen[sc]e|security question|log ?in)"
_ASKED = re2.compile(  # in what somebody said, before the other one answers it
    rf"\b(?:what|what's|whats|which|give|tell|read|send|share|need|type|say|spell|repeat|confirm|can i|could|may i|have|got|get|dime|dame|cuál"
    rf"|donne|dis|quel|gib|sag|wie|qual|passa)\b.{{0,80}}\b{_ASKED_FOR}s?\b|\b{_ASKED_FOR}s?\b[^.!]{{0,40}}\?"
)
_PLAIN = word_set(
    "a ah all and can do for get give go got hang have here hey hold i i'll i'm i've in is it it's its",
    "just let lemme me minute my no not of oh ok okay on one please read right same second sec sorry sure",
    "that that's the then there this to uh um wait was we well with yeah yep yes you your password",
    "passcode code pin number login card",
)  # words of an answer that are no secret


def _mixed(text: str) -> str | None:
    """So is one of letters and digits, where it is no part of a link or a file's name."""
    return "[secret]" if len(text) >= MIXED_CHARACTERS and any(map(str.isalpha, text)) else None


def _password_like(text: str) -> str | None:
    """A token of all sorts of characters is a password, whatever stands before it."""
    sorts = (str.islower, str.isupper, str.isdigit, "!#%&*?^+=~$@".__contains__)
    return "[secret]" if sum(any(map(sort, text)) for sort in sorts) >= 3 else None


# After a word for a secret the rest of the sentence is masked, eight words of it: a spoken password is more than one.
# All run in linear time. Where two overlap, both are masked, under the name of the longer one.
_MASKS: tuple[tuple[Any, Callable[[str], str | None]], ...] = tuple(
    (re2.compile(pattern), render)
    for pattern, render in (
        (r"[\pL\d._%+-]+\s?(?:@|\(at\)|\[at\])\s?[\pL\d-]+(?:\.[\pL\d-]+)*", lambda _: "[e-mail]"),
        (rf"\b{_KEYWORD}{_IS}[\s:=\"']*(\S{{2,}}(?:\s+[^\s.!?;]+){{0,7}})", lambda _: "[secret]"),
        (rf"\b{_KEYWORD}\s+(\S*\d\S*)", lambda _: "[secret]"),
        (r"(?:^|[\s\"'(=])([\pL\d_!#$%&*-]*\d[\pL\d_!#$%&*-]*)", _mixed),
        (r"[^\s/,;]{8,}", _password_like),
        (r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,4})?\b", lambda _: "[iban]"),
        (r"\b\d{3}[ .-]\d{2}[ .-]\d{4}\b", lambda _: "[ssn]"),
        (r"(?:\+|\b00)\d(?:[\s().,/-]{0,3}\d){5,16}|\(\d{2,5}\)(?:[\s.-]{0,3}\d){5,12}", lambda _: "[phone]"),
        (r"\b\d{3}[ .-]\d{3,4}[ .-]\d{4}\b", lambda _: "[phone]"),
        (r"\d(?:[\s.,/_-]{0,3}\d){3,}", lambda _: "[number]"),
    )
)
_LABELS = {"email": "[e-mail]", "iban": "[iban]", "ssn": "[ssn]", "phone": "[phone]"}  # other numbers: the last mask


def mask(text: str) -> str:
    """Return the text with personal data replaced by what kind of data it was."""
    return Masked.of(text, 0, len(text), mask_spans(text)).text


def quote(text: str, start: int, end: int) -> str:
    """Return the masked quote around a span of the text: at most MAX_QUOTE_CHARACTERS, the span first of all."""
    return Masked.of(text, 0, len(text), mask_spans(text)).around(start, end)[0]


def mask_spans(text: str, written: Folded | None = None) -> list[Span]:
    """Return what to mask: start and end in the text, and what to put there; in order, without overlaps.

    `written` is what spoken.py made of the text, where the caller has it.
    """
    return merged(_found(text, written or write_down(fold(text))))


def merged(found: Iterator[Span] | Sequence[Span]) -> list[Span]:
    """Put overlapping spans together, under the name of the longest."""
    spans: list[Span] = []
    for begins, ends, label in sorted(found, key=lambda span: span[0]):  # stable: of equals the first stands
        if not spans or spans[-1][1] <= begins:
            spans.append((begins, ends, label))
            continue
        before = spans[-1]
        longer = label if ends - begins > before[1] - before[0] else before[2]
        spans[-1] = (before[0], max(before[1], ends), longer)
    return spans


def asks_for_secret(text: str) -> bool:
    """Whether somebody who says this may get a secret as the answer."""
    return _ASKED.search(fold(text).text) is not None


def answer_span(text: str) -> Span | None:
    """What to mask of an answer to such a question: all from the first word that may be the secret."""
    at = 0
    for word in text.split():
        at = text.index(word, at)
        if word.lower().strip(".,!?;:\"'") not in _PLAIN:
            return at, len(text), "[secret]"
        at += len(word)
    return None


@dataclass(frozen=True, slots=True)
class Masked:
    """A masked part of a text, and where its characters went: `places[i]` is that of character `first + i`."""

    text: str
    first: int
    places: Sequence[int]

    @classmethod
    def of(cls, text: str, first: int, last: int, spans: Sequence[Span]) -> "Masked":
        """Mask a part of a text; a span that the cut goes through is masked in what is left of it."""
        parts: list[str] = []
        places: list[int] = []
        at, length = first, 0
        for begins, ends, label in [*((max(b, first), min(e, last), x) for b, e, x in spans), (last, last, "")]:
            if begins >= ends and label:
                continue
            parts += [text[at:begins], label]
            places += [*range(length, length + begins - at), *[length + begins - at] * (ends - begins)]
            length += begins - at + len(label)
            at = ends
        return cls("".join(parts), first, [*places, length])

    def around(self, start: int, end: int) -> tuple[str, int, int]:
        """Return MAX_QUOTE_CHARACTERS of it around a span of the original, and where in those the span lies."""
        begins = self.places[max(0, start - self.first)]
        ends = self.places[min(len(self.places) - 1, end - self.first)]
        ends = max(ends, self._end_of_label(start, begins, ends))
        spare = max(0, MAX_QUOTE_CHARACTERS - (ends - begins))
        cut = max(0, min(begins - spare // 2, len(self.text) - MAX_QUOTE_CHARACTERS))
        shown = self.text[cut : cut + MAX_QUOTE_CHARACTERS]
        return shown, begins - cut, min(len(shown), ends - cut)

    def _end_of_label(self, start: int, begins: int, ends: int) -> int:
        """Where the span is masked as a whole, the label is the span."""
        if ends > begins:
            return ends
        return next((place for place in self.places[start - self.first :] if place > begins), len(self.text))


def _found(text: str, written: Folded) -> Iterator[Span]:
    for one in identifiers(written.text):
        first, last = written.origin(one.start, one.end)
        if one.kind == "card":
            digits = [letter for letter in written.text[one.start : one.end] if letter.isdigit()]
            yield first, last, f"[card ••{''.join(digits[-4:])}]"
        elif one.kind in _LABELS:
            yield first, last, _LABELS[one.kind]
    for pattern, render in _MASKS:
        for match in pattern.finditer(written.text):
            first, last = written.origin(*match.span(pattern.groups))  # the only group, or else the whole
            label = render(text[first:last])
            if label is not None:
                yield first, last, label
