"""What every processor gets: events."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from processors.base import Event
from schemas.errors import InvalidEvent

AT = datetime(2026, 1, 1, tzinfo=UTC)


def test_read_loads_once() -> None:
    """Whoever asks again for the same is given the same, and another loader its own."""
    asked: list[str] = []

    def load(kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        asked.append(kind)
        return {**data}

    event = Event("id", "call.started", AT, {"one": 1})

    assert event.read(load) is event.read(load)
    assert event.read(lambda kind, _: kind) == "call.started"
    assert asked == ["call.started"]


def test_read_raises_each_time() -> None:
    """What cannot be loaded stays so."""

    def load(kind: str, data: Mapping[str, Any]) -> None:
        raise InvalidEvent("not what it promises")

    event = Event("id", "call.started", AT, {})

    for _ in range(2):
        with pytest.raises(InvalidEvent):
            event.read(load)
