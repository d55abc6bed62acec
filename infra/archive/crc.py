"""The CRC32 of a whole object out of those of its parts, so that every byte is summed once.

A CRC32 is a polynomial over GF(2) modulo the generator. Appending n bytes multiplies it by x^(8n); zlib does the same in
its `crc32_combine`, which Python does not offer.
"""

from functools import lru_cache

_GENERATOR = 0xEDB88320  # IEEE 802.3, bits reversed as zlib keeps them
_ONE = 0x80000000
_X_TO_8 = 0x00800000  # x^8: one byte more


def combine(first: int, second: int, second_bytes: int) -> int:
    """Return the CRC32 of two pieces in a row from the CRC32 of each and the length of the second."""
    return _multiply(_shift(second_bytes), first) ^ second


@lru_cache(maxsize=8)
def _shift(count: int) -> int:
    """x^(8 * count) modulo the generator, by repeated squaring."""
    power, result = _X_TO_8, _ONE
    while count:
        if count & 1:
            result = _multiply(power, result)
        power = _multiply(power, power)
        count >>= 1
    return result


def _multiply(left: int, right: int) -> int:
    product = 0
    while left:
        if left & _ONE:
            product ^= right
        left = left << 1 & 0xFFFFFFFF
        right = right >> 1 ^ (_GENERATOR if right & 1 else 0)
    return product
