"""Mask personal data in quotes: cards, social security numbers, IBANs, e-mail addresses, phones, codes, passwords.

Masking is broad on purpose: what is masked too much can be heard in the recording, what is shown cannot be taken back.
"""

from collections.abc import Callable, Iterator
from typing import Any

import re2

from processors.meeting_flagging.folding import fold
from processors.meeting_flagging.validators import luhn

MAX_QUOTE_CHARACTERS = 240  # what an analyst reads at a glance (trust_safety design 5.4)
Span = tuple[int, int, str]

_DIGIT_WORD = "(?:zero|oh|o|one|two|three|four|five|six|seven|eight|nine|double|triple)"
_WORD = r"[\w-]+"
_SECRET_WORD = "(?:pass(?: ?words?)?|pwd?|logins?|pass ?codes?|pass ?phrases?|pins?|codes?|otp|cvv|cvc|security answer)"  # noqa: S105 # the words for secrets, none itself


def _card_or_number(text: str) -> str:
    digits = [letter for letter in text if letter.isdigit()]
    return f"[card ••{''.join(digits[-4:])}]" if luhn(text) else "[number]"


def _password_like(text: str) -> str | None:
    """A token of all sorts of characters is a password, whatever stands before it."""
    sorts = (str.islower, str.isupper, str.isdigit, "!#%&*?^+=~".__contains__)
    return "[secret]" if sum(any(map(sort, text)) for sort in sorts) >= 3 else None


# After a word for a secret four words are masked: a spoken password is more than one. All run in linear time. Where two overlap, both are masked, under the name of the longer one.
_MASKS: tuple[tuple[Any, Callable[[str], str | None]], ...] = tuple(
    (re2.compile(pattern), render)
    for pattern, render in (
        (r"[\pL\d._%+-]+\s?(?:@|\(at\)|\[at\])\s?[\pL\d-]+(?:\.[\pL\d-]+)*", lambda _: "[e-mail]"),
        (
            rf"\b{_WORD}(?:\s+(?:dot|underscore|dash)\s+{_WORD})*\s+at\s+{_WORD}(?:\s+dot\s+{_WORD})+",
            lambda _: "[e-mail]",
        ),
        (
            rf"{_SECRET_WORD}(?:,?\s+(?:is|was|are|it's|it is)\b|'s|\s*[:=])[\s:=\"']*(\S{{2,}}(?:\s+\S+){{0,3}})",
            lambda _: "[secret]",
        ),
        (r"[^\s/,;]{8,}", _password_like),
        (r"\b[a-z]{2}\d{2}(?:[ -]?[a-z0-9]{4}){2,7}(?:[ -]?[a-z0-9]{1,4})?\b", lambda _: "[iban]"),
        (r"\b\d{3}[ .-]\d{2}[ .-]\d{4}\b", lambda _: "[ssn]"),
        (r"\d(?:[\s.,/_-]{0,3}\d){12,18}", _card_or_number),
        (r"(?:\+|\b00)\d(?:[\s().,/-]{0,3}\d){5,16}|\(\d{2,5}\)(?:[\s.-]{0,3}\d){5,12}", lambda _: "[phone]"),
        (r"\b\d{3}[ .-]\d{3,4}[ .-]\d{4}\b", lambda _: "[phone]"),
        (r"\d(?:[\s.,/_-]{0,3}\d){3,}", lambda _: "[number]"),
        (rf"\b{_DIGIT_WORD}(?:[\s,.-]+(?:um+|uh+|er+|and|{_DIGIT_WORD})){{3,}}\b", lambda _: "[number]"),
    )
)


def mask(text: str) -> str:
    """Return the text with personal data replaced by what kind of data it was."""
    return _render(text, 0, len(text), mask_spans(text))


def quote(text: str, start: int, end: int) -> str:
    """Return the masked quote around a span of the text: at most MAX_QUOTE_CHARACTERS, the span first of all.

    Masks are found in the whole text, so that a cut cannot leave half of a number.
    """
    spare = max(0, MAX_QUOTE_CHARACTERS - (end - start))
    first = max(0, start - spare // 2)
    last = min(len(text), first + MAX_QUOTE_CHARACTERS)
    spans = mask_spans(text)
    for begins, ends, _ in spans:
        first = begins if begins < first < ends else first
        last = ends if begins < last < ends else last
    return _render(text, first, last, spans)[:MAX_QUOTE_CHARACTERS]


def mask_spans(text: str) -> list[Span]:
    """Return what to mask: start and end in the text, and what to put there; in order, without overlaps."""
    merged: list[Span] = []
    for begins, ends, label in sorted(_found(text), key=lambda span: span[0]):  # stable: of equals the first stands
        if not merged or merged[-1][1] <= begins:
            merged.append((begins, ends, label))
            continue
        before = merged[-1]
        longer = label if ends - begins > before[1] - before[0] else before[2]
        merged[-1] = (before[0], max(before[1], ends), longer)
    return merged


def _found(text: str) -> Iterator[Span]:
    folded = fold(text)
    for pattern, render in _MASKS:
        for match in pattern.finditer(folded.text):
            first, last = folded.origin(*match.span(pattern.groups))  # the only group, or else the whole
            label = render(text[first:last])
            if label is not None:
                yield first, last, label


def _render(text: str, first: int, last: int, spans: list[Span]) -> str:
    parts, at = [], first
    for begins, ends, label in spans:
        if first <= begins and ends <= last:
            parts += [text[at:begins], label]
            at = ends
    return "".join([*parts, text[at:last]])
