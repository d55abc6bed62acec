"""The lab's Zoom gives up a delivery only when it was there to be taken at the end."""

from datetime import UTC, datetime
from typing import Any

import pytest

from infra.secret import Secret
from infra.zoom.simulator import build_call
from tests.fault_lab import load as module
from tests.fault_lab.load import Load
from tests.fault_lab.plan import planned

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Nobody:
    """Answers nothing, as a receiver that is dead; and a Zoom whose book nobody reads."""

    status = None
    retried = True

    def __init__(self, *_: object) -> None:
        """Needs nothing."""

    def send(self, *_: object) -> "Nobody":
        return self

    def log(self, _: object) -> None:
        """Nobody reads it."""

    publish = log

    def close(self) -> None:
        """Nothing is open."""


def test_last_tries_wait_while_they_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three tries come meanwhile, and the fourth and last one after it."""
    monkeypatch.setattr(module, "Sender", Nobody)
    monkeypatch.setattr(module, "SCALE", 1e-6)
    monkeypatch.setattr(module, "HELD_SECONDS", 0.01)
    zoom: Any = Nobody()
    sent = planned([build_call("recording-stopped", 1, NOW)], 0.0, "http://127.0.0.1:1")
    load = Load("http://127.0.0.1:1", Secret("secret"), zoom, sent, 0.0)

    with load.last_tries_held():
        load.start()
        while any(len(one.attempts) < 3 for one in sent):
            assert not load.wait(0.01)
        assert not load.wait(0.05)
        assert {len(one.attempts) for one in sent} == {3}

    assert load.wait(10)
    assert {len(one.attempts) for one in sent} == {4}
