"""What operators rely on: the brake and what is skipped, liveness, hanging effects, measurements, newer states."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from infra.clock import SystemClock
from infra.database.engine import writing
from infra.database.tables import states
from infra.errors import ConfigurationError, PermanentError
from infra.transport import TopicPartition
from processors.runtime.brake import BrakedError
from processors.runtime.health import Health, health_file
from processors.runtime.skips import Skips, next_of_interest
from schemas.topics import WEBHOOKS
from tests.fakes.clock import FakeClock
from tests.unit.processors.runtime.bench import PLACE, TYPE, Bench, ask, publish


def braked(bench: Bench) -> Bench:
    """Stopped by its fifth bad record; two more lie behind it."""
    bench.processor.chokes_on["bad"] = RuntimeError
    with pytest.raises(BrakedError):
        bench.hear("good", *["bad"] * 7)
    return bench


class TestBrake:
    def test_what_was_taken_is_not_taken_again(self, bench: Bench) -> None:
        """No restart puts the same record into the dead letters twice."""
        braked(bench)

        assert bench.consumer.committed == 6
        assert len(bench.dead_letters()) == 5

    def test_it_tells_where_it_stands(self, bench: Bench) -> None:
        """At the record behind the one that was too many."""
        standing = braked(bench).brake().standing()

        assert standing is not None
        assert (standing.place, standing.next_offset) == (PLACE, 6)

    def test_a_crash_loop_drains_nothing(self, bench: Bench) -> None:
        """However often it is started, nothing is read until a person resumes."""
        braked(bench)
        for _ in range(10):
            bench.restart()
            with pytest.raises(BrakedError):
                bench.loop.run_once(bench.stop)

        assert len(bench.dead_letters()) == 5

    def test_a_member_notices_that_another_one_braked(self, bench: Bench) -> None:
        """Within a second, without failing itself."""
        bench.hear("one")
        with pytest.raises(BrakedError):
            bench.brake().trip("another member's bug")
        bench.add("two")
        bench.clock.advance(1)

        with pytest.raises(BrakedError):
            bench.loop.run_once(bench.stop)
        assert bench.heard() == ["one"]

    def test_effects_stop_it_without_a_place(self, bench: Bench) -> None:
        """There is no record to skip then."""
        with pytest.raises(BrakedError):
            bench.brake().trip("effects fail")

        standing = bench.brake().standing()
        assert standing is not None
        assert standing.place is None


class TestSkip:
    def test_skipped_records_go_to_the_dead_letters_undecided(self, bench: Bench) -> None:
        """Though they could be decided now; what follows is decided."""
        braked(bench)
        bench.add("after")
        Skips(bench.engine, "obedient").add(PLACE, range(6, 8))
        bench.brake().release()
        bench.processor.chokes_on.clear()
        bench.restart()

        bench.loop.run_once(bench.stop)

        assert bench.heard() == ["good", "after"]
        reasons = [dict(record.headers)["dead_letter_reason"] for record in bench.dead_letters()]
        assert reasons[5:] == [b"a person skipped it"] * 2

    def test_only_records_of_interest_count(self, bench: Bench) -> None:
        """The others cost nothing and are passed over."""
        kept = bench.transport.records[WEBHOOKS.name] = bench.consumer.records
        for kind in (TYPE, "another", TYPE, TYPE):
            bench.add_raw((("ce_type", kind.encode()),), b"{}")

        assert len(kept) == 4
        assert next_of_interest(bench.transport, PLACE, 0, {TYPE}, 2) == (range(3), 2)
        assert next_of_interest(bench.transport, PLACE, 0, {TYPE}, 9) == (range(4), 3)

    def test_the_latest_range_counts(self, bench: Bench) -> None:
        """One a partition."""
        skips, other = Skips(bench.engine, "obedient"), TopicPartition(WEBHOOKS.name, 1)
        skips.add(PLACE, range(1, 2))
        skips.add(PLACE, range(5, 7))
        skips.add(other, range(3))

        assert skips.all() == {PLACE: range(5, 7), other: range(3)}


class TestHealth:
    def test_the_file_is_touched_while_both_loops_turn(self, tmp_path: Path) -> None:
        """One of them alone is not alive, nor with the other's last turn long ago."""
        path, clock = tmp_path / "deep" / "health", FakeClock()
        health = Health(path, clock)
        health.beat("consumer")
        assert not path.exists()
        health.beat("worker")
        assert path.exists()

        path.unlink()
        for _ in range(60):
            clock.advance(1)
            health.beat("consumer")
            if not path.exists():
                break
            path.unlink()

        assert not path.exists()
        assert clock.monotonic() < 1000 + 60

    def test_it_is_touched_once_a_second_at_most(self, tmp_path: Path) -> None:
        """A busy loop does not wear the disk."""
        path, clock = tmp_path / "health", FakeClock()
        health = Health(path, clock)
        health.beat("worker")
        health.beat("consumer")
        path.unlink()

        health.beat("consumer")

        assert not path.exists()

    def test_a_file_that_cannot_be_written_is_said_at_the_start(self, tmp_path: Path) -> None:
        """Not by a restart an hour later."""
        (tmp_path / "file").touch()

        with pytest.raises(ConfigurationError, match="HEALTH_FILE"):
            Health(tmp_path / "file" / "health", FakeClock())

    def test_each_processor_has_its_own(self) -> None:
        """One that hangs is not hidden by the others."""
        assert health_file("/run/{processor}.alive", "call_events") == Path("/run/call_events.alive")
        assert health_file(None, "call_events") is None


