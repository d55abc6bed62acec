"""The consumer: every record ends decided or dead-lettered, and its offset is committed only then."""

import sqlite3
import threading
from datetime import timedelta

import pytest
from sqlalchemy import event

from infra.errors import TransientError
from infra.transport import Record
from processors.runtime.brake import BrakedError
from tests.unit.processors.runtime.bench import BEGIN, TYPE, Bench, invalid, wake

SECRET = "do-not-show-me"


class Impatient(threading.Event):
    """A stop that never comes, and whose waits take no time."""

    def wait(self, timeout: float | None = None) -> bool:
        return False


def reason(letter: Record) -> dict[str, str]:
    """The headers that a dead letter has beside its record's own."""
    return {name: text.decode() for name, text in letter.headers if name.startswith("dead_letter_")}


def test_records_are_decided_in_order(bench: Bench) -> None:
    """One after the other, and then the offset is committed."""
    bench.hear("one", "two", "three")

    assert bench.heard() == ["one", "two", "three"]
    assert bench.consumer.committed == 3


def test_a_double_is_decided_once(bench: Bench) -> None:
    """The same event id for the same key changes nothing and is counted as a double."""
    record = bench.add("one")
    bench.add_raw(record.headers, record.value)

    bench.loop.run_once(bench.stop)

    assert bench.heard() == ["one"]
    assert bench.metrics.counted("processor_records_total", processor="obedient", outcome="doubled") == 1


def test_a_type_that_nobody_asked_for_costs_nothing(bench: Bench) -> None:
    """It is neither decoded nor decided nor dead-lettered; only its offset moves on."""
    bench.add_raw([("ce_type", b"something.else")], b"\xff")

    bench.loop.run_once(bench.stop)

    assert (bench.consumer.committed, bench.dead_letters()) == (1, [])


@pytest.mark.parametrize("value", [b"\xff\x00", b"[]", b"", b"[" * 100_000])
def test_a_record_that_cannot_be_decoded_is_dead_lettered(bench: Bench, value: bytes) -> None:
    """Its original bytes, key and headers, with the reason and the origin; the records after it go on."""
    broken = bench.add_raw(
        [("ce_type", TYPE.encode()), ("ce_id", b"1"), ("ce_source", b"/t"), ("ce_specversion", b"1.0")], value
    )

    bench.hear("after")

    (letter,) = bench.dead_letters()
    assert (letter.value, letter.key, letter.headers[:4]) == (broken.value, broken.key, broken.headers)
    assert reason(letter)["dead_letter_topic"] == broken.topic
    assert reason(letter)["dead_letter_offset"] == "0"
    assert reason(letter)["dead_letter_group"] == "obedient"
    assert reason(letter)["dead_letter_reason"]
    assert bench.heard() == ["after"]
    assert bench.consumer.committed == 2


def test_an_invalid_event_is_dead_lettered_with_its_reason(bench: Bench) -> None:
    """The reason is the decision's own; nothing of the decision was written."""
    bench.processor.chokes_on["bad"] = invalid

    bench.hear("one", "bad", "two")

    (letter,) = bench.dead_letters()
    assert reason(letter)["dead_letter_reason"] == "it is not what it promises"
    assert bench.heard() == ["one", "two"]


def test_a_bug_is_dead_lettered_without_its_message(bench: Bench) -> None:
    """A bug's message may quote the record, so only its kind and place are told; equal bugs have equal digests."""
    bench.processor.chokes_on["bad"] = lambda: KeyError(SECRET)

    bench.hear("bad", "bad", "good")

    first, second = map(reason, bench.dead_letters())
    assert first["dead_letter_reason"].startswith("KeyError in decide line ")
    assert first["dead_letter_error"] == second["dead_letter_error"]
    assert SECRET not in str(first)
    assert bench.heard() == ["good"]


