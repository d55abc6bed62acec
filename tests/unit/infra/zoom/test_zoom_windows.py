"""A period is asked for in windows of at most a month."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from infra.zoom.windows import month_windows

days = st.dates(date(2000, 1, 1), date(2100, 12, 31))


@given(first=days, length=st.integers(0, 800))
def test_windows_cover_every_day_once(first: date, length: int) -> None:
    """They touch, begin and end with the period, and none goes past the same day of the next month."""
    last = first + timedelta(days=length)

    windows = list(month_windows(first, last))

    assert (windows[0][0], windows[-1][1]) == (first, last)
    assert all(end < start + timedelta(days=31) and start <= end for start, end in windows)
    assert all((end.year, end.month) == (start.year, start.month) or end.day < start.day for start, end in windows)
    assert [start for start, _ in windows[1:]] == [end + timedelta(days=1) for _, end in windows[:-1]]


def test_there_is_no_window_when_the_period_is_empty() -> None:
    """From tomorrow to today."""
    assert list(month_windows(date(2026, 2, 2), date(2026, 2, 1))) == []


def test_a_window_ends_with_the_month_when_the_next_is_shorter() -> None:
    """The 31st has no counterpart in February."""
    found = list(month_windows(date(2026, 1, 31), date(2026, 3, 1)))

    assert found == [(date(2026, 1, 31), date(2026, 2, 27)), (date(2026, 2, 28), date(2026, 3, 1))]
