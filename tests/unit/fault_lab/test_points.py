"""Fault points: counted, before and after the call, and only where a scenario named them."""

import os
import signal
from typing import Any

import pytest

from tests.fault_lab.points import Death, Deaths, Wrapped


class Died(Exception):
    """Stands for SIGKILL, which a test would not survive."""


class Chat:
    def __init__(self) -> None:
        self.shown: list[str] = []

    def put(self, text: str) -> str:
        self.shown.append(text)
        return f"shown {text}"

    def find(self, text: str) -> bool:
        return text in self.shown


@pytest.fixture
def killed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    signals: list[int] = []

    def kill(pid: int, number: int) -> None:
        assert pid == os.getpid()
        signals.append(number)
        raise Died

    monkeypatch.setattr(os, "kill", kill)
    return signals


def wrapped(death: Death, noted: list[Death]) -> tuple[Any, Chat]:
    chat = Chat()
    return Wrapped("chat", chat, Deaths([death], noted.append)), chat


def test_process_dies_after_the_call_that_was_named(killed: list[int]) -> None:
    """The effect of that call shows, and the death was noted before it came."""
    noted: list[Death] = []
    port, chat = wrapped(Death("chat.put:after", 2), noted)

    assert port.put("one") == "shown one"
    with pytest.raises(Died):
        port.put("two")

    assert killed == [signal.SIGKILL]
    assert chat.shown == ["one", "two"]
    assert noted == [Death("chat.put:after", 2)]


def test_process_dies_before_the_call_that_was_named(killed: list[int]) -> None:
    """Nothing of that call shows."""
    port, chat = wrapped(Death("chat.put:before", 1), [])

    with pytest.raises(Died):
        port.put("one")

    assert chat.shown == []


def test_other_calls_pass_untouched(killed: list[int]) -> None:
    """A port is otherwise what it was."""
    port, _ = wrapped(Death("store.read:after", 1), [])

    assert port.put("one") == "shown one"
    assert port.find("one")
    assert killed == []


def test_ports_that_a_transport_makes_are_wrapped_too(killed: list[int]) -> None:
    """Its producers pass points of their own name."""

    class Producer:
        def produce(self) -> None:
            """Nothing."""

    class Transport:
        def producer(self) -> Producer:
            return Producer()

    port = Wrapped(
        "transport", Transport(), Deaths([Death("producer.produce:after", 1)], lambda _: None), ("producer",)
    )

    with pytest.raises(Died):
        port.producer().produce()
