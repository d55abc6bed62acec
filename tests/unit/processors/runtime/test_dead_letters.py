"""What lies dead: one list of records and effects, redriven or dropped once, shown masked."""

import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from infra.database.engine import reading
from infra.database.tables import audit
from infra.errors import PermanentError
from infra.transport import Record
from processors import dead_letters_cli
from processors.operators import Workplace
from processors.runtime.dead_list import Dead, Wanted, find_dead
from processors.runtime.dead_show import effect_page, record_page
from processors.runtime.redrive import Undertaker
from schemas.topics import WEBHOOKS
from tests.unit.processors.runtime.bench import DEAD_LETTERS, Bench, chat, invalid, publish

TOKEN = "eyJhbGciOiJIUzI1NiJ9.secret.secret"
RUNNER = CliRunner()


@pytest.fixture
def morgue(bench: Bench) -> Bench:
    """A bench whose log has its topics, a dead record of meeting k and a dead effect."""
    bench.transport.create_topics()
    bench.processor.orders["one"] = [publish(1)]
    bench.outside.errors[publish(1).key] = [PermanentError("refused: 17 bytes too many")]
    bench.hear("one")
    bench.work()
    bench.processor.chokes_on["bad"] = invalid
    bench.hear("bad")
    return bench


def dead(bench: Bench, wanted: Wanted = Wanted()) -> list[Dead]:  # noqa: B008 # it is frozen
    return list(find_dead(bench.engine, bench.transport, wanted))


def undertaker(bench: Bench, reason: str = "") -> Undertaker:
    return Undertaker(bench.engine, bench.transport, bench.clock, actor="tester", reason=reason)


def noted(bench: Bench) -> list[tuple[str, str, str]]:
    with reading(bench.engine) as connection:
        rows = connection.execute(select(audit).order_by(audit.c.position)).all()
    return [(row.actor, row.action, row.reason) for row in rows]


class TestList:
    def test_records_and_effects_are_in_one_list(self, morgue: Bench) -> None:
        """Each with what it was, why it lies there and whose meeting it was."""
        record, effect = dead(morgue)

        assert (record.what, record.kind, record.meeting) == ("record", "test.happened", "k")
        assert record.reason == "it is not what it promises"
        assert (effect.what, effect.kind, effect.meeting) == ("effect", "publish_event", "k")
        assert effect.reason == "refused: 17 bytes too many"

    def test_what_failed_alike_has_one_cause(self, morgue: Bench) -> None:
        """Counts and sizes within a reason do not make it another."""
        morgue.processor.orders["two"] = [publish(2)]
        morgue.outside.errors[publish(2).key] = [PermanentError("refused: 4 bytes too many")]
        morgue.hear("two", "bad")
        morgue.work()

        causes = [one.cause for one in dead(morgue)]

        assert len(causes) == 4
        assert len(set(causes)) == 2

    @pytest.mark.parametrize(
        ("wanted", "count"),
        [
            (Wanted(processor="obedient"), 2),
            (Wanted(processor="another"), 0),
            (Wanted(kind="publish_event"), 1),
            (Wanted(meeting="k"), 2),
            (Wanted(meeting="m"), 0),
            (Wanted(ids=frozenset({f"{DEAD_LETTERS}:0:0"})), 1),
        ],
    )
    def test_a_filter_takes_what_it_says(self, morgue: Bench, wanted: Wanted, count: int) -> None:
        """By processor, type, meeting or id."""
        assert len(dead(morgue, wanted)) == count

    def test_a_cause_is_told_by_its_first_digits(self, morgue: Bench) -> None:
        """Nobody types twelve."""
        record, _ = dead(morgue)

        assert dead(morgue, Wanted(cause=record.cause[:5])) == [record]


