"""Plays calls against a receiver, on Zoom's schedule: what is not accepted comes again 5, 25 and 85 minutes later."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.secret import Secret
from infra.zoom.simulator.library import SimulatedFile
from infra.zoom.simulator.listings import LoggedDelivery
from infra.zoom.simulator.scenario import Call, Delivery
from infra.zoom.simulator.sender import ANSWER_TIMEOUT_SECONDS, Response, Sender
from infra.zoom.simulator.server import RecordingsServer

# After the first attempt, in Zoom's time: +5 min, +20 min after that, +60 min after that ("Using webhooks", 2026-02).
RETRIES_AT_SECONDS = (300.0, 1500.0, 5100.0)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one delivery: the statuses of its attempts, None for no answer."""

    call: Call
    delivery: Delivery
    statuses: tuple[int | None, ...]
    delivered: bool

    @property
    def event(self) -> str:
        """The event's name."""
        return self.call.events[self.delivery.event].name


@dataclass(order=True, slots=True)
class _Due:
    at_seconds: float
    number: int
    outcome: Outcome = field(compare=False)


class Player:
    """Sends calls' deliveries to `receiver_url`, signed; one at a time, so that a run is repeatable.

    `time_scale` is how many real seconds one of Zoom's seconds lasts: 1 plays in real time, 0.001 makes the five
    minutes before the first retry 0.3 s. Downloads come from `recordings`.
    """

    def __init__(
        self,
        receiver_url: str,
        secret: Secret,
        recordings: RecordingsServer,
        clock: Clock,
        *,
        time_scale: float = 0.001,
        timeout_seconds: float = ANSWER_TIMEOUT_SECONDS,
        report: Callable[[Outcome], None] | None = None,
    ) -> None:
        self._sender = Sender(receiver_url, secret, clock, timeout_seconds)
        self._recordings = recordings
        self._clock = clock
        self._time_scale = time_scale
        self._report: Callable[[Outcome], None] = report or _ignore

    def validate(self, seed: int = 1) -> None:
        """Let the receiver answer Zoom's URL validation.

        Raises:
            ConfigurationError: it cannot; the text says what is wrong.
        """
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
        token = "".join(Random(seed).choices(alphabet, k=22))  # 22 characters of base64url, as Zoom's
        problem = self._sender.validate(token)
        if problem is not None:
            raise ConfigurationError(f"the receiver is not ready: {problem}")

    def play(self, calls: Iterable[Call]) -> Sequence[Outcome]:
        """Play the calls side by side, retries included; return what became of every delivery, in order of its first try.

        Raises:
            ConfigurationError: the recordings server does not answer.
        """
        due, first_number = self._plan(calls)
        finished: dict[int, Outcome] = {}
        started = self._clock.monotonic()
        while due:
            next_one = heapq.heappop(due)
            wait = started + next_one.at_seconds * self._time_scale - self._clock.monotonic()
            if wait > 0:
                self._clock.sleep(wait)
            outcome, again = self._attempt(next_one.outcome)
            attempts = len(outcome.statuses)
            if again and attempts <= len(RETRIES_AT_SECONDS):
                retry_at = outcome.delivery.at_seconds + RETRIES_AT_SECONDS[attempts - 1]
                heapq.heappush(due, _Due(retry_at, next_one.number, outcome))
            else:
                finished[next_one.number] = outcome
        return [finished[number] for number in range(first_number)]

    def close(self) -> None:
        """Close idle connections."""
        self._sender.close()

    def _plan(self, calls: Iterable[Call]) -> tuple[list[_Due], int]:
        deliveries = []
        for call in calls:
            self._recordings.publish(replace(call.session, files=_untold_files(call)))
            deliveries += [(delivery.at_seconds, call, delivery) for delivery in call.deliveries]
        deliveries.sort(key=lambda entry: entry[0])
        due = [
            _Due(at, number, Outcome(call, delivery, (), delivered=False))
            for number, (at, call, delivery) in enumerate(deliveries)
        ]
        return due, len(due)

    def _attempt(self, outcome: Outcome) -> tuple[Outcome, bool]:
        call, delivery = outcome.call, outcome.delivery
        files = call.events[delivery.event].files
        if files:
            self._recordings.publish(replace(call.session, files=files))
        body = call.body(delivery, self._recordings.url)
        response = Response(None) if delivery.lost else self._sender.send(body, call.delivery_id(delivery))
        self._log(outcome, body, response.status)
        statuses = (*outcome.statuses, response.status)
        outcome = replace(outcome, statuses=statuses, delivered=response.accepted)
        self._report(outcome)
        return outcome, response.retried

    def _log(self, outcome: Outcome, body: bytes, status: int | None) -> None:
        """Let the webhook log tell of a try, as Zoom's does."""
        self._recordings.log(
            LoggedDelivery(
                event=outcome.event,
                status=-1 if status is None else status,
                request_id=outcome.call.delivery_id(outcome.delivery),
                body=body.decode(),
                at=self._clock.now(),
                retry_number=len(outcome.statuses),
            )
        )


def _untold_files(call: Call) -> tuple[SimulatedFile, ...]:
    """The files of events that are never sent: nobody tells of them, but REST has them."""
    sent = {delivery.event for delivery in call.deliveries}
    return tuple(file for number, event in enumerate(call.events) if number not in sent for file in event.files)


def _ignore(outcome: Outcome) -> None:
    """Take no note of it."""
