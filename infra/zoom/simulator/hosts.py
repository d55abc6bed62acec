"""The simulated account: its users who host, and how they and the account are set up, right or wrong."""

from copy import deepcopy
from dataclasses import dataclass
from hashlib import sha256
from threading import Lock
from typing import Any

from infra.zoom.simulator.web import Answer, Request, json_answer

HOSTS = tuple(f"host-{number}@calls.example" for number in (1, 2, 3))
OWNER = "owner@calls.example"
BASIC, LICENSED = 1, 2  # a user's type

_RIGHT: dict[str, Any] = {
    "recording": {
        "cloud_recording": True,
        "auto_recording": "cloud",
        "host_pause_stop_recording": False,
        "host_delete_cloud_recording": False,
        "local_recording": False,
        "recording_disclaimer": True,
        "ask_participants_to_consent_disclaimer": True,
        "ask_host_to_confirm_disclaimer": False,
        "recording_audio_transcript": True,
        "save_chat_text": True,
        "auto_delete_cmr": True,
        "auto_delete_cmr_days": 30,
    },
    "in_meeting": {"e2e_encryption": False, "chat": True},
    "schedule_meeting": {"use_pmi_for_scheduled_meetings": False, "join_before_host": False},
}
_RIGHT_ACCOUNT: dict[str, Any] = {
    "recording": {
        "account_user_access_recording": True,
        "cloud_recording_download": False,
        "prevent_host_access_recording": True,
    }
}


@dataclass(slots=True)
class SimulatedUser:
    """A user of the account, found by id or e-mail address."""

    user_id: str
    email: str
    settings: dict[str, Any]
    kind: int = LICENSED
    status: str = "active"


class Hosts:
    """Answers what is asked about users, their settings and the account's."""

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._lock = Lock()
        self._users = {email: _user(email) for email in (OWNER, *HOSTS)}
        self._account = deepcopy(_RIGHT_ACCOUNT)

    def user(self, user: str) -> SimulatedUser | None:
        """Return a user by id, e-mail address or `me`, the app's owner."""
        wanted = OWNER if user == "me" else user
        with self._lock:
            return next((one for one in self._users.values() if wanted in (one.user_id, one.email)), None)

    def set(self, user: str | None, name: str, value: object) -> None:
        """Change a setting of a user, or of the account where none is named; None: Zoom does not tell it any more."""
        found = None if user is None else self.user(user)
        section, _, key = name.partition(".")
        with self._lock:
            values = (self._account if found is None else found.settings).setdefault(section, {})
            values[key] = value
            if value is None:
                del values[key]

    def misconfigure(self) -> None:
        """Turn round everything that is set up as it should be, and take a licence away."""
        for user in HOSTS:
            for section, values in _RIGHT.items():
                for key, value in values.items():
                    self.set(user, f"{section}.{key}", _other(value))
        for section, values in _RIGHT_ACCOUNT.items():
            for key, value in values.items():
                self.set(None, f"{section}.{key}", _other(value))
        self._users[HOSTS[-1]].kind = BASIC

    def route(self, request: Request) -> Answer | None:
        """Answer a GET below /v2; None for other paths."""
        if request.method != "GET":
            return None
        match request.segments[1:]:
            case ["users", user]:
                return self._told(user, self._user)
            case ["users", user, "settings"]:
                return self._told(user, lambda found: deepcopy(found.settings))
            case ["accounts", "me", "settings"]:
                return json_answer(200, self._account)
        return None

    def _told(self, user: str, tell: Any) -> Answer:
        found = self.user(user)
        return no_user(user) if found is None else json_answer(200, tell(found))

    def _user(self, user: SimulatedUser) -> dict[str, Any]:
        return {
            "id": user.user_id,
            "first_name": "Call",
            "last_name": "Host",
            "email": user.email,
            "type": user.kind,
            "status": user.status,
            "account_id": self._account_id,
            "pmi": 4_155_550_100,
        }


def no_user(user: str) -> Answer:
    """Refuse a user that is not there, as Zoom does."""
    return json_answer(404, {"code": 1001, "message": f"User does not exist: {user}."})


def _user(email: str) -> SimulatedUser:
    user_id = "SimUser_" + sha256(email.encode()).hexdigest()[:14]
    return SimulatedUser(user_id, email, deepcopy(_RIGHT))


def _other(value: object) -> object:
    return {"cloud": "none", 30: 0}.get(value, not value)
