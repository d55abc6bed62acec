"""`POST /api/calls`: what is answered, and what then stands at Zoom and in the log."""

from typing import Any

import pytest

from infra.errors import PermanentError, TransientError
from infra.zoom.errors import DailyLimitReached, RateLimited, ScopeMissing
from portal.calls.rules import Role
from portal.calls.starting import registrant_address
from schemas.topics import REGISTRATIONS
from tests.unit.portal.calls.calls_world import CLIENT, FREELANCER, HOSTS, PAGE, CallsWorld

SLUG = "urn:zoom-call-pipeline:problem:"


def test_a_call_is_started(world: CallsWorld) -> None:
    """One meeting at Zoom, one registration in the log, and the answer has the links and the hint."""
    answer = world.start()

    told = answer.get_json()
    (registration,) = world.registered()
    (number, call_id) = next(iter(world.made().items()))
    assert answer.status_code == 201
    assert told["call_id"] == call_id == registration.call_id
    assert told["host_url"] == f"https://zoom.example/s/{number}?zak=1"
    assert (told["join_url"], told["personal"]) == (f"https://zoom.example/w/{number}?tk=0", True)
    assert told["invitation_url"] == PAGE.replace("{call_id}", told["call_id"])
    assert "time zones" in told["hint"]
    assert (registration.meeting_id, registration.account_id) == (number, "our-account")
    assert registration.join_url == told["invitation_url"]
    assert (registration.freelancer_id, registration.client_id) == (FREELANCER, CLIENT)
    assert (registration.freelancer_name, registration.order_id) == ("Ana", "order-17")
    assert registration.conversation_id == "conversation-5"
    assert registration.registered_at == world.clock.now()
    world.check()


def test_everybody_is_registered_under_a_name_and_nobodys_address(world: CallsWorld) -> None:
    """Zoom gets no e-mail address of a person; the log tells which registrant is whom."""
    call_id = world.start(other_participant_name="Dana").get_json()["call_id"]

    (meeting,) = world.zoom.meetings.made.values()
    (registration,) = world.registered()
    assert [name for name, _ in meeting.registrants.values()] == ["Ana", "Dana"]
    assert all(address.endswith("@marketplace.example") for address in meeting.registrants)
    assert not any(FREELANCER in address or CLIENT in address or call_id in address for address in meeting.registrants)
    assert [registration.freelancer_registrant_id, registration.client_registrant_id] == [
        registrant.registrant_id for _, registrant in meeting.registrants.values()
    ]


def test_names_are_the_roles_where_none_are_given(world: CallsWorld) -> None:
    """Nobody is called by an id."""
    world.start(initiator_name=None)

    (meeting,) = world.zoom.meetings.made.values()
    assert [name for name, _ in meeting.registrants.values()] == ["Freelancer", "Client"]


def test_everybody_has_the_plain_link_where_the_plan_has_no_registration(world: CallsWorld) -> None:
    """Zoom takes the wish, and says by the meeting it makes that it does not do it."""
    world.zoom.meetings.registers = False

    told = world.start().get_json()

    (meeting,) = world.zoom.meetings.made.values()
    (registration,) = world.registered()
    plain = "".join(meeting.meeting.join_url or "")
    assert (told["join_url"], told["personal"], told["invitation_url"]) == (plain, False, plain)
    assert registration.join_url == plain
    assert registration.client_registrant_id is None


def test_registration_is_given_up_when_it_is_refused_late(world: CallsWorld) -> None:
    """The meeting then lets everybody in by the plain link."""
    world.zoom.meetings.refuses_registrants = True

    told = world.start().get_json()

    (meeting,) = world.zoom.meetings.made.values()
    assert not told["personal"]
    assert not meeting.meeting.takes_registrants
    world.check()


def test_a_call_from_the_inbox_needs_no_order(world: CallsWorld) -> None:
    """Its registration has an empty one."""
    answer = world.start(surface="inbox", order=None)

    assert answer.status_code == 201
    assert world.registered()[0].order_id == ""


@pytest.mark.parametrize(
    ("language", "word"), [("de", "Zeitzonen"), ("pt-BR", "fusos"), ("fr", "fuseaux"), ("es", "zonas"), ("ja", "zones")]
)
def test_the_hint_is_in_the_language_of_the_request(world: CallsWorld, language: str, word: str) -> None:
    """English where we have none."""
    assert word in world.start(language=language).get_json()["hint"]


