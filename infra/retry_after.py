"""How long a server asks us to wait: Retry-After as seconds, HTTP date, or (Zoom) ISO 8601."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

MAX_WAIT_SECONDS = 24 * 3600.0  # the longest an effect waits at all (design 6)


def retry_after_seconds(value: str | None, now: datetime) -> float | None:
    """Return the wait in seconds, 0 when the time has passed; None when nothing readable is said. Total."""
    text = (value or "").strip()
    if not text:
        return None
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), MAX_WAIT_SECONDS)  # nine digits are 31 years
    instant = _instant(text)
    return None if instant is None else min(max((instant - now).total_seconds(), 0.0), MAX_WAIT_SECONDS)


def _instant(text: str) -> datetime | None:
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
