"""What Zoom can refuse, by what the caller should do. Texts hold Zoom's status and code, and what helps; nothing Zoom wrote.

infra.errors
├── TransientError
│   ├── RateLimited             429: this second's calls are used up; `retry_after_seconds` when Zoom said it
│   │   └── DailyLimitReached   429: today's are; Zoom counts anew at midnight UTC
│   │       └── OwnLimitReached    429: those of one host or one person are; other calls may go on
│   │           ├── HostLimitReached        its 100 meetings of today, made and changed together
│   │           └── RegistrantLimitReached  three times for one meeting
│   └── RecordingUnfinished     3303: the meeting or its recording is still going on
└── PermanentError
    └── ZoomRefused             any other code or status; `status` and `code` tell which
        ├── InvalidAccessToken  124: a fresh token was refused too
        ├── ScopeMissing        4700, 4711: the app lacks a scope
        ├── UserNotFound        1001, 1010: no such user, or of another account
        ├── MeetingNotFound     3001
        ├── RegistrationOff     404, 3027: the meeting takes no registrants, or the plan knows none
        ├── RecordingNotFound   3301: none, or still being processed
        ├── TooLongAgo          12702: REST forgets meetings after a year
        └── RequestInvalid      300: a value is not as Zoom wants it
"""

from typing import ClassVar

from infra.errors import PermanentError, TransientError

PER_SECOND_WAIT_SECONDS = 1.0  # the limit's window, where Zoom names no other wait


class RateLimited(TransientError):
    """Too many calls in this second, or two writes to one thing at once."""


class DailyLimitReached(RateLimited):
    """Too many calls today."""


class OwnLimitReached(DailyLimitReached):
    """Too many calls today about one host or one person; Zoom counts these apart, so other calls may go on."""


class HostLimitReached(OwnLimitReached):
    """One host user has made or changed 100 meetings today; another one may have some left."""


class RegistrantLimitReached(OwnLimitReached):
    """One person was registered for one meeting three times today."""


class RecordingUnfinished(TransientError):
    """What is asked for can be done once the meeting has ended and its recording is processed."""


class ZoomRefused(PermanentError):
    """Zoom said no. `help_text` completes the sentence with what to do."""

    help_text: ClassVar[str] = "see Zoom's API reference for this code"

    def __init__(self, status: int, code: int | None) -> None:
        said = "no code" if code is None else f"code {code}"
        super().__init__(f"Zoom refused with {status}, {said}: {self.help_text}")
        self.status = status
        self.code = code


class InvalidAccessToken(ZoomRefused):
    """A token that was just fetched is refused."""

    help_text = "check that the Zoom app is activated and belongs to ZOOM_OAUTH_ACCOUNT_ID"


class ScopeMissing(ZoomRefused):
    """The app was not given what this call needs."""

    help_text = "add the scope to the Zoom app (Scopes page), then activate it again"


class UserNotFound(ZoomRefused):
    """The user does not exist, or belongs to another account."""

    help_text = "the user does not exist on ZOOM_OAUTH_ACCOUNT_ID's account"


class MeetingNotFound(ZoomRefused):
    """No such meeting, or it has expired."""

    help_text = "the meeting does not exist or has expired"


class RegistrationOff(ZoomRefused):
    """The meeting takes no registrants."""

    help_text = "the meeting takes no registrants: its host's plan, or its settings, do not allow it"


class RecordingNotFound(ZoomRefused):
    """There is no recording, or not yet."""

    help_text = "there is no recording of this meeting, or it is still being processed"


class TooLongAgo(ZoomRefused):
    """The meeting is older than a year."""

    help_text = "Zoom tells nothing about meetings older than a year"


class RequestInvalid(ZoomRefused):
    """A value that we sent is not as Zoom wants it."""

    help_text = "a value that was sent is not valid: compare it with Zoom's API reference"


BY_CODE: dict[int, type[ZoomRefused]] = {
    124: InvalidAccessToken,
    300: RequestInvalid,
    404: RegistrationOff,
    1001: UserNotFound,
    1010: UserNotFound,
    3001: MeetingNotFound,
    3027: RegistrationOff,
    3301: RecordingNotFound,
    4700: ScopeMissing,
    4711: ScopeMissing,
    12702: TooLongAgo,
}
UNFINISHED = 3303


def refusal(status: int, code: int | None) -> TransientError | PermanentError:
    """Return the error for an answer that is neither a success, a 5xx nor a 429."""
    if code == UNFINISHED:
        return RecordingUnfinished(f"Zoom refused with {status}, code {code}: the recording is not finished; try later")
    kind = InvalidAccessToken if (status, code) == (401, None) else BY_CODE.get(code or 0, ZoomRefused)
    return kind(status, code)