def test_nothing_is_committed_while_a_dead_letter_cannot_be_written(bench: Bench) -> None:
    """The record is decided again until its dead letter is durable: it is never lost."""
    bench.processor.chokes_on["bad"] = invalid
    bench.producer.fail(TransientError("the log is away"))
    bench.add("bad")

    worker = threading.Thread(target=bench.loop.run_once, args=(bench.stop,))
    worker.start()
    bench.stop.set()
    worker.join(10)

    assert not worker.is_alive()
    assert bench.consumer.committed == 0
    bench.producer.fail(None)
    bench.stop.clear()
    bench.restart()
    bench.loop.run_once(bench.stop)
    assert (len(bench.dead_letters()), bench.consumer.committed) == (1, 1)


def test_an_offset_is_committed_only_after_the_decisions_are_stored(bench: Bench) -> None:
    """At the moment of the commit, everything before it is in the database."""
    stored: list[list[str]] = []
    bench.consumer.on_commit = lambda: stored.append(bench.heard())

    bench.hear("one", "two")

    assert stored == [["one", "two"]]


def test_offsets_are_committed_twice_a_second_while_records_keep_coming(bench: Bench) -> None:
    """The first batch's at once; what follows half a second later, or as soon as nothing comes."""
    committed = []
    for name, seconds in (("one", 0.0), ("two", 0.4), ("three", 0.1), ("four", 0.1)):
        bench.clock.advance(seconds)
        bench.hear(name)
        committed.append(bench.consumer.committed)
    bench.loop.run_once(bench.stop)

    assert [*committed, bench.consumer.committed] == [1, 1, 3, 3, 4]


def test_offsets_are_committed_at_a_stop(bench: Bench) -> None:
    """Nobody reads again what was handled before an orderly end."""
    bench.hear("one")
    bench.hear("two")
    bench.stop.set()

    bench.loop.run(bench.stop)

    assert bench.consumer.committed == 2


def test_a_dead_letter_is_committed_with_its_batch(bench: Bench) -> None:
    """Read again it would be put there again."""
    bench.hear("one")
    bench.processor.chokes_on["two"] = invalid

    bench.hear("two")

    assert (len(bench.dead_letters()), bench.consumer.committed) == (1, 2)


def test_a_commit_that_fails_leads_to_doubles_and_to_nothing_else(bench: Bench) -> None:
    """After a restart the records come again and are known."""

    def fail() -> None:
        raise TransientError("the log is away")

    bench.consumer.on_commit = fail
    with pytest.raises(TransientError):
        bench.hear("one")
    bench.consumer.on_commit = lambda: None
    bench.restart()

    bench.loop.run_once(bench.stop)

    assert (bench.heard(), bench.consumer.committed) == (["one"], 1)


