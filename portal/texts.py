"""Texts that people and programs send: what the database and every reader can hold, and no more."""

from typing import Any

from marshmallow import ValidationError, fields, validate

_KEPT_CONTROLS = "\n\t"


def short_text(most: int, **more: Any) -> fields.String:
    """A field for an id or another text of one line: 1 to so many characters, no control characters."""
    return fields.String(validate=[validate.Length(min=1, max=most), check_characters], **more)


def check_characters(text: str) -> None:
    """Refuse what no database column or JSON reader takes: control characters but line ends and tabs, half characters."""
    if any((ord(one) < 32 and one not in _KEPT_CONTROLS) or 0xD800 <= ord(one) <= 0xDFFF for one in text):
        raise ValidationError("Control characters cannot be kept.")
