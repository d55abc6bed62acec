"""The worker: each effect once, in its target's order, tried again while that can help, and nobody stops the others."""

from datetime import timedelta

import pytest

from infra.errors import PermanentError, TransientError
from processors.runtime.brake import BrakedError
from processors.runtime.outbox import LEASE
from tests.unit.processors.runtime.bench import BEGIN, Bench, ask, chat, invalid, publish, tell

SECRET = "do-not-show-me"


def away(retry_after_seconds: float | None = None) -> TransientError:
    return TransientError("not now", retry_after_seconds=retry_after_seconds)


def test_an_effect_is_performed_once_and_reports_back(bench: Bench) -> None:
    """Its result returns to the processor as an event."""
    bench.processor.orders["one"] = [ask(1)]

    bench.hear("one")
    bench.work()
    bench.work(seconds=3600)

    assert bench.outside.performed == [ask(1)]
    assert bench.heard() == ["one", "done.ask_recordings"]
    assert bench.effect().result == '{"answer": "found"}'


def test_why_an_end_was_decided_so_is_counted(bench: Bench) -> None:
    """Reasons of decisions about ends can alarm as those about records do."""
    bench.processor.orders["one"] = [ask(1)]

    bench.hear("one")
    before = bench.metrics.counted("processor_decisions_total", processor="obedient", reason="noted")
    bench.work()

    assert bench.metrics.counted("processor_decisions_total", processor="obedient", reason="noted") == before + 1


def test_an_effect_that_is_asked_for_twice_happens_once(bench: Bench) -> None:
    """Its key names it, whoever asks and however often; before it was performed and after."""
    bench.processor.orders.update(one=[ask(1)], two=[ask(1)], three=[ask(1)])

    bench.hear("one", "two")
    bench.work()
    bench.hear("three")
    bench.work()

    assert bench.outside.performed == [ask(1)]


def test_an_effect_asked_for_by_a_clock_that_was_ahead_does_not_wait_for_that_time(bench: Bench) -> None:
    """Nor does what follows it on its target: a clock that is set right holds nothing up."""
    bench.processor.orders.update(one=[publish(1)], two=[publish(2)])
    bench.clock.jump(600)
    bench.hear("one")
    bench.clock.jump(-600)
    bench.hear("two")

    bench.work()

    assert bench.outside.performed == [publish(1), publish(2)]


def test_newest_only_asked_for_twice_still_happens(bench: Bench) -> None:
    """Asking again for what waits already does not supersede it by itself."""
    bench.processor.orders.update(one=[chat(1)], two=[chat(1)])

    bench.hear("one", "two")
    bench.work()

    assert bench.outside.performed == [chat(1)]


def test_an_old_revision_asked_for_again_does_not_supersede_the_newest(bench: Bench) -> None:
    """What was asked for before stays as it is, and so does what came after it."""
    bench.processor.orders.update(one=[chat(1)], two=[chat(2)], three=[chat(1)])

    bench.hear("one", "two", "three")
    bench.work()

    assert bench.outside.performed == [chat(2)]


def test_only_the_newest_of_a_slot_is_performed(bench: Bench) -> None:
    """Contents that were never shown are superseded by the next."""
    bench.processor.orders["one"] = [chat(1), chat(2), chat(3)]

    bench.hear("one")
    bench.work()

    assert bench.outside.performed == [chat(3)]
    assert bench.statuses() == ["superseded", "superseded", "done"]


def test_a_slot_that_failed_shows_the_newest_in_the_end(bench: Bench) -> None:
    """An old content that waits for its next try gives way to a newer one."""
    bench.outside.errors[chat(1).key] = [away()]
    bench.processor.orders.update(one=[chat(1)], two=[chat(2)])

    bench.hear("one")
    bench.work()
    bench.hear("two")
    bench.work(seconds=5)

    assert bench.outside.performed == [chat(2)]


def test_a_content_in_hand_that_fails_gives_way_to_a_newer_one(bench: Bench) -> None:
    """The newer one was asked for while the older was being tried."""
    bench.processor.orders.update(one=[chat(1)], two=[chat(2)])
    bench.outside.work = lambda command: bench.hear("two") if command == chat(1) else None
    bench.hear("one")

    def fail_after(command: object) -> None:
        bench.outside.work = lambda _: None
        bench.hear("two")
        raise away()

    bench.outside.work = fail_after
    bench.work()
    bench.work(seconds=60)

    assert bench.outside.performed == [chat(2)]
    assert bench.statuses() == ["superseded", "done"]


