from infra.errors import PermanentError, TransientError
from schemas.topics import all_topics
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport
from webhook_receiver.wsgi import TopicSetup


class OutageEnds(FakeClock):
    """A clock whose second wait ends the outage."""

    transport: FakeTransport

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self.monotonic() >= 1002:
            self.transport.outage = None


def test_topics_are_made_when_the_log_comes_back() -> None:
    """A log that is down at the start is asked again until it answers."""
    clock = OutageEnds()
    transport = clock.transport = FakeTransport(clock)
    transport.outage = TransientError("down")
    setup = TopicSetup(transport, clock)

    setup.run()

    assert setup.done
    assert len(transport.topics()) == len(all_topics())


def test_topics_are_made_after_an_error_nobody_expected() -> None:
    """A bug's error does not end the tries: without them the relay would never begin."""
    clock = OutageEnds()
    transport = clock.transport = FakeTransport(clock)
    transport.outage = MemoryError()
    setup = TopicSetup(transport, clock)

    setup.run()

    assert setup.done
    assert len(transport.topics()) == len(all_topics())


def test_setup_is_done_when_topics_are_not_ours_to_make() -> None:
    """Where making topics is not allowed, whoever runs the broker makes them, and events are taken."""
    transport = FakeTransport(FakeClock())
    transport.outage = PermanentError("not allowed")
    setup = TopicSetup(transport, FakeClock())

    setup.start()

    assert setup.done
