"""Who hosts, and how they and the account are set up: questions only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from infra.errors import PermanentError
from infra.zoom.calls import Calls
from infra.zoom.paths import quoted

LICENSED = 2  # Zoom's `type` of a user; 1 is basic: meetings end after 40 minutes, and nothing is recorded in the cloud


@dataclass(frozen=True, slots=True)
class ZoomUser:
    """A user of the account. `account_id` is told for the app's owner."""

    user_id: str
    account_id: str | None
    is_licensed: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class ZoomSettings:
    """Settings as Zoom tells them, by a dotted name such as `recording.auto_recording`."""

    values: Mapping[str, Any] = field(repr=False)

    def get(self, name: str) -> Any:
        """Return a setting; None where Zoom does not tell it."""
        found: Any = self.values
        for part in name.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


class ZoomAccount:
    """Our account. Raises as ZoomClient does; safe to share between threads."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def scopes(self) -> frozenset[str]:
        """Return what the app may do; empty where Zoom does not tell."""
        return self._calls.scopes()

    def owner(self) -> ZoomUser:
        """Return the user that the app belongs to, with the account's id."""
        return _user(self._got("/users/me"))

    def user(self, user: str) -> ZoomUser:
        """Return a user by id or e-mail address.

        Raises:
            UserNotFound: there is none on this account.
        """
        return _user(self._got(f"/users/{quoted(user)}"))

    def user_settings(self, user: str) -> ZoomSettings:
        """Return how a user is set up. Raises as `user`."""
        return ZoomSettings(self._got(f"/users/{quoted(user)}/settings"))

    def settings(self) -> ZoomSettings:
        """Return how the account is set up."""
        return ZoomSettings(self._got("/accounts/me/settings"))

    def _got(self, path: str) -> Mapping[str, Any]:
        body = self._calls.get(path, "medium" if path.endswith("/settings") else "light")
        if body is None:
            raise PermanentError("Zoom's answer is not one we can read: nothing of it is there")
        return body


def _user(body: Mapping[str, Any]) -> ZoomUser:
    user_id = body.get("id")
    if not isinstance(user_id, str) or not user_id:
        raise PermanentError("Zoom's answer is not a user we can read")
    account_id = body.get("account_id")
    return ZoomUser(
        user_id=user_id,
        account_id=account_id if isinstance(account_id, str) else None,
        is_licensed=body.get("type") == LICENSED,
        is_active=body.get("status", "active") == "active",
    )
