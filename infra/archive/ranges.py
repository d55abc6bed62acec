"""The rest of a file: which piece was asked for, and whether an answer is that piece of that file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_PLACE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")  # RFC 9110 14.4; 18 digits are an exabyte


@dataclass(frozen=True, slots=True)
class Rest:
    """What is missing of a file, and what proves that it belongs to the beginning. `total_bytes` is of the whole file."""

    start: int
    total_bytes: int
    validator: str

    @property
    def headers(self) -> dict[str, str]:
        """How it is asked for: a server that has another file by now sends that one whole."""
        return {"Range": f"bytes={self.start}-", "If-Range": self.validator}

    def is_answered_by(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether this is it: up to the very end, of as long a file, with the same tag. Total."""
        place = content_range(headers.get("Content-Range"))
        same_tag = (
            not self.validator.endswith('"') or headers.get("ETag") == self.validator
        )  # RFC 9110 15.3.7: it is told
        return status == 206 and place == (self.start, self.total_bytes - 1, self.total_bytes) and same_tag


def content_range(value: str | None) -> tuple[int, int, int] | None:
    """Return first byte, last byte and total of a Content-Range; None for any other text."""
    found = _PLACE.fullmatch(value or "")
    return None if found is None else (int(found[1]), int(found[2]), int(found[3]))


def strong_etag(headers: Mapping[str, str]) -> str | None:
    """Return the entity tag if it is a strong one; If-Range takes no other: RFC 9110 13.1.5. Total."""
    etag = headers.get("ETag") or ""
    return etag if re.fullmatch(r'"[!#-~]*"', etag) else None


def length(headers: Mapping[str, str]) -> int | None:
    """Return the Content-Length; None where it is missing or no length. Total."""
    text = headers.get("Content-Length") or ""
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else None
