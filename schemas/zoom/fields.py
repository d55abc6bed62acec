"""Field types for what Zoom writes in more than one way."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from marshmallow import ValidationError, fields

from schemas.identity import text_id

MILLISECONDS_FROM = 10**12  # 13 digits: milliseconds since 1970; fewer: seconds


class Id(fields.Field[str | None]):
    """A number or a string; null, "" and absent mean the same."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str | None:
        if value is None or value == "":
            return None
        text = text_id(value)
        if text is None:
            raise ValidationError("Not a number or a string.")
        return text


class Text(fields.Field[str | None]):
    """A string; null, "" and absent mean the same."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            raise ValidationError("Not a string.")
        return value


class Instant(fields.Field[datetime | None]):
    """An ISO 8601 text or Unix milliseconds (or seconds, by magnitude), as number or string; "" and null mean absent."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> datetime | None:
        if value is None or value == "":
            return None
        try:
            return _instant(value)
        except (ValueError, OverflowError, OSError, TypeError) as error:
            raise ValidationError("Not a time.") from error


class Texts(fields.Field[tuple[str, ...]]):
    """A list of strings, or a single string standing for a list of one."""

    def _deserialize(
        self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any
    ) -> tuple[str, ...]:
        values = [value] if isinstance(value, str) else value or []
        if not isinstance(values, list):
            raise ValidationError("Not a list.")
        return tuple(text for text in map(text_id, values) if text is not None)


def _instant(value: object) -> datetime:
    text = text_id(value)
    if text is None:
        raise TypeError("neither number nor text")
    if text.isascii() and text.isdigit():
        number = int(text)
        return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS_FROM else number, UTC)
    instant = datetime.fromisoformat(text)  # takes Z, offsets and Zoom's seven fraction digits
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