class TestRefusals:
    """Nothing is made, and the document says why."""

    @pytest.mark.parametrize(
        ("changes", "rule", "ways"),
        [
            ({"role": "client"}, "clients_never", ["freelancer_starts"]),
            (
                {"order": {"id": "order-17", "state": "completed"}},
                "order_not_active",
                ["inbox", "active_order_page"],
            ),
            ({"surface": "inbox", "level": "new"}, "level_too_low", ["active_order_page"]),
            (
                {"surface": "inbox", "level": "rising_talent", "service": {"id": "s", "rising_talent": False}},
                "service_without_status",
                ["inbox_status_service", "active_order_page"],
            ),
        ],
    )
    def test_who_may_not_is_told_the_rule_and_what_is_possible(
        self, world: CallsWorld, changes: dict[str, Any], rule: str, ways: list[str]
    ) -> None:
        """403 with the rule, on record; Zoom is not asked."""
        answer = world.start(**changes)

        problem = answer.get_json()
        assert (answer.status_code, problem["type"]) == (403, f"{SLUG}call-not-allowed")
        assert (problem["rule"], [one["way"] for one in problem["possible"]]) == (rule, ways)
        assert all(one["text"] in problem["detail"] for one in problem["possible"])
        assert world.audited() == [(f"user:{FREELANCER}", "call_refused", "conversation-5", rule)]
        assert (world.made(), world.rows()) == ({}, [])

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"order": None}, "order"),
            ({"surface": "inbox", "level": "rising_talent"}, "service"),
            ({"other_participant": FREELANCER}, "other_participant"),
            ({"role": "admin"}, "role"),
            ({"language": "english"}, "language"),
            ({"initiator": ""}, "initiator"),
            ({"nickname": "x"}, "nickname"),
            ({"order": {"id": "order-17"}}, "order"),
        ],
    )
    def test_a_body_that_is_wrong_names_its_fields(
        self, world: CallsWorld, changes: dict[str, Any], field: str
    ) -> None:
        """422; a misspelt field is not taken for a missing one."""
        answer = world.start(**changes)

        assert (answer.status_code, list(answer.get_json()["errors"])) == (422, [field])
        assert world.rows() == []

    @pytest.mark.parametrize("key", [None, "", "two words", "ü", "k" * 129])
    def test_a_key_is_needed(self, world: CallsWorld, key: str | None) -> None:
        """Without one a retry would be a second call."""
        headers = {} if key is None else {"Idempotency-Key": key.encode("utf-8").decode("latin-1")}
        answer = world.client.post("/api/calls", json={}, headers={"Authorization": "Bearer " + world.token, **headers})

        assert (answer.status_code, answer.get_json()["type"]) == (400, f"{SLUG}idempotency-key-missing")

    def test_a_token_without_the_scope_starts_nothing(self, world: CallsWorld) -> None:
        """403, another document than the rules'."""
        token = world.tokens.create("watcher", ["recordings"])

        answer = world.start(token=token)

        assert (answer.status_code, answer.get_json()["type"]) == (403, f"{SLUG}scope-missing")

    @pytest.mark.parametrize("body", [b"[]", b"7", b"{", b'"x"'])
    def test_a_body_that_is_no_object_is_refused(self, world: CallsWorld, body: bytes) -> None:
        """Whatever it is, it is a 4xx."""
        headers = {
            "Authorization": "Bearer " + world.token,
            "Idempotency-Key": "k",
            "Content-Type": "application/json",
        }
        assert world.client.post("/api/calls", data=body, headers=headers).status_code in (400, 422)


class TestTheSameKey:
    """One call, however often it is asked for."""

    def test_it_is_answered_again_with_a_fresh_host_link(self, world: CallsWorld) -> None:
        """200 instead of 201, the same call, nothing made twice."""
        first, again = world.start(), world.start()

        one, other = first.get_json(), again.get_json()
        assert (first.status_code, again.status_code) == (201, 200)
        assert one.pop("host_url") != other.pop("host_url")
        assert one == other
        assert len(world.transport.records[REGISTRATIONS.name]) == 1
        world.check()

    def test_another_body_is_refused(self, world: CallsWorld) -> None:
        """422: the caller has mixed up its keys."""
        world.start()

        answer = world.start(conversation="conversation-6")

        assert (answer.status_code, answer.get_json()["type"]) == (422, f"{SLUG}idempotency-key-reused")
        assert len(world.made()) == 1

    def test_keys_are_each_programs_own(self, world: CallsWorld) -> None:
        """Another program's key of the same text is another call."""
        other = world.tokens.create("mobile", ["calls"])

        calls = {world.start().get_json()["call_id"], world.start(token=other).get_json()["call_id"]}

        assert len(calls) == 2

    def test_a_request_that_is_at_work_is_waited_for(self, world: CallsWorld) -> None:
        """409 with a time; after that the next one takes it over."""
        document = {"any": "thing"}
        world.desk.starts.begin("marketplace", "key-1", "digest", document)
        answer = world.start()  # another digest: the key is taken by another request
        assert answer.status_code == 422

        seen: list[int] = []
        world.step = lambda name: seen.append(world.start("key-2").status_code) if name == "create" else None
        outer = world.start("key-2")

        assert (outer.status_code, seen) == (201, [409])


