"""What a processor is: pure decisions over events and state. The runtime does everything else.

A processor sees records of its topics, results of its own effects and its timers, all as `Event`s. `route` names the
states an event concerns; `decide` is called once per state and changes it. Neither has a clock or does I/O: time comes
with the event. The same facts in any order must end in the same state and the same visible effects.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from processors.commands import Command, Reference

S = TypeVar("S")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    `type` is a record's ce_type, or `done.<command kind>`, `dead.<command kind>`, `timer.<name>`, `told.<name>`.
    `recorded_at` is when it entered the log; for timers when they were due, for results when the effect ended.
    `reference` is where the record lies; None for what did not come from the log.
    """

    id: str
    type: str
    recorded_at: datetime
    data: Mapping[str, Any]
    occurred_at: datetime | None = None
    reference: Reference | None = None
    _read: dict[Any, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def read(self, load: Callable[[str, Mapping[str, Any]], R]) -> R:
        """Return what `load` makes of type and data, made once: `route` and `decide` want the same. Nobody changes it."""
        if load not in self._read:
            self._read[load] = load(self.type, self.data)
        found: R = self._read[load]
        return found


@dataclass(slots=True)
class Decision(Generic[S]):
    """The new state, the commands to perform in this order, and why (for the log: constant texts, no values)."""

    state: S
    commands: list[Command] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


class Processor(Protocol[S]):
    """One file of business rules. Its name is its consumer group."""

    name: ClassVar[str]
    topics: ClassVar[tuple[str, ...]]
    types: ClassVar[frozenset[str]]  # the record types it cares about; all others cost it nothing
    state_type: type[S]  # a dataclass of JSON-able fields, datetimes and dataclasses; kept as JSON
    state_version: ClassVar[int]

    def route(self, event: Event) -> Sequence[str]:
        """Return the keys of the states that a record concerns; none to ignore it.

        Raises:
            InvalidEvent: the record is not what its type promises; it goes to the dead-letter topic.
        """
        ...

    def decide(self, event: Event, state: S | None) -> Decision[S]:
        """Decide about one event for one state; `state` was loaded for this call alone and may be changed in place.

        Raises:
            InvalidEvent: as for route.
        """
        ...
