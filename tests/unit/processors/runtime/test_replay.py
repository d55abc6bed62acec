"""Replaying: old records are decided again, each effect stays one, and a dry run says what would be different."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from infra.database.engine import reading, writing
from infra.database.tables import effects, handled, states
from infra.errors import PermanentError
from processors.runtime.inbox import Inbox
from processors.runtime.rehearsal import Rehearsed, rehearse
from processors.runtime.replay import Replayed, Span, check_span, replay
from processors.runtime.upkeep import handled_kept, prune_handled
from schemas.topics import TOPICS, WEBHOOKS
from tests.unit.processors.runtime.bench import BEGIN, TYPE, Bench, ask, invalid, publish, tell, wake

HOUR = Span(BEGIN, BEGIN + timedelta(hours=1))


@pytest.fixture
def past(bench: Bench) -> Bench:
    """A bench where "one" and "two" were decided and performed within the hour, and nothing since."""
    bench.transport.records[WEBHOOKS.name] = bench.consumer.records
    bench.processor.orders |= {"one": [publish(1)], "two": [publish(2)]}
    bench.clock.advance(60)
    bench.hear("one", "two")
    bench.work(7200)
    return bench


def again(bench: Bench, span: Span = HOUR) -> Replayed:
    return replay(bench.transport, Inbox(bench.engine, bench.processor, bench.clock), bench.processor, span)


def dry(bench: Bench, span: Span = HOUR) -> Rehearsed:
    return rehearse(bench.engine, bench.transport, bench.processor, span)


def everything(bench: Bench) -> list[object]:
    with reading(bench.engine) as connection:
        return [connection.execute(select(table)).all() for table in (states, effects, handled)]


class TestReplay:
    def test_what_was_done_is_not_done_twice(self, past: Bench) -> None:
        """The same version asks for the same, and has it by its key."""
        assert again(past) == Replayed(records=2)

        past.work()
        assert past.outside.performed == [publish(1), publish(2)]

    def test_what_was_missed_is_done_now(self, past: Bench) -> None:
        """A later version asks for more, once however often it replays."""
        past.processor.orders["two"] = [publish(2), publish(3)]

        assert again(past).effects == 1
        assert again(past).effects == 0

        past.work()
        assert past.outside.performed == [publish(1), publish(2), publish(3)]

    def test_what_was_never_handled_is_handled_then(self, past: Bench) -> None:
        """A record that lies dead is decided by a replay, and its redelivery is a double."""
        past.processor.chokes_on["bad"] = invalid
        past.hear("bad")
        past.processor.chokes_on.clear()
        span = Span(BEGIN, past.clock.now() + timedelta(seconds=1))

        again(past, span)
        past.consumer.next = past.consumer.committed = 0
        past.loop.run_once(past.stop)

        assert past.heard().count("bad") == 1

    def test_only_the_span_and_the_meeting_count(self, past: Bench) -> None:
        """By arrival in the log; the end is not part of it; the meeting is the record's key."""
        late = past.clock.now()
        past.add("later", at=late)

        assert again(past, Span(BEGIN, late)).records == 2
        assert again(past, Span(BEGIN, late + timedelta(seconds=1))).records == 3
        assert again(past, Span(BEGIN, late, meeting="k")).records == 2
        assert again(past, Span(BEGIN, late, meeting="m")).records == 0

    def test_unusable_records_are_counted(self, past: Bench) -> None:
        """They lie dead as it is."""
        past.processor.chokes_on["one"] = invalid

        assert again(past).unusable == 1

    def test_a_bug_ends_it_at_its_record(self, past: Bench) -> None:
        """The text says where, and quotes nothing."""
        past.processor.chokes_on["two"] = lambda: RuntimeError("secret")

        for run in (again, dry):
            with pytest.raises(PermanentError, match=r"zoom.webhooks 0:1 fails: RuntimeError in") as caught:
                run(past)
            assert "secret" not in str(caught.value)