def test_a_target_keeps_its_order(bench: Bench) -> None:
    """What comes first is performed first, also when it must be tried again; other targets do not wait for it."""
    first, second, other = publish(1), publish(2), publish(3, key="another")
    bench.outside.errors[first.key] = [away()] * 2
    bench.processor.orders["one"] = [first, second, other]

    bench.hear("one")
    bench.work()
    assert bench.outside.performed == [other]
    bench.work(seconds=1)
    bench.work(seconds=1)

    assert bench.outside.performed == [other, first, second]


def test_a_dead_effect_lets_the_next_of_its_target_through(bench: Bench) -> None:
    """One effect that cannot be performed does not stop its target for good."""
    bench.outside.errors[publish(1).key] = [PermanentError("no")]
    bench.processor.orders["one"] = [publish(1), publish(2)]

    bench.hear("one")
    bench.work()

    assert bench.statuses() == ["dead", "done"]


class TestTryingAgain:
    def test_the_first_tries_come_quickly(self, bench: Bench) -> None:
        """Most faults are a dropped connection: three more tries within two seconds."""
        bench.outside.errors[ask(1).key] = [away()] * 3
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")

        for seconds in (0, 0.2, 0.5, 1.0):
            bench.work(seconds)

        assert bench.outside.performed == [ask(1)]
        assert bench.clock.now() - BEGIN < timedelta(seconds=2)

    def test_then_the_delays_grow_to_an_hour(self, bench: Bench) -> None:
        """From half a minute on each is about twice the one before, half of it random, an hour at most."""
        bench.outside.errors[ask(1).key] = [away()] * 100
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        delays = []

        for _ in range(14):
            bench.work()
            delays.append((bench.effect().due_at - bench.clock.now()).total_seconds())
            bench.clock.advance(delays[-1])

        for delay, whole in zip(delays, [0.2, 0.5, 1, 30, 60, 120, 240, 480, 960, 1920, *[3600] * 4], strict=True):
            assert whole / 2 <= delay <= whole

    def test_what_the_other_side_asks_for_is_obeyed(self, bench: Bench) -> None:
        """Retry-After is the least that it waits."""
        bench.outside.errors[ask(1).key] = [away(retry_after_seconds=120)]
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        bench.work()

        bench.work(seconds=119)
        assert bench.outside.performed == []
        bench.work(seconds=1)
        assert bench.outside.performed == [ask(1)]

    def test_a_long_stop_costs_no_tries(self, bench: Bench) -> None:
        """The day counts from the first failure: what waited through a weekend's stop is tried as often as anything."""
        bench.outside.errors[ask(1).key] = [away()]
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")

        bench.work(seconds=60 * 3600)
        assert bench.statuses() == ["pending"]
        bench.work(seconds=60)

        assert bench.outside.performed == [ask(1)]

    def test_after_a_day_it_is_dead(self, bench: Bench) -> None:
        """It was tried for 24 hours, no less and no more; then the processor is told, and a person must look."""
        bench.outside.errors[ask(1).key] = [away()] * 1000
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        bench.work()

        for _ in range(24 * 6):
            bench.work(seconds=600)
            if bench.statuses() == ["dead"]:
                break

        assert timedelta(hours=22.5) < bench.clock.now() - BEGIN <= timedelta(hours=24)
        assert bench.heard() == ["one", "dead.ask_recordings"]
        assert "given up" in bench.effect().error

    @pytest.mark.parametrize("error", [PermanentError("refused"), invalid()])
    def test_what_cannot_help_is_not_tried_again(self, bench: Bench, error: Exception) -> None:
        """It is dead at once, with its reason, and the processor is told."""
        bench.outside.errors[ask(1).key] = [error]
        bench.processor.orders["one"] = [ask(1)]

        bench.hear("one")
        bench.work()
        bench.work(seconds=7200)

        assert bench.outside.tried == 1
        assert (bench.statuses(), bench.effect().error) == (["dead"], str(error))
        assert bench.heard() == ["one", "dead.ask_recordings"]

    def test_a_dead_effect_is_revived_when_it_is_asked_for_again(self, bench: Bench) -> None:
        """With all its tries and its day before it, and its end is told anew."""
        bench.outside.errors[ask(1).key] = [PermanentError("refused"), away()]
        bench.processor.orders.update(one=[ask(1)], again=[ask(1)])
        bench.hear("one")
        bench.work()

        bench.clock.advance(48 * 3600)
        bench.hear("again")
        bench.work()
        assert (bench.statuses(), bench.effect().attempts) == (["pending"], 1)
        bench.work(seconds=1)

        assert bench.outside.performed == [ask(1)]
        assert bench.heard() == ["one", "dead.ask_recordings", "again", "done.ask_recordings"]
        assert bench.effect().error is None


