"""The breaker sends calls away at once in an outage, and lets one probe when the other side answers again."""

from infra.transport.breaker import FAILURES, Breaker, Permit


def opened() -> Breaker:
    """A breaker in an outage whose other side answers again."""
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(breaker.admit())
    breaker.answered()
    return breaker


def test_every_call_is_refused_while_the_other_side_does_not_answer() -> None:
    """Nobody waits to find out what is known already."""
    breaker = Breaker()
    for _ in range(FAILURES):
        breaker.failed(breaker.admit())

    assert [breaker.admit() for _ in range(3)] == [Permit.REFUSED] * 3


def test_calls_pass_while_failures_are_not_in_a_row() -> None:
    """A success between them starts the count again."""
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(breaker.admit())
        breaker.failed(breaker.admit())
        breaker.succeeded(breaker.admit())

    assert breaker.admit() is Permit.NORMAL


def test_one_call_probes_when_it_is_open() -> None:
    """Until its outcome is known everybody else is refused."""
    breaker = opened()

    assert [breaker.admit() for _ in range(3)] == [Permit.PROBE, Permit.REFUSED, Permit.REFUSED]


def test_the_next_call_probes_when_a_probe_failed_or_said_nothing() -> None:
    """The outage goes on, and the place of the probe is free again: after a failure once the other side has answered."""
    breaker = opened()

    breaker.failed(breaker.admit())
    assert breaker.admit() is Permit.REFUSED
    breaker.answered()
    assert breaker.admit() is Permit.PROBE
    breaker.undecided(Permit.PROBE)
    assert breaker.admit() is Permit.PROBE
    assert breaker.is_open


def test_all_calls_pass_when_a_probe_succeeded() -> None:
    """The outage is over at once."""
    breaker = opened()

    breaker.succeeded(breaker.admit())

    assert [breaker.admit() for _ in range(3)] == [Permit.NORMAL] * 3


def test_a_late_failure_of_a_normal_call_frees_no_second_probe() -> None:
    """Calls from before the outage end while somebody probes."""
    breaker = opened()
    breaker.admit()

    breaker.failed(Permit.NORMAL)

    assert breaker.admit() is Permit.REFUSED
