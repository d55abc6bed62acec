"""Simulated Zoom at work: sends what is planned, side by side, each delivery tried again on Zoom's schedule, and keeps book."""

import heapq
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Condition, Thread

from infra.clock import SystemClock
from infra.secret import Secret
from infra.zoom.simulator import Sender, SimulatorServer
from infra.zoom.simulator.listings import LoggedDelivery
from infra.zoom.simulator.player import RETRIES_AT_SECONDS
from tests.fault_lab.plan import SCALE, Attempt, Sent, publish_recordings

CLOCK = SystemClock()
HELD_SECONDS = 0.5  # until a last try that is held is looked at again
SENDERS = 32  # deliveries under way at once, as many as the receiver's threads


class Load:
    """Sends in a thread of its own; first tries end after `seconds`. `sent` is the book of it."""

    def __init__(self, url: str, secret: Secret, zoom: SimulatorServer, sent: Sequence[Sent], seconds: float) -> None:
        self._zoom = zoom
        self._sender = Sender(url, secret, CLOCK)
        self.sent = sent
        self._seconds = seconds
        self._due: list[tuple[float, int]] = [(one.at_seconds, number) for number, one in enumerate(self.sent)]
        heapq.heapify(self._due)
        self._changed = Condition()
        self._under_way = 0
        self._closed = False
        self._holds = False
        self._began_at = 0.0
        self._thread = Thread(target=self._run, name="load", daemon=True)
        for call in {id(one.call): one.call for one in sent}.values():
            publish_recordings(zoom, call)

    def start(self) -> None:
        """Begin."""
        self._began_at = CLOCK.monotonic()
        self._thread.start()

    @property
    def is_over(self) -> bool:
        """Whether every delivery has come to its end, retries included."""
        return not self._thread.is_alive()

    @property
    def left_seconds(self) -> float:
        """Until the last first try."""
        return max(0.0, self._began_at + self._seconds - CLOCK.monotonic())

    def wait(self, seconds: float) -> bool:
        """Wait until it is over; False when that takes longer than this."""
        self._thread.join(seconds)
        return self.is_over

    @contextmanager
    def last_tries_held(self) -> Iterator[None]:
        """Have Zoom's last tries wait: its 85 minutes are longer than any outage, however slowly this machine starts a program."""
        self._holds = True
        yield
        self._holds = False

    def close(self) -> None:
        """Send nothing more."""
        with self._changed:
            self._closed = True
            self._due.clear()
            self._changed.notify()
        self._thread.join(10)
        self._sender.close()

    def _run(self) -> None:
        with ThreadPoolExecutor(SENDERS, thread_name_prefix="zoom") as pool:
            while (number := self._next()) is not None:
                pool.submit(self._try, number)

    def _next(self) -> int | None:
        """Wait for the next delivery that is due; None when there will be none."""
        with self._changed:
            while True:
                if not self._due and not self._under_way:
                    return None
                wait = 0.5 if not self._due else self._began_at + self._due[0][0] - CLOCK.monotonic()
                if self._due and wait <= 0:
                    number = heapq.heappop(self._due)[1]
                    if self._holds and len(self.sent[number].attempts) == len(RETRIES_AT_SECONDS):
                        heapq.heappush(self._due, (CLOCK.monotonic() - self._began_at + HELD_SECONDS, number))
                        continue
                    self._under_way += 1
                    return number
                self._changed.wait(min(wait, 0.5))

    def _try(self, number: int) -> None:
        sent = self.sent[number]
        at = CLOCK.monotonic()
        response = self._sender.send(sent.body, sent.call.delivery_id(sent.delivery))
        sent.attempts.append(Attempt(at, CLOCK.monotonic() - at, response.status))
        self._zoom.log(_logged(sent, response.status))
        tries = len(sent.attempts)
        again = response.retried and tries <= len(RETRIES_AT_SECONDS)
        with self._changed:
            self._under_way -= 1
            if again and not self._closed:
                heapq.heappush(self._due, (sent.at_seconds + RETRIES_AT_SECONDS[tries - 1] * SCALE, number))
            self._changed.notify()


def _logged(sent: Sent, status: int | None) -> LoggedDelivery:
    return LoggedDelivery(
        event=sent.name,
        status=-1 if status is None else status,
        request_id=sent.call.delivery_id(sent.delivery),
        body=sent.body.decode(),
        at=CLOCK.now(),
        retry_number=len(sent.attempts) - 1,
    )
