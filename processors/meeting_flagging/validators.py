"""Checks on numbers that a pattern cannot make."""

from collections.abc import Callable, Mapping

CARD_DIGITS = range(13, 20)  # ISO/IEC 7812: 13 to 19 digits are in use
_IBAN_LENGTH = range(15, 35)  # ISO 13616: Norway's 15 to the longest allowed, 34


def luhn(text: str) -> bool:
    """Whether the digits in the text are a payment card number: in length, and by ISO/IEC 7812's check digit."""
    digits = [int(letter) for letter in text if letter.isascii() and letter.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(digits) in CARD_DIGITS and any(digits) and (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def us_ssn(text: str) -> bool:
    """Whether the digits can be a US social security number: nine, no part of zeros, area neither 666 nor 9xx."""
    digits = "".join(letter for letter in text if letter.isascii() and letter.isdigit())
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return len(digits) == 9 and area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def iban(text: str) -> bool:
    """Whether the text is an IBAN: letters and digits with the check digits of ISO 7064 mod 97-10."""
    packed = "".join(letter for letter in text.upper() if letter.isascii() and letter.isalnum())
    if len(packed) not in _IBAN_LENGTH or not packed[:2].isalpha() or not packed[2:4].isdigit():
        return False
    return int("".join(str(int(letter, 36)) for letter in packed[4:] + packed[:4])) % 97 == 1


VALIDATORS: Mapping[str, Callable[[str], bool]] = {"luhn": luhn, "us_ssn": us_ssn, "iban": iban}