class TestRedrive:
    def test_a_record_goes_back_as_it_came(self, morgue: Bench) -> None:
        """Bytes, key and headers, so the same ce_id; nothing of the dead letter clings to it."""
        record, _ = dead(morgue)
        original = morgue.consumer.records[1]

        assert undertaker(morgue).redrive(record, morgue.producer) == "redriven"

        (back,) = morgue.transport.records[WEBHOOKS.name]
        assert (back.key, back.headers, back.value) == (original.key, original.headers, original.value)

    def test_twice_is_once(self, morgue: Bench) -> None:
        """The second time there is nothing left to redrive."""
        for one in dead(morgue):
            undertaker(morgue).redrive(one, morgue.producer)
        again = Dead(f"{DEAD_LETTERS}:0:0", "record", "obedient", "", "", "", None, morgue.clock.now())

        assert dead(morgue) == []
        assert undertaker(morgue).redrive(again, morgue.producer) == "gone"
        assert len(morgue.transport.records[WEBHOOKS.name]) == 1

    def test_it_is_decided_then(self, morgue: Bench) -> None:
        """The group has no note of having handled it; others drop the double by its id."""
        (record,) = dead(morgue, Wanted(kind="test.happened"))
        undertaker(morgue).redrive(record, morgue.producer)
        morgue.processor.chokes_on.clear()
        (back,) = morgue.transport.records[WEBHOOKS.name]
        morgue.add_raw(back.headers, back.value)
        morgue.add_raw(back.headers, back.value)

        morgue.loop.run_once(morgue.stop)

        assert morgue.heard() == ["one", "bad"]

    def test_what_fails_again_lies_dead_again(self, morgue: Bench) -> None:
        """As a dead letter of its own, with its first origin's headers gone."""
        (record,) = dead(morgue, Wanted(kind="test.happened"))
        undertaker(morgue).redrive(record, morgue.producer)
        (back,) = morgue.transport.records[WEBHOOKS.name]
        morgue.add_raw(back.headers, back.value)
        morgue.loop.run_once(morgue.stop)

        (again,) = dead(morgue, Wanted(kind="test.happened"))

        assert again.id == f"{DEAD_LETTERS}:0:1"
        assert len(dict(morgue.dead_letters()[1].headers)) == len(morgue.dead_letters()[1].headers)

    def test_an_effect_is_due_again_as_if_new(self, morgue: Bench) -> None:
        """With all its tries, and its time limit from now."""
        (effect,) = dead(morgue, Wanted(kind="publish_event"))
        morgue.clock.advance(2 * 86400)

        undertaker(morgue).redrive(effect, morgue.producer)
        morgue.work()

        assert morgue.outside.performed == [publish(1)]
        assert morgue.statuses() == ["done"]

    def test_an_older_text_does_not_replace_a_newer(self, bench: Bench) -> None:
        """Where only the newest content counts, one that was overtaken stays so."""
        bench.outside.errors[chat(1).key] = [PermanentError("refused")]
        bench.processor.orders |= {"one": [chat(1)], "two": [chat(2)]}
        bench.hear("one")
        bench.work()
        bench.hear("two")
        bench.work()
        (effect,) = dead(bench)

        assert undertaker(bench).redrive(effect, bench.producer) == "overtaken"

        bench.work()
        assert bench.outside.performed == [chat(2)]
        assert dead(bench) == []

    def test_a_record_that_retention_took_is_gone(self, morgue: Bench) -> None:
        """And nothing is produced in its place."""
        record, _ = dead(morgue)
        morgue.transport.records[DEAD_LETTERS].clear()

        assert undertaker(morgue).redrive(record, morgue.producer) == "gone"


class TestDrop:
    def test_it_is_listed_no_more_and_its_reason_is_known(self, morgue: Bench) -> None:
        """Both kinds, each with who and why."""
        for one in dead(morgue):
            assert undertaker(morgue, "a test account").drop(one) == "dropped"

        assert dead(morgue) == []
        assert noted(morgue) == [("tester", "dead-letter dropped", "a test account")] * 2

    def test_asking_for_a_dropped_effect_again_does_not_revive_it(self, morgue: Bench) -> None:
        """A person has decided."""
        (effect,) = dead(morgue, Wanted(kind="publish_event"))
        undertaker(morgue, "not wanted").drop(effect)
        morgue.hear("one")
        morgue.work()

        assert morgue.statuses() == ["dropped"]


class TestShow:
    def test_secrets_are_masked(self, bench: Bench) -> None:
        """In the value, in its headers, and in what an effect was to publish."""
        data = json.dumps({"download_token": TOKEN, "user_name": "Maria", "note": "m@example.com"}).encode()
        record = Record(DEAD_LETTERS, 0, 0, bench.clock.now(), b"k", (("ce_type", b"t"), ("x", TOKEN.encode())), data)

        shown = "\n".join(record_page(record, reveal=False).values())
        revealed = "\n".join(record_page(record, reveal=True).values())

        assert not any(secret in shown for secret in (TOKEN, "Maria", "m@example.com"))
        assert all(secret in revealed for secret in (TOKEN, "Maria", "m@example.com"))

    def test_what_is_not_json_is_not_shown(self, bench: Bench) -> None:
        """There are no keys to know a name by."""
        record = Record(DEAD_LETTERS, 0, 0, bench.clock.now(), None, (), b'{"topic": "Maria"')

        assert record_page(record, reveal=False)["value"] == "… (17 bytes that are not JSON)"

    def test_an_effect_shows_what_was_to_be_done(self, bench: Bench) -> None:
        """Its text masked: a chat message names people."""
        bench.outside.errors[chat(1, "Maria, join").key] = [PermanentError("refused")]
        bench.processor.orders["one"] = [chat(1, "Maria, join")]
        bench.hear("one")
        bench.work()
        (effect,) = dead(bench)

        page = effect_page(bench.engine, effect.id, reveal=False)

        assert page is not None
        assert "Maria" not in "\n".join(page.values())
        assert page["target"] == "chat:conversation:slot"

    def test_there_is_no_page_of_what_is_not_dead(self, morgue: Bench) -> None:
        """Done effects are nobody's business here."""
        assert effect_page(morgue.engine, "no such", reveal=True) is None


