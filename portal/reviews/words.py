"""What things are called on the analysts' pages, and how times and ages are written."""

from collections.abc import Iterable
from datetime import datetime, timedelta

CATEGORY_NAMES = {
    "inappropriate_language": "Inappropriate language",
    "offensive_comment": "Offensive comment",
    "hate_harassment": "Hate or harassment",
    "sexual": "Sexual",
    "violence_threat": "Violence or threat",
    "prohibited_service": "Prohibited service",
    "off_platform": "Off the platform",
    "personal_data": "Personal data",
    "payment_details": "Payment details",
    "suspicious_link": "Suspicious link",
    "remote_access": "Remote access",
    "uncomfortable": "Felt uncomfortable",
    "metadata": "Recording or people",
    "report": "Report",
}
SEVERITY_NAMES = {1: "note", 2: "minor", 3: "serious", 4: "grave", 5: "danger to life"}
SOURCE_NAMES = {"transcript": "Transcript", "chat": "Chat", "metadata": "Meeting", "report": "Report", "name": "Name"}
DECISION_NAMES = {
    "confirmed": "Confirmed",
    "dismissed": "Dismissed",
    "escalated": "Escalated",
    "more_needed": "More needed",
}
ACTION_NAMES = {
    "warning": "Warn the person",
    "restriction": "Restrict the account",
    "suspension": "Suspend the account",
    "order_help": "Help with the order",
    "authorities": "Tell the authorities",
    "none": "No action: it is known",
}
VERDICT_NAMES = {"right": "Right", "wrong": "Wrong", "harmless": "Right, but harmless"}
CERTAINTY_NAMES = {
    "host": "certain: Zoom says who hosts",
    "presumed": "presumed from the name alone",
    "unknown": "not known who",
}
_SHORT = timedelta(hours=1)  # from then on the time that is left is pointed out


def name_of(names: dict[str, str], value: str) -> str:
    """Return what it is called; one that is new is shown as it is written."""
    return names.get(value, value.replace("_", " "))


def names_of(names: dict[str, str], values: Iterable[str]) -> str:
    """Return what they are called, in a list."""
    return ", ".join(name_of(names, value) for value in values)


def time_left(due_at: datetime | None, now: datetime) -> tuple[str, str]:
    """Return how the time until then is to look, and what it says."""
    if due_at is None:
        return "muted", "no limit"
    if due_at < now:
        return "badge bad", f"{span(now - due_at)} over"
    return "badge warn" if due_at - now < _SHORT else "badge", f"{span(due_at - now)} left"


def span(length: timedelta) -> str:
    """Write a length of time by its two greatest units, such as `3 h 5 min`."""
    minutes = max(0, int(length.total_seconds() // 60))
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"


def clock_of(seconds: float) -> str:
    """Write a place in a recording, such as `1:02:07`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"


def day_of(at: datetime) -> str:
    """Write a day, such as `5 March 2026`."""
    return f"{at:%-d %B %Y}"


def instant_of(at: datetime) -> str:
    """Write an instant to the minute, in UTC."""
    return f"{at:%-d %b %Y, %H:%M} UTC"
