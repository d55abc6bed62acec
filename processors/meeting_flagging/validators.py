"""Checks that a pattern cannot make: check digits of numbers (python-stdnum knows them), domains that look like another."""

from collections.abc import Callable, Mapping
from types import ModuleType

from stdnum import iban, luhn
from stdnum.br import cpf
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.gb import nhs
from stdnum.in_ import aadhaar
from stdnum.us import ssn

CARD_DIGITS = range(12, 20)  # ISO/IEC 7812: 12 to 19 digits are in use
BRANDS = (
    "amazon", "apple", "binance", "coinbase", "docusign", "dropbox", "facebook", "fiverr", "freelancer", "github", "google",
    "instagram", "linkedin", "microsoft", "netflix", "office365", "onedrive", "outlook", "payoneer", "paypal", "revolut",
    "skype", "stripe", "telegram", "upwork", "whatsapp", "zoom",
)  # fmt: skip  # what people are asked to log in to
_ALIKE = str.maketrans("0134578", "oleastb")
_LURES = (
    "login",
    "signin",
    "secure",
    "verify",
    "account",
    "support",
    "update",
    "meeting",
    "us",
    "docs",
    "drive",
    "share",
)


def card(text: str) -> bool:
    """Whether the digits in the text are a payment card number: in length, and by ISO/IEC 7812's check digit."""
    digits = _digits(text)
    return len(digits) in CARD_DIGITS and any(digit != "0" for digit in digits) and luhn.is_valid(digits)


def lookalike(text: str) -> bool:
    """Whether the host of a link looks like a well-known name and is not its own domain."""
    host = text.lower().split("://")[-1].split("/")[0].split(":")[0].split("@")[-1].removeprefix("www.")
    labels = host.split(".")
    own = labels[-3] if len(labels) > 2 and len(labels[-2]) <= 3 and len(labels[-1]) == 2 else labels[-2:][0]
    return own not in BRANDS and any(_resembles(label, own) for label in labels)


def _resembles(label: str, own: str) -> bool:
    parts = label.split("-")
    plain = [part.translate(_ALIKE).replace("rn", "m").replace("vv", "w") for part in parts]
    for brand in BRANDS:
        if any(new == brand and old != brand for new, old in zip(plain, parts, strict=True)):
            return True
        if brand in parts and ((len(parts) > 1 and set(parts) & set(_LURES)) or (label != own and "-" in own)):
            return True
        if len(brand) > 5 and any(part != brand and _one_letter_off(part, brand) for part in parts):
            return True
    return False


def _one_letter_off(word: str, brand: str) -> bool:
    """Whether one letter is doubled, left out, swapped with the next or another."""
    if abs(len(word) - len(brand)) > 1 or word[:1] != brand[:1]:
        return False
    same = next((at for at, (a, b) in enumerate(zip(word, brand, strict=False)) if a != b), min(len(word), len(brand)))
    rest, other = word[same:], brand[same:]
    return rest[1:] == other or rest == other[1:] or rest[1:] == other[1:] or rest[1::-1] + rest[2:] == other


def _digits(text: str) -> str:
    return "".join(letter for letter in text if letter.isascii() and letter.isdigit())


def _valid(*kinds: ModuleType) -> Callable[[str], bool]:
    return lambda text: any(kind.is_valid(text) for kind in kinds)


VALIDATORS: Mapping[str, Callable[[str], bool]] = {
    "luhn": card,
    "us_ssn": lambda text: bool(ssn.is_valid(_digits(text))),
    "iban": _valid(iban),
    "es_dni": _valid(dni, nie),
    "fr_nir": _valid(nir),
    "de_idnr": _valid(idnr),
    "br_cpf": _valid(cpf),
    "gb_nhs": _valid(nhs),
    "in_aadhaar": _valid(aadhaar),
    "lookalike": lookalike,
}
