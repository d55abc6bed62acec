"""Zoom lists at most a month at a time."""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta


def month_windows(first: date, last: date) -> Iterator[tuple[date, date]]:
    """Yield (from, to), both included, that cover the days from `first` to `last` once each, none longer than a month."""
    while first <= last:
        following = _a_month_later(first)
        yield first, min(last, following - timedelta(days=1))
        first = following


def _a_month_later(day: date) -> date:
    """The same day of the next month, or that month's last where it has none."""
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return date(year, month, min(day.day, monthrange(year, month)[1]))
