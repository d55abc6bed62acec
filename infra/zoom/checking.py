"""Is Zoom set up as the promises need it? One line each; reads only."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from infra.zoom.account import ZoomSettings, ZoomUser
from infra.zoom.errors import UserNotFound, ZoomRefused
from infra.zoom.wanted import OF_ACCOUNT, OF_HOSTS, SCOPES, SCOPES_PAGE, TICKS, WantedScope, WantedSetting

Verdict = Literal["ok", "wrong", "look"]


class Account(Protocol):
    """What is asked; infra.zoom.account.ZoomAccount answers."""

    def scopes(self) -> frozenset[str]: ...
    def owner(self) -> ZoomUser: ...
    def user(self, user: str) -> ZoomUser: ...
    def user_settings(self, user: str) -> ZoomSettings: ...
    def settings(self) -> ZoomSettings: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at. `look`: Zoom's API does not tell it, so a person has to."""

    verdict: Verdict
    subject: str
    text: str
    why: str = ""
    where: str = ""


def check(account: Account, *, hosts: Sequence[str], accounts: frozenset[str], oauth_account: str) -> Iterator[Line]:
    """Yield what was found, in the order in which one sets it up.

    Raises:
        TransientError: Zoom does not answer, or asks us to wait.
        PermanentError: Zoom refuses the credentials.
    """
    scopes = account.scopes()
    yield Line("ok", "app", "the credentials are right")
    yield from _scopes(scopes)
    yield from _account(account, accounts, oauth_account)
    if not hosts:
        yield Line(
            "wrong",
            "hosts",
            "there are none",
            "every call needs a licensed user to host it",
            "ZOOM_HOST_USERS: ids or e-mail addresses, comma separated",
        )
    for host in hosts:
        yield from _host(account, host)
    for tick in TICKS:
        yield Line("look", "by hand", tick.text, tick.why, tick.where)


def _scopes(given: frozenset[str]) -> Iterator[Line]:
    for scope in SCOPES:
        if not given:
            yield Line("look", "scope", f"{scope.name}: Zoom does not say which there are", scope.why, SCOPES_PAGE)
        elif _has(given, scope):
            yield Line("ok", "scope", scope.name)
        else:
            yield Line("wrong", "scope", f"{scope.name} is missing", scope.why, SCOPES_PAGE)


def _has(given: frozenset[str], scope: WantedScope) -> bool:
    return scope.name in given or any(name in given for name in scope.classic)


def _account(account: Account, accounts: frozenset[str], oauth_account: str) -> Iterator[Line]:
    try:
        found = account.owner().account_id
    except ZoomRefused as refused:
        yield _refused("account", "the app's owner", refused)
    else:
        yield _ours(found, accounts, oauth_account)
    try:
        settings = account.settings()
    except ZoomRefused as refused:
        yield _refused("account", "its settings", refused)
    else:
        yield from (_setting("account", settings, wanted) for wanted in OF_ACCOUNT)


def _ours(found: str | None, accounts: frozenset[str], oauth_account: str) -> Line:
    why = "events of other accounts go to the quarantine, and calls would be hosted elsewhere"
    if found is not None and found != oauth_account:
        return Line("wrong", "account", f"the app is of account {found}", why, "ZOOM_OAUTH_ACCOUNT_ID")
    if not accounts:
        return Line("wrong", "account", "any account's events are taken", why, f"ZOOM_ACCOUNT_IDS={oauth_account}")
    if oauth_account not in accounts:
        text = "its own events go to the quarantine"
        return Line("wrong", "account", text, why, f"ZOOM_ACCOUNT_IDS: add {oauth_account}")
    return Line("ok", "account", "it is ours")


def _host(account: Account, host: str) -> Iterator[Line]:
    try:
        yield from _licence(host, account.user(host))
        settings = account.user_settings(host)
    except UserNotFound:
        why = "no call can be hosted by it"
        yield Line("wrong", host, "there is no such user on the account", why, "ZOOM_HOST_USERS")
    except ZoomRefused as refused:
        yield _refused(host, "its settings", refused)
    else:
        yield from (_setting(host, settings, wanted) for wanted in OF_HOSTS)


def _licence(host: str, user: ZoomUser) -> Iterator[Line]:
    where = "Zoom's web portal, User Management, Users"
    if not user.is_active:
        yield Line("wrong", host, "the user is not active", "nobody can start a meeting as it", where)
    elif user.is_licensed:
        yield Line("ok", host, "it has a licence")
    else:
        why = "without one a meeting ends after 40 minutes, and nothing is recorded in the cloud"
        yield Line("wrong", host, "it has no licence", why, where)


def _setting(subject: str, settings: ZoomSettings, wanted: WantedSetting) -> Line:
    found = settings.get(wanted.name)
    if found is None:
        return Line("look", subject, f"{wanted.means}: Zoom does not tell {wanted.name}", wanted.why, wanted.where)
    if found == wanted.wanted:
        return Line("ok", subject, wanted.means)
    text = f"{wanted.name} is {_word(found)}, must be {_word(wanted.wanted)}"
    return Line("wrong", subject, text, wanted.why, wanted.where)


def _word(value: object) -> str:
    return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)


def _refused(subject: str, what: str, refused: ZoomRefused) -> Line:
    return Line("wrong", subject, f"{what} cannot be read: {refused}", "it cannot be checked", SCOPES_PAGE)
