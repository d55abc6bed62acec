"""What can go wrong with a download, as a short text each.

    html200     200 with an HTML page in place of the file: how Zoom refuses, most often
    401         the token is refused, though right
    429:N       rate limit, Retry-After: N seconds
    503         not now
    cut:P       the connection breaks after P % of the file
    chunked:P   without Content-Length, and the last chunk is missing: breaks after P %
    size:N      the file is N bytes longer (or -N shorter) than Zoom says
    slow:S      S seconds of waiting before every block of 256 KiB
    norange     Range is not honoured: 200 and the whole file
    redirect    302 to another path that asks for no token

A fault happens to one download and is then used up; with a `!` at its end it stays: `html200!`.
"""

import re
from dataclasses import dataclass

from infra.errors import ConfigurationError

_FAULT = re.compile(r"([a-z]*\d*)(?::(-?\d{1,9}(?:\.\d{1,6})?))?(!)?", re.ASCII)
_WITHOUT_VALUE = frozenset({"html200", "401", "503", "norange", "redirect"})
_DEFAULTS = {"429": 1.0, "cut": 50.0, "chunked": 50.0, "size": 1.0, "slow": 0.1}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault; `value` is its percent, seconds or bytes."""

    kind: str
    value: float = 0.0
    stays: bool = False

    def __str__(self) -> str:
        value = f":{self.value:g}" if self.kind in _DEFAULTS else ""
        return f"{self.kind}{value}{'!' if self.stays else ''}"


def parse_fault(text: str) -> Fault:
    """Read a fault as the module's table writes it.

    Raises:
        ConfigurationError: no such fault; the text lists those there are.
    """
    match = _FAULT.fullmatch(text)
    kind, value, stays = match.groups() if match else ("", None, None)
    if kind in _WITHOUT_VALUE and value is None:
        return Fault(kind, stays=bool(stays))
    if kind not in _DEFAULTS:
        known = ", ".join(sorted(_WITHOUT_VALUE | set(_DEFAULTS)))
        raise ConfigurationError(f"{text!r} is not a fault; there are {known}, as in cut:60 or html200!")
    return Fault(kind, _DEFAULTS[kind] if value is None else float(value), bool(stays))