class TestBugs:
    def test_a_bug_in_a_performer_stops_no_other_effect(self, bench: Bench) -> None:
        """It is dead, told without its message, and all the others are performed."""
        bench.outside.errors[ask(1, "a").key] = [KeyError(SECRET)]
        bench.processor.orders["one"] = [ask(1, "a"), ask(1, "b"), ask(1, "c")]

        bench.hear("one")
        bench.work()

        assert bench.outside.performed == [ask(1, "b"), ask(1, "c")]
        assert bench.effect().error.startswith("KeyError in perform line ")
        assert SECRET not in bench.effect().error

    def test_a_bug_in_a_decision_about_a_result_stops_no_other_effect(self, bench: Bench) -> None:
        """The effect was performed but is kept for a person; the others go on."""
        bench.processor.orders.update(one=[ask(1)], two=[publish(1)])
        bench.processor.chokes_on["done.ask_recordings"] = RuntimeError

        bench.hear("one", "two")
        bench.work()

        assert bench.statuses() == ["dead", "done"]
        assert bench.heard() == ["one", "two"]

    def test_too_many_bugs_trip_the_brake(self, bench: Bench) -> None:
        """Five in a row: a performer that is broken for all must not kill every effect there is."""
        sessions = [f"session-{number}" for number in range(8)]
        for session in sessions:
            bench.outside.errors[ask(1, session).key] = [RuntimeError()]
        bench.processor.orders["one"] = [ask(1, session) for session in sessions]
        bench.hear("one")

        with pytest.raises(BrakedError):
            bench.work()

        assert bench.statuses().count("dead") == 5
        with pytest.raises(BrakedError):
            bench.member.check()


class TestLeases:
    def test_an_effect_of_a_killed_process_is_performed_by_the_next(self, bench: Bench) -> None:
        """Once its lease has run out, and not before."""
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        bench.worker._tools.outbox.lease(8, None)  # and then the process was killed
        bench.restart()

        bench.work(seconds=LEASE.total_seconds() - 1)
        assert bench.outside.performed == []
        bench.work(seconds=2)

        assert bench.outside.performed == [ask(1)]

    @pytest.mark.parametrize("ends_with", [None, away(), PermanentError("no"), RuntimeError()])
    def test_a_lost_lease_writes_nothing(self, bench: Bench, ends_with: Exception | None) -> None:
        """A worker that was away for too long leaves the effect to the one that has taken it over."""
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        (slow,) = bench.worker._tools.outbox.lease(8, None)
        bench.clock.advance(LEASE.total_seconds() + 1)
        (quick,) = bench.worker._tools.outbox.lease(8, None)
        bench.outside.errors[ask(1).key] = [ends_with] if ends_with else []

        bench.worker.perform(slow)

        assert (bench.effect().status, bench.effect().lease) == ("leased", quick.lease)
        assert bench.heard() == ["one"]
        bench.worker.perform(quick)
        assert bench.statuses() == ["done"]
        assert bench.heard() == ["one", "done.ask_recordings"]

    def test_a_renewed_lease_is_kept(self, bench: Bench) -> None:
        """Long work keeps its effect as long as it goes on."""
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        outbox = bench.worker._tools.outbox
        (held,) = outbox.lease(8, None)

        for _ in range(5):
            bench.clock.advance(LEASE.total_seconds() / 3)
            outbox.renew([held])

        assert outbox.lease(8, None) == ()
        bench.worker.perform(held)
        assert bench.statuses() == ["done"]


def test_words_reach_another_key_once(bench: Bench) -> None:
    """What a key is told comes to its state, however often it is said."""
    bench.processor.orders.update(one=[tell("other")], two=[tell("other")])

    bench.hear("one", "two")
    bench.work()

    assert bench.heard("other") == ["told"]


def test_every_end_is_counted(bench: Bench) -> None:
    """Metrics tell how effects ended, by kind."""
    bench.outside.errors[ask(1).key] = [away(), PermanentError("no")]
    bench.processor.orders["one"] = [ask(1), publish(1)]

    bench.hear("one")
    bench.work()
    bench.work(seconds=1)

    def ended(kind: str, outcome: str) -> int:
        return bench.metrics.counted("processor_effects_total", processor="obedient", kind=kind, outcome=outcome)

    assert [ended("ask_recordings", "put_off"), ended("ask_recordings", "dead")] == [1, 1]
    assert ended("publish_event", "done") == 1