@pytest.fixture
def run(morgue: Bench, monkeypatch: pytest.MonkeyPatch) -> "Run":
    """The command line, on the bench's log and database."""
    return Run(morgue, monkeypatch)


class Run:
    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bench = bench
        place = Workplace(bench.engine, bench.transport, bench.clock)  # type: ignore[arg-type]

        class Open:
            def __enter__(self) -> Workplace:
                return place

            def __exit__(self, *_: object) -> None:
                """Nothing to close."""

        monkeypatch.setattr(dead_letters_cli, "workplace", Open)

    def __call__(self, *arguments: str) -> Result:
        return RUNNER.invoke(dead_letters_cli.dead_letters, arguments)


class TestCommands:
    def test_list_counts_and_groups(self, run: Run) -> None:
        """How many lie dead, then a line a cause."""
        result = run("list")

        first, *groups = result.output.splitlines()
        assert first == "1 record and 1 effect lie dead"
        assert len(groups) == 2
        assert any("it is not what it promises" in line for line in groups)

    def test_list_names_each(self, run: Run) -> None:
        """The id is what the other commands take."""
        shown = run("show", run("list", "--each", "--type", "test.happened").output.splitlines()[1].split()[0])

        assert "it is not what it promises" in shown.output

    def test_a_dry_run_changes_nothing(self, run: Run) -> None:
        """It says how many there are of which cause."""
        result = run("redrive", "--all", "--dry-run")

        assert "nothing was done: a dry run" in result.output
        assert len(dead(run.bench)) == 2

    def test_nothing_is_done_unasked(self, run: Run) -> None:
        """Off a terminal nobody can be asked: the counts are shown, and that is all."""
        result = run("drop", "--all", "--reason", "old")

        assert "say --yes" in result.output
        assert result.exit_code == 1
        assert len(dead(run.bench)) == 2

    def test_redrive_keeps_to_its_rate(self, run: Run) -> None:
        """Two at one a second take a second."""
        began = run.bench.clock.monotonic()

        result = run("redrive", "--all", "--yes", "--rate", "1")

        assert "2 redriven" in result.output
        assert run.bench.clock.monotonic() - began == 1.0
        assert run("redrive", "--all", "--yes").output.startswith("nothing lies dead")

    def test_what_is_not_among_the_dead_is_told_apart(self, run: Run) -> None:
        """Others may lie dead beside what was asked for; what there is none of is not counted."""
        assert run("list", "--meeting", "nobody's").output == "nothing of that lies dead\n"
        assert run("redrive", "gone", "--dry-run").output.startswith("nothing of that lies dead")
        assert run("list", "--type", "publish_event").output.startswith("1 effect lies dead")

    @pytest.mark.parametrize("arguments", [(), ("--all", "--meeting", "k")])
    def test_one_must_say_which(self, run: Run, arguments: tuple[str, ...]) -> None:
        """Nothing named is not everything."""
        result = run("redrive", *arguments)

        assert result.exit_code == 2
        assert "say which" in result.output

    def test_drop_wants_a_reason(self, run: Run) -> None:
        """And an empty one is none."""
        assert run("drop", "--all", "--yes").exit_code == 2
        assert run("drop", "--all", "--yes", "--reason", " ").exit_code == 2
        assert len(dead(run.bench)) == 2

    def test_revealing_wants_a_reason_and_is_recorded(self, run: Run) -> None:
        """Who, what and why, before anything is shown."""
        dead_id = f"{DEAD_LETTERS}:0:0"

        refused = run("show", dead_id, "--reveal")
        shown = run("show", dead_id, "--reveal", "--reason", "ticket 7")

        assert refused.exit_code == 2
        assert shown.exit_code == 0
        ((_, action, reason),) = noted(run.bench)
        assert (action, reason) == ("dead-letter revealed", "ticket 7")

    def test_showing_nothing_says_so(self, run: Run) -> None:
        """An id that was mistyped."""
        assert isinstance(run("show", "mistyped").exception, PermanentError)