def test_it_waits_while_the_database_is_away(bench: Bench) -> None:
    """The record is tried again until it is decided; nothing is dead-lettered, skipped or counted for the brake."""
    tries = iter(range(7))

    @event.listens_for(bench.engine, "before_cursor_execute")
    def refuse(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO states") and next(tries, None) is not None:
            raise sqlite3.OperationalError("database is locked")

    bench.stop = Impatient()
    bench.hear("one", "two")

    assert bench.heard() == ["one", "two"]
    assert (bench.dead_letters(), bench.consumer.committed) == ([], 2)


def test_it_polls_again_while_the_log_is_away(bench: Bench) -> None:
    """An outage of the log ends in another poll, not in the end of the processor."""
    failures = iter([TransientError("away"), TransientError("away")])
    stop = Impatient()

    def poll() -> None:
        if error := next(failures, None):
            raise error
        if bench.consumer.committed == 1:
            stop.set()

    bench.consumer.on_poll = poll
    bench.add("one")

    bench.loop.run(stop)

    assert (bench.heard(), bench.consumer.committed) == (["one"], 1)


class TestBrake:
    def test_five_bugs_in_a_row_trip_it(self, bench: Bench) -> None:
        """The fifth stops the processor, with what to do; the four before it are dead-lettered, and so is the fifth."""
        bench.processor.chokes_on["bad"] = lambda: RuntimeError(SECRET)
        bench.hear(*["bad"] * 4)

        with pytest.raises(BrakedError, match="python -m processors resume obedient") as caught:
            bench.hear("bad", "after")

        assert "RuntimeError" in str(caught.value)
        assert SECRET not in str(caught.value)
        assert len(bench.dead_letters()) == 5
        assert bench.heard() == []

    def test_a_good_record_in_between_starts_the_count_anew(self, bench: Bench) -> None:
        """Four, a good one, four: nothing foreseen is a bad deploy, but this is not yet one."""
        bench.processor.chokes_on["bad"] = RuntimeError

        bench.hear(*["bad"] * 4, "good", *["bad"] * 4)

        assert bench.heard() == ["good"]

    def test_half_of_the_latest_trip_it_too(self, bench: Bench) -> None:
        """Every second record failing is a bad deploy, though never five in a row."""
        bench.processor.chokes_on["bad"] = RuntimeError

        with pytest.raises(BrakedError):
            bench.hear(*["bad", "good"] * 40)

    def test_invalid_events_never_trip_it(self, bench: Bench) -> None:
        """However many records are not what they promise."""
        bench.processor.chokes_on["bad"] = invalid

        bench.hear(*["bad"] * 200, "good")

        assert (len(bench.dead_letters()), bench.heard()) == (200, ["good"])

    def test_it_stays_on_until_a_person_resumes(self, bench: Bench) -> None:
        """A restart does not release it, resuming does; what came meanwhile is then decided."""
        bench.processor.chokes_on["bad"] = RuntimeError
        with pytest.raises(BrakedError):
            bench.hear(*["bad"] * 5)
        bench.processor.chokes_on.clear()
        bench.restart()
        with pytest.raises(BrakedError):
            bench.member.check()

        assert bench.brake().release() is True
        assert bench.brake().release() is False
        bench.member.check()
        bench.hear("good")
        assert bench.heard()[-1] == "good"


class TestProgress:
    def test_a_record_is_read_up_to_its_own_time(self, bench: Bench) -> None:
        """While more lies behind it, that is how far the partition has been read."""
        bench.add("one", at=BEGIN - timedelta(minutes=5))
        bench.consumer.poll = lambda *_: bench.consumer.records[:1]  # type: ignore[method-assign]

        bench.loop.run_once(bench.stop)

        assert bench.read_until() == BEGIN - timedelta(minutes=5)

    def test_an_idle_partition_is_read_up_to_a_little_before_now(self, bench: Bench) -> None:
        """A record may still be on its way into the log; three seconds cover that."""
        bench.loop.run_once(bench.stop)

        assert bench.read_until() == BEGIN - timedelta(seconds=3)

    def test_it_never_goes_back(self, bench: Bench) -> None:
        """An old record read late changes nothing."""
        bench.loop.run_once(bench.stop)
        bench.add("late", at=BEGIN - timedelta(days=1))
        bench.clock.advance(2)

        bench.loop.run_once(bench.stop)

        read_until = bench.read_until()
        assert read_until is not None
        assert read_until >= BEGIN - timedelta(seconds=3)

    def test_a_timer_waits_until_its_time_has_been_read(self, bench: Bench) -> None:
        """Its time has passed, but an outage kept records from being read: it could fire falsely, so it waits."""
        bench.processor.orders["one"] = [wake(minutes=10)]
        bench.hear("one")

        bench.work(seconds=3600)

        assert bench.heard() == ["one"]
        bench.loop.run_once(bench.stop)
        bench.work(seconds=2)
        assert bench.heard() == ["one", "timer.later"]

    def test_a_timer_does_not_fire_before_its_time(self, bench: Bench) -> None:
        """Whatever was read."""
        bench.processor.orders["one"] = [wake(minutes=10)]
        bench.hear("one")

        bench.clock.advance(598)
        bench.loop.run_once(bench.stop)
        bench.work(seconds=1)

        assert bench.heard() == ["one"]