class TestSpan:
    @pytest.mark.parametrize(
        ("days", "reason"), [((1, 1), "not before"), ((-1, 1), "in the future"), ((-46, -45), "no longer known")]
    )
    def test_one_that_makes_no_sense_is_refused(self, bench: Bench, days: tuple[int, int], reason: str) -> None:
        """Backwards, not yet, or older than what was handled is remembered."""
        begin, end = (BEGIN + timedelta(days=day) for day in days)

        with pytest.raises(PermanentError, match=reason):
            check_span(Span(begin, end), (WEBHOOKS.name,), bench.clock)

    @pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
    def test_what_was_handled_outlives_every_topic(self, topic: object) -> None:
        """A record that is still there is known to have been handled."""
        assert handled_kept((topic.name,)) > topic.retention  # type: ignore[attr-defined]


class TestDryRun:
    def test_nothing_is_written(self, past: Bench) -> None:
        """Whatever it finds."""
        past.processor.orders["one"] = [publish(1), publish(9)]
        before = everything(past)

        dry(past)

        assert everything(past) == before

    def test_the_same_version_differs_in_nothing(self, past: Bench) -> None:
        """Everything it asks for is there."""
        assert dry(past) == Rehearsed(records=2, there=2)

    def test_a_later_version_is_told_apart(self, past: Bench) -> None:
        """What it would add, what it would not ask for any more."""
        past.processor.orders |= {"one": [publish(3)], "two": [publish(2)]}

        found = dry(past)

        assert len(found.would_ask) == len(found.added) == 1
        assert found.there == 1
        assert found.no_longer == ["publish_event stream:call-events:k"]

    def test_other_content_under_the_same_key_is_seen(self, past: Bench) -> None:
        """The effect is there, but this version would have written something else."""
        past.processor.orders["one"] = [publish(1, key="another")]

        assert dry(past).changed == ["publish_event stream:call-events:another"]

    def test_results_told_words_and_timers_are_followed(self, bench: Bench) -> None:
        """From nothing, the state hears what it heard in truth."""
        bench.transport.records[WEBHOOKS.name] = bench.consumer.records
        orders = {"one": [ask(1), tell("other"), wake(30)], "done.ask_recordings": [publish(1)], "told": [publish(2)]}
        bench.processor.orders |= {**orders, "timer.later": [publish(3)]}
        bench.outside.work = lambda _: bench.clock.advance(1)
        bench.clock.advance(60)
        bench.hear("one")
        bench.work()
        bench.work(3600)
        bench.loop.run_once(bench.stop)
        bench.work(60)

        found = dry(bench)

        assert (found.there, found.added, found.no_longer) == (6, [], [])

    def test_a_state_that_began_earlier_is_not_compared(self, past: Bench) -> None:
        """It cannot be built from the range: that is said, and nothing is made of it."""
        past.hear("later")
        past.clock.advance(60)

        found = dry(past, Span(BEGIN + timedelta(hours=1), past.clock.now()))

        assert (found.begun_before, found.there, found.no_longer) == (1, 0, [])


class TestPruning:
    def test_only_what_is_old_is_forgotten(self, past: Bench) -> None:
        """And only this processor's."""
        row = {"event_id": "e", "key": "k", "handled_at": BEGIN - timedelta(days=60)}
        with writing(past.engine) as connection:
            connection.execute(handled.insert(), [{**row, "processor": name} for name in ("obedient", "other")])

        assert prune_handled(past.engine, "obedient", BEGIN) == 1
        assert prune_handled(past.engine, "obedient", BEGIN) == 0

    def test_many_are_forgotten_a_few_at_a_time(self, past: Bench) -> None:
        """All of them, in transactions that hold nobody up."""
        old = {"processor": "obedient", "key": "k", "handled_at": BEGIN - timedelta(days=60)}
        with writing(past.engine) as connection:
            connection.execute(handled.insert(), [{**old, "event_id": f"{number}"} for number in range(2500)])

        assert prune_handled(past.engine, "obedient", BEGIN) == 2500


def test_types_decide_what_is_read(past: Bench) -> None:
    """Records that interest the processor alone."""
    past.add_raw((("ce_type", b"another"),), b"{}")
    past.add_raw((("ce_type", TYPE.encode()),), b"not JSON")

    done = again(past, Span(BEGIN, past.clock.now() + timedelta(seconds=1)))

    assert (done.records, done.unusable) == (3, 1)