class TestStuck:
    def test_an_effect_that_hangs_is_reported_once_with_its_stack(self, bench: Bench) -> None:
        """Where its thread is, by file, line and function; no values."""
        begun, go_on = threading.Event(), threading.Event()

        def hang(_: object) -> None:
            begun.set()
            go_on.wait(20)

        bench.outside.work = hang
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        working = threading.Thread(target=bench.worker.run_due)
        working.start()
        assert begun.wait(20)

        with capture_logs() as logs:
            bench.member.upkeep.run_once()
            bench.clock.advance(121)
            bench.member.upkeep.run_once()
            bench.member.upkeep.run_once()
        go_on.set()
        working.join(20)

        (stuck,) = [line for line in logs if line["event"] == "effect.stuck"]
        assert (stuck["kind"], stuck["running_seconds"]) == ("ask_recordings", 121)
        assert any(line.endswith(" hang") for line in stuck["stack"])


class TestMeasurements:
    def test_lag_is_the_age_of_what_is_not_read(self, bench: Bench) -> None:
        """It grows while nothing is read."""
        bench.hear("one")
        bench.clock.advance(100)

        bench.member.upkeep.run_once()

        assert bench.metrics.gauge("processor_lag_seconds", processor="obedient") == 100

    def test_waiting_and_dead_effects_are_counted(self, bench: Bench) -> None:
        """How long the oldest due one waits since it was asked for; how many are given up."""
        bench.outside.errors[publish(1).key] = [PermanentError("refused")]
        bench.processor.orders |= {"one": [publish(1)], "two": [publish(2)]}
        bench.hear("one")
        bench.work()
        bench.hear("two")
        bench.clock.advance(30)

        bench.member.upkeep.run_once()

        assert bench.metrics.gauge("processor_due_age_seconds", processor="obedient") == 30
        assert bench.metrics.gauge("processor_effects_dead", processor="obedient") == 1
        assert bench.metrics.gauge("processor_braked", processor="obedient") == 0

    def test_what_runs_is_counted(self, bench: Bench) -> None:
        """While it runs, by kind."""
        seen = []
        bench.outside.work = lambda _: seen.append(running())
        bench.processor.orders["one"] = [publish(1)]

        def running() -> float | None:
            return bench.metrics.gauge("processor_effects_running", processor="obedient", kind="publish_event")

        bench.hear("one")
        bench.work()

        assert (seen, running()) == ([1], 0)

    def test_a_brake_shows(self, bench: Bench) -> None:
        """Until the process ends, if others run in it."""
        braked(bench)

        stop = threading.Event()
        stop.set()
        bench.member.upkeep.run(stop)

        assert bench.metrics.gauge("processor_braked", processor="obedient") == 1


class TestNewerState:
    def test_an_older_version_waits_for_it(self, bench: Bench) -> None:
        """It neither overwrites it nor calls the record bad; the newer version goes on from it."""
        bench.hear("one")
        with writing(bench.engine) as connection:
            connection.execute(update(states).values(schema_version=2))
        bench.add("two")
        trying = threading.Thread(target=bench.loop.run_once, args=(bench.stop,))
        with capture_logs() as logs:
            trying.start()
            clock = SystemClock()
            deadline = clock.monotonic() + 20
            while not any(line["event"] == "record.waits" for line in logs):
                assert clock.monotonic() < deadline, "it did not wait"
                clock.sleep(0.01)
            bench.stop.set()
            trying.join(20)

        assert (bench.heard(), bench.dead_letters(), bench.consumer.committed) == (["one"], [], 1)
        bench.stop.clear()
        bench.processor.state_version = 2  # type: ignore[misc]
        bench.restart()
        bench.loop.run_once(bench.stop)
        assert bench.heard() == ["one", "two"]

    def test_a_result_waits_for_it_too(self, bench: Bench) -> None:
        """What was performed is recorded by the version that can read the state."""
        bench.processor.orders["one"] = [ask(1)]
        bench.hear("one")
        with writing(bench.engine) as connection:
            connection.execute(update(states).values(schema_version=2))
        with pytest.raises(Exception, match="newer version"):
            bench.worker.run_due()
        assert bench.statuses() == ["leased"]

        bench.processor.state_version = 2  # type: ignore[misc]
        bench.clock.advance(timedelta(minutes=2).total_seconds())
        bench.work()
        assert bench.statuses() == ["done"]
