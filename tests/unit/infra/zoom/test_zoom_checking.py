"""Whether Zoom is set up as the promises need it: one line each, right and wrong."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.zoom.account import ZoomSettings, ZoomUser
from infra.zoom.checking import Line, check
from infra.zoom.errors import ScopeMissing, UserNotFound
from infra.zoom.wanted import OF_ACCOUNT, OF_HOSTS, SCOPES, TICKS, WantedScope, WantedSetting

OURS = "our-account"


def _settings(*all_of_them: WantedSetting, **other: object) -> dict[str, Any]:
    values: dict[str, dict[str, object]] = {}
    for wanted in all_of_them:
        section, _, key = wanted.name.partition(".")
        values.setdefault(section, {})[key] = other.get(key, wanted.wanted)
    return values


@dataclass
class FakeAccount:
    """An account that is set up right, but for what a test changes."""

    given: frozenset[str] = frozenset(scope.name for scope in SCOPES)
    account_id: str = OURS
    users: dict[str, ZoomUser] = field(default_factory=lambda: {"ana": ZoomUser("u1", None, True, True)})
    of_hosts: Mapping[str, Any] = field(default_factory=lambda: _settings(*OF_HOSTS))
    of_account: Mapping[str, Any] = field(default_factory=lambda: _settings(*OF_ACCOUNT))
    is_open: bool = True

    def scopes(self) -> frozenset[str]:
        return self.given

    def owner(self) -> ZoomUser:
        return ZoomUser("owner", self.account_id, True, True)

    def user(self, user: str) -> ZoomUser:
        if user not in self.users:
            raise UserNotFound(404, 1001)
        return self.users[user]

    def user_settings(self, user: str) -> ZoomSettings:
        if not self.is_open:
            raise ScopeMissing(400, 4711)
        return ZoomSettings(self.of_hosts)

    def settings(self) -> ZoomSettings:
        if not self.is_open:
            raise ScopeMissing(400, 4711)
        return ZoomSettings(self.of_account)


def _check(account: FakeAccount, hosts: tuple[str, ...] = ("ana",), accounts: tuple[str, ...] = (OURS,)) -> list[Line]:
    return list(check(account, hosts=hosts, accounts=frozenset(accounts), oauth_account=OURS))


def _not_ok(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.verdict != "ok" and line.subject != "by hand"]


def test_everything_is_ok_when_it_is_set_up_right() -> None:
    """Every wanted thing has a line; what the API does not tell is left to a person, with reason and place."""
    lines = _check(FakeAccount())

    by_hand = [line for line in lines if line.verdict == "look"]
    assert _not_ok(lines) == []
    assert len(lines) == len(SCOPES) + len(OF_ACCOUNT) + len(OF_HOSTS) + len(TICKS) + 3  # credentials, account, licence
    assert [line.text for line in by_hand] == [tick.text for tick in TICKS]
    assert all(line.why and line.where for line in by_hand)


@pytest.mark.parametrize("wanted", OF_HOSTS + OF_ACCOUNT, ids=lambda wanted: wanted.name)
def test_a_setting_that_is_wrong_says_why_it_matters_and_where_to_change_it(wanted: WantedSetting) -> None:
    """One line, of the host or of the account, with Zoom's own name of the setting."""
    key = wanted.name.partition(".")[2]
    wrong = {key: "none" if wanted.wanted == "cloud" else not wanted.wanted}
    account = FakeAccount(of_hosts=_settings(*OF_HOSTS, **wrong), of_account=_settings(*OF_ACCOUNT, **wrong))

    (line,) = _not_ok(_check(account))

    assert line.verdict == "wrong"
    assert line.subject == ("ana" if wanted in OF_HOSTS else "account")
    assert wanted.name in line.text
    assert (line.why, line.where) == (wanted.why, wanted.where)


def test_a_setting_that_zoom_does_not_tell_is_for_a_person() -> None:
    """It is neither right nor wrong."""
    lines = _not_ok(_check(FakeAccount(of_account={})))

    assert [line.verdict for line in lines] == ["look"] * len(OF_ACCOUNT)


@pytest.mark.parametrize("scope", SCOPES, ids=lambda scope: scope.name)
def test_a_scope_that_is_missing_is_named(scope: WantedScope) -> None:
    """The line says what does not work without it, and where to add it."""
    account = FakeAccount(given=frozenset(one.name for one in SCOPES) - {scope.name})

    (line,) = _not_ok(_check(account))

    assert (line.verdict, line.text, line.why) == ("wrong", f"{scope.name} is missing", scope.why)


def test_the_older_wider_scopes_do_as_well() -> None:
    """An app of before 2024 keeps its classic scopes."""
    classic = {"meeting:write:admin", "recording:write:admin", "user:read:admin", "account:read:admin"}
    classic.add("marketplace_app:read:admin")

    assert _not_ok(_check(FakeAccount(given=frozenset(classic)))) == []


def test_scopes_are_for_a_person_when_zoom_tells_none() -> None:
    """A token without a list of scopes proves nothing."""
    assert {line.verdict for line in _not_ok(_check(FakeAccount(given=frozenset())))} == {"look"}


@pytest.mark.parametrize(
    ("account_id", "accounts", "remedy"),
    [
        ("another", (OURS,), "ZOOM_OAUTH_ACCOUNT_ID"),
        (OURS, (), f"ZOOM_ACCOUNT_IDS={OURS}"),
        (OURS, ("another",), f"ZOOM_ACCOUNT_IDS: add {OURS}"),
    ],
)
def test_an_account_that_is_not_ours_is_wrong(account_id: str, accounts: tuple[str, ...], remedy: str) -> None:
    """The place names the setting."""
    (line,) = _not_ok(_check(FakeAccount(account_id=account_id), accounts=accounts))

    assert (line.verdict, line.subject, line.where) == ("wrong", "account", remedy)


@pytest.mark.parametrize(
    ("hosts", "user", "text"),
    [
        ((), None, "there are none"),
        (("nobody",), None, "no such user"),
        (("ana",), ZoomUser("u1", None, is_licensed=False, is_active=True), "no licence"),
        (("ana",), ZoomUser("u1", None, is_licensed=True, is_active=False), "not active"),
    ],
)
def test_a_host_that_cannot_host_is_wrong(hosts: tuple[str, ...], user: ZoomUser | None, text: str) -> None:
    """Missing, unknown, unlicensed, inactive."""
    (line,) = _not_ok(_check(FakeAccount(users={} if user is None else {"ana": user}), hosts))

    assert line.verdict == "wrong"
    assert text in line.text


def test_settings_that_may_not_be_read_are_one_line_each() -> None:
    """The check goes on with what it may read."""
    lines = _not_ok(_check(FakeAccount(is_open=False)))

    assert [(line.verdict, line.subject) for line in lines] == [("wrong", "account"), ("wrong", "ana")]
    assert all("scope" in line.text for line in lines)
