"""`python -m webhook_receiver drain`: empty the spool before its disk goes away."""

from dataclasses import dataclass

from infra.clock import Clock
from infra.errors import TransientError
from infra.transport.spool import Spool, SpoolState
from webhook_receiver.relay import LOOK_SECONDS, Relay

PATIENCE_SECONDS = 30.0  # without any progress: a Kafka fail-over takes 9 s


@dataclass(frozen=True, slots=True)
class Outcome:
    """What stays in the spool, in words."""

    empty: bool
    text: str


def run(relay: Relay, spool: Spool, clock: Clock) -> Outcome:
    """Bring everything to the log for as long as it takes something; a log that takes nothing is given up.

    Raises:
        TransientError: the spool cannot be read.
    """
    progressed_at = clock.monotonic()
    relay.step()  # even where nothing waits: it takes back what was kept aside
    while clock.monotonic() - progressed_at < PATIENCE_SECONDS and _has_records(spool):
        if relay.step():
            progressed_at = clock.monotonic()
        else:
            clock.sleep(LOOK_SECONDS)
    return _told(spool.state(), clock)


def _has_records(spool: Spool) -> bool:
    try:
        state = spool.state()
    except TransientError:
        return True  # not known: the patience decides
    return state.records > 0


def _told(state: SpoolState, clock: Clock) -> Outcome:
    if not state.records and not state.aside:
        return Outcome(empty=True, text="the spool is empty")
    parts = []
    if state.oldest_at is not None:
        waited_minutes = int((clock.now() - state.oldest_at).total_seconds() // 60)
        parts.append(f"{state.records} records wait for the log, the oldest for {waited_minutes} min")
    if state.aside:
        parts.append(f"{state.aside} are kept aside because no topic takes them")
    return Outcome(empty=False, text="; ".join(parts))
