"""The pace of calls to Zoom, on a clock that moves by hand."""

from threading import Thread

import pytest

from infra.zoom.budget import MAX_WAIT_SECONDS, PER_SECOND, Label, Plan, RateBudget
from infra.zoom.errors import RateLimited
from tests.fakes.clock import FakeClock


class StillClock(FakeClock):
    """Nobody's waiting moves it; it keeps what was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def instants(budget: RateBudget, clock: FakeClock, label: Label, calls: int) -> list[float]:
    """When each of so many calls in a row went, in seconds from now."""
    start = clock.monotonic()
    found = []
    for _ in range(calls):
        budget.take(label)
        found.append(clock.monotonic() - start)
    return found


@pytest.mark.parametrize("plan", PER_SECOND)
@pytest.mark.parametrize("label", ["light", "medium", "heavy"])
@pytest.mark.parametrize("share", [1.0, 0.25])
def test_calls_keep_the_pace_of_the_share(plan: Plan, label: Label, share: float) -> None:
    """The first goes at once, the others evenly at the account's rate times our share."""
    clock = FakeClock()
    rate = PER_SECOND[plan][label] * share

    went = instants(RateBudget(clock, plan, share), clock, label, 40)

    assert went == pytest.approx([number / rate for number in range(40)])


def test_labels_have_budgets_of_their_own() -> None:
    """Listing recordings does not slow down asking for one."""
    clock = FakeClock()
    budget = RateBudget(clock, "pro", 1.0)
    instants(budget, clock, "medium", 30)
    before = clock.monotonic()

    budget.take("light")

    assert clock.monotonic() == before


def test_a_call_is_for_later_when_it_would_wait_long() -> None:
    """No thread sleeps for minutes: the caller is told how long it would take, and nothing is used up."""
    clock = FakeClock()
    budget = RateBudget(clock)
    budget.hold("light", 3600)

    with pytest.raises(RateLimited) as caught:
        budget.take("light")

    assert caught.value.retry_after_seconds == 3600
    clock.advance(3600)
    budget.take("light")


def test_a_short_hold_is_waited_for_when_zoom_asks() -> None:
    """One 429 holds every thread back, of that label alone."""
    clock = FakeClock()
    budget = RateBudget(clock)
    budget.hold("light", MAX_WAIT_SECONDS)
    budget.hold("light", 1)

    assert instants(budget, clock, "medium", 1) == [0]
    assert instants(budget, clock, "light", 1) == [MAX_WAIT_SECONDS]


def test_threads_share_the_budget_when_they_ask_at_once() -> None:
    """Twelve threads get one place each, one interval apart, until the wait would be too long."""
    clock = StillClock()
    budget = RateBudget(clock, "pro", 1.0)
    refused: list[RateLimited] = []

    def take() -> None:
        for _ in range(5):
            try:
                budget.take("heavy")
            except RateLimited as error:
                refused.append(error)

    threads = [Thread(target=take) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(clock.waits) == pytest.approx([number / 10 for number in range(1, len(clock.waits) + 1)])
    assert len(clock.waits) in (49, 50)  # five seconds' worth
    assert len(clock.waits) + 1 + len(refused) == 60