class TestWhenItCannotBe:
    """Zoom's limits and outages: a clear answer, and nothing half made."""

    @pytest.mark.parametrize(
        ("error", "slug", "wait"),
        [
            (RateLimited("x", retry_after_seconds=2.2), "zoom-busy", "3"),
            (DailyLimitReached("x", retry_after_seconds=7200), "zoom-daily-limit", "7200"),
            (TransientError("Zoom does not answer"), "unavailable", "5"),
        ],
    )
    def test_it_is_put_off(self, world: CallsWorld, error: TransientError, slug: str, wait: str) -> None:
        """503, when to come again, and the same key then starts it."""
        _fail_once(world, "create", error)

        answer = world.start()

        assert (answer.status_code, answer.get_json()["type"]) == (503, SLUG + slug)
        assert answer.headers["Retry-After"] == wait
        assert (world.made(), world.registered()) == ({}, [])
        assert world.start().status_code == 201
        world.check()

    def test_what_zoom_refuses_for_good_is_for_the_operators(self, world: CallsWorld) -> None:
        """502; the host is free again."""
        _fail_once(world, "create", ScopeMissing(400, 4711))

        answer = world.start()

        assert answer.status_code == 502
        assert world.leased() == {}

    def test_another_host_makes_it_when_one_has_used_up_its_day(self, world: CallsWorld) -> None:
        """The limit is a host's own; tomorrow it makes calls again."""
        world.zoom.meetings.used_up = {HOSTS[0]}

        assert world.start().status_code == 201

        assert list(world.leased()) == [HOSTS[1]]
        answer = world.start("key-2")
        assert (answer.status_code, answer.get_json()["type"]) == (503, f"{SLUG}no-host-free")
        world.zoom.meetings.used_up = set()
        world.clock.advance(3601)
        assert world.start("key-2").status_code == 201
        world.check()

    def test_all_hosts_used_up_says_until_when(self, world: CallsWorld) -> None:
        """Nobody waits a minute for midnight."""
        world.zoom.meetings.used_up = set(HOSTS)

        answer = world.start()

        assert answer.get_json()["type"] == f"{SLUG}no-host-free"
        assert answer.headers["Retry-After"] == "3600"

    def test_a_host_has_one_call_at_a_time(self, world: CallsWorld) -> None:
        """The third call of two hosts waits, and begins once a lease has run out."""
        assert [world.start(f"key-{number}").status_code for number in range(3)] == [201, 201, 503]
        assert len(set(world.leased().values())) == 2

        world.clock.advance(24 * 3600)

        assert world.start("key-2").status_code == 201

    def test_no_hosts_at_all_is_no_crash(self, world: CallsWorld) -> None:
        """A pool that nobody has set up."""
        world.hosts = ()
        world.restart()

        assert world.start().get_json()["type"] == f"{SLUG}no-host-free"

    def test_the_answer_comes_without_a_host_link_when_that_cannot_be_had(self, world: CallsWorld) -> None:
        """The call is started all the same: joining gives the link later."""
        _fail_once(world, "start_link", TransientError("no answer"))

        answer = world.start()

        assert (answer.status_code, answer.get_json()["host_url"]) == (201, None)
        world.check()

    def test_a_log_that_does_not_answer_puts_it_off(self, world: CallsWorld) -> None:
        """The meeting is there and waits for the next try, which publishes it."""
        _fail_once(world, "produce", TransientError("the log does not answer"))

        assert world.start().status_code == 503
        assert world.registered() == []
        assert world.start().status_code == 201
        world.check()

    def test_without_credentials_it_says_so(self, world: CallsWorld) -> None:
        """503 that no waiting changes."""
        world.app = _without_calls(world)

        answer = world.app.test_client().post("/api/calls", headers={"Authorization": "Bearer " + world.token})

        assert (answer.status_code, answer.get_json()["type"]) == (503, f"{SLUG}zoom-not-configured")


def test_what_became_of_each_request_is_counted(world: CallsWorld) -> None:
    """By outcome, so that a pool that is too small is seen."""
    for number in (1, 1, 2, 3):
        world.start(f"key-{number}")
    world.start(role="client")
    _fail_once(world, "create", ScopeMissing(400, 4711))
    world.clock.advance(24 * 3600)
    world.start("key-4")

    outcomes = ("started", "repeated", "no-host-free", "call-not-allowed", "refused-behind")
    assert [world.metrics.counted("portal_calls_total", outcome=one) for one in outcomes] == [2, 1, 1, 1, 1]


def test_no_link_is_in_the_database_that_opens_with_the_hosts_rights(world: CallsWorld) -> None:
    """The start link is fetched for each answer and kept nowhere, its giving is on record."""
    call_id = world.start().get_json()["call_id"]

    assert "zak" not in repr(world.rows())
    assert world.audited() == [(f"user:{FREELANCER}", "host_link_given", call_id, "")]


def test_an_address_says_nothing_and_stays_the_same() -> None:
    """So that registering twice is registering once."""
    first = registrant_address("call", Role.CLIENT, "marketplace.example")

    assert first == registrant_address("call", Role.CLIENT, "marketplace.example")
    assert first != registrant_address("call", Role.FREELANCER, "marketplace.example")
    assert len(first.partition("@")[0]) <= 64


def _fail_once(world: CallsWorld, step: str, error: PermanentError | TransientError) -> None:
    def fail(name: str) -> None:
        if name == step:
            world.step = lambda name: None
            raise error

    world.step = fail


def _without_calls(world: CallsWorld) -> Any:
    world.desk_is_open = False
    world.restart()
    return world.app
