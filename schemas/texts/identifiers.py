"""Find what identifies people and accounts: cards, SSNs, IBANs, phones, e-mail and network addresses, links.

Over text that spoken.py has written down. Of candidates that overlap the more certain kind stands.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import phonenumbers
import re2
from stdnum import iban, luhn
from stdnum.us import ssn

from schemas.texts.folding import Folded
from schemas.texts.shapes import Shapes

REGIONS = ("US", "GB", "DE", "FR", "ES", "BR", "IN", "AU")  # whose numbers without a country code are looked up
_BEFORE = 40  # characters before a number that say what it is


class Match(Protocol):
    """What we use of a match."""

    def start(self) -> int: ...
    def end(self) -> int: ...
    def group(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Identifier:
    """One of KINDS at a place in a text."""

    kind: str
    start: int
    end: int


KINDS = ("email", "url", "ip", "iban", "card", "ssn", "phone", "number")

_EMAIL = re2.compile(
    r"([\pL\d._%+-]*[\pL\d_%+-]\s?(?:@|\(at\)|\[at\]|\{at\})\s?[\pL\d-]+(?:\s?(?:\.|\(dot\)|\[dot\])\s?[\pL\d-]+)*\s?(?:\.|\(dot\)|\[dot\])\s?\pL{2,})"
)
_DOMAIN = re.compile(r"@|[(\[{]at[)\]}]")
_URL = re2.compile(
    r"\b((?:https?|hxxps?|ftp)://[^\s<>\"]+[^\s<>\".,;:!?)\]]|www\.[\pL\d-]+(?:\.[\pL\d-]+)+(?:/[^\s<>\"]*[^\s<>\".,;:!?)])?)"
)
_IP = re2.compile(r"(?:^|[^\d.])(\d{1,3}(?:\.\d{1,3}){3})(?:[^\d.]|\.\D|\.?$)")
_IBAN = re2.compile(r"\b([a-z]{2}\d{2}(?:[ -]?[a-z\d]{4}){2,7}(?:[ -]?[a-z\d]{1,4})?)\b")
_SSN = re2.compile(r"\b(\d{3}[ -]\d{2}[ -]\d{4})\b")
_NUMBER = re2.compile(r"(?:\+|\b00)?\(?\b\d(?:[ ().,/-]{0,3}\d)*(?: ?(?:x|ext\.?) ?\d{1,5})?\b")
_FOUR_DIGITS = r"\d(?:(?:[ ().,/-]{0,3}| ?(?:x|ext\.?) ?)\d){3}"  # what a number of four digits holds
_PHONE_SHAPE = re2.compile(
    r"(?:\+?1[ .-]?)?(?:\(\d{3}\) ?|\d{3}[.-])\d{3}[.-]\d{4}(?:x\d{1,5})?|\(\d{2,5}\)[ -]?\d{3,4}[ -]?\d{3,4}|\+\d{1,3}[ \d().-]{6,18}"
)
_PHONE_WORDS = re2.compile(
    r"\b(?:phone|mobile|cell|tel|telephone|fax|desk|call|calling|ring|text|texting|sms|whatsapp|signal|viber|telegram|reach|messages? (?:to|at|on)|answering at|dial|"
    r"(?:my|your|his|her|the|contact|direct) (?:\w+ )?number|m[óo]vil|tel[ée]fono|n[úu]mero|portable|t[ée]l[ée]phone|handy|nummer|telefon|celular|telem[óo]vel|ll[áa]ma\w*|appelle\w*|ruf\w*|liga\w*)\b"
)
_SSN_WORDS = re2.compile(r"\b(?:ssn|social|social security)\b")
_CARD_WORDS = re2.compile(
    r"\b(?:cards?|cc|visa|master ?card|amex|american express|credit|debit|tarjeta|carte|karte|cart[ãa]o)\b"
)
_OTHER_WORDS = re2.compile(
    r"\b(?:order|ticket|invoice|tracking|imei|isbn|zip|postal|post code|postcode|part|serial|sku|version|reference|ref|case|account|routing|sort code|bug|issue|build|commit|passport|licen[sc]e|national|insurance|tax|id|dni|session|address|code|pin)\b[^.;]{0,20}$"
)


def _is_ip(text: str) -> bool:
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


# Kinds that have a shape of their own, which is each pattern's first group, and whether it may be one.
_SHAPED: Sequence[tuple[str, "re2._Regexp", Callable[[str], bool]]] = (
    ("email", _EMAIL, bool),
    ("url", _URL, bool),
    ("ip", _IP, _is_ip),
    ("iban", _IBAN, iban.is_valid),
    ("ssn", _SSN, lambda text: ssn.is_valid(_digits(text))),
)
_SHAPES = Shapes(*(pattern.pattern for _, pattern, _ in _SHAPED), _FOUR_DIGITS)

_FEWEST_DIGITS = 4  # of a number that could tell who somebody is
_COUNTED = "1234567890123456789"  # somebody counts, or types along the keys


def identifiers(text: str) -> list[Identifier]:
    """Return what identifies somebody in a folded text, in order, without overlaps; never raises."""
    found: list[Identifier] = []
    for one in _candidates(text):
        if all(one.end <= other.start or other.end <= one.start for other in found):
            found.append(one)
    return sorted(found, key=lambda one: one.start)


def marked(written: Folded) -> Folded:
    """Return a text in which identifiers are marks that patterns can name, such as `<phone>` and `<email:gmail.com>`.

    Other numbers of four digits and more are `<number:6>`, with how many digits they have; links stay as they are.
    """
    text = written.text
    found = (one for one in identifiers(text) if one.kind not in ("url", "ip"))
    return written.replaced((one.start, one.end, _mark(one.kind, text[one.start : one.end])) for one in found)


def _mark(kind: str, text: str) -> str:
    if kind == "email":
        return f"<email:{_DOMAIN.split(text)[-1].replace(' ', '')}>"
    return f"<number:{len(_digits(text))}>" if kind == "number" else f"<{kind}>"


def is_card(digits: str) -> bool:
    """Whether digits are a payment card's: a network's first digits (ISO/IEC 7812), its length, and the check digit."""
    lengths = next((lengths for first, lengths in _NETWORKS if digits.startswith(first)), ())
    return len(digits) in lengths and len(set(digits)) > 1 and luhn.is_valid(digits)


_NETWORKS: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = (
    (("34", "37"), (15,)),
    (("36", "38", "39", "300", "301", "302", "303", "304", "305", "309"), (14, 16, 19)),
    (("35",), (16, 17, 18, 19)),
    (("2131", "1800"), (15,)),
    (("4",), (13, 16, 19)),
    ((*map(str, range(51, 56)), *map(str, range(2221, 2721))), (16,)),
    (("62", "81"), (16, 17, 18, 19)),
    (("6011", "64", "65", "60", "508", "353", "356"), (16, 17, 18, 19)),
    (("50", "56", "57", "58", "61", "63", "66", "67", "68", "69"), tuple(range(12, 20))),
)  # fmt: skip  # as the networks publish them: Amex, Diners, JCB, Visa, Mastercard, UnionPay, Discover, Maestro


def _candidates(text: str) -> Iterator[Identifier]:
    """Everything that could be one, the most certain kinds first."""
    held = _SHAPES.held_by(text)
    for number, (kind, pattern, is_valid) in enumerate(_SHAPED):
        matches = pattern.finditer(text) if number in held else ()
        yield from (Identifier(kind, *match.span(1)) for match in matches if is_valid(match.group(1)))
    if len(_SHAPED) in held:
        yield from _of_digits(text)


def _of_digits(text: str) -> Iterator[Identifier]:
    """What only its digits and the words before it tell."""
    numbers = [match for match in _NUMBER.finditer(text) if len(_digits(match.group())) >= _FEWEST_DIGITS]
    for match in numbers:
        yield from _card(text, match)
    for match in numbers:
        if (
            len(_digits(match.group())) == 9
            and _before(text, match, _SSN_WORDS)
            and ssn.is_valid(_digits(match.group()))
        ):
            yield _spot("ssn", match)
        elif _is_phone(text, match):
            yield _spot("phone", match)
    yield from (_spot("number", match) for match in numbers)


def _spot(kind: str, match: Match) -> Identifier:
    return Identifier(kind, match.start(), match.end())


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isdigit())


def _card(text: str, match: Match) -> Iterator[Identifier]:
    digits = _digits(match.group())
    if is_card(digits) and (len(digits) > 13 or _before(text, match, _CARD_WORDS)):
        yield _spot("card", match)


def _before(text: str, match: Match, words: "re2._Regexp") -> bool:
    return words.search(text[max(0, match.start() - _BEFORE) : match.start()]) is not None


def _is_phone(text: str, match: Match) -> bool:
    number, digits = match.group(), _digits(match.group().split("x")[0])
    if not 7 <= len(digits) <= 15 or "," in number or digits in _COUNTED:
        return False
    if _before(text, match, _PHONE_WORDS):
        return not _before(text, match, _OTHER_WORDS)
    if _PHONE_SHAPE.fullmatch(number):
        return not _before(text, match, _OTHER_WORDS)
    grouped = sum(not letter.isdigit() for letter in number) >= 2 and "/" not in number
    regions = REGIONS if grouped and not _before(text, match, _OTHER_WORDS) else ()
    international = number.replace("00", "+", 1) if number.startswith("00") else number
    return any(_is_valid(international, region) for region in (None, *regions))


def _is_valid(number: str, region: str | None) -> bool:
    """Whether a country uses the number; without a region it must begin with its code."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False
