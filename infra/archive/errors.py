"""What can come of fetching a recording, by what the caller should do.

infra.errors
├── TransientError
│   ├── TokenRefused    fetch URL and token together from REST, then try again
│   ├── WrongSize       the body was not as long as announced; a later try may bring the whole file
│   └── Interrupted     the connection broke, and going on where it broke was not possible
└── PermanentError
    ├── HostRefused     (infra.hosts) the URL, or a redirect, leads to a host that is not listed; it is named
    ├── LinkRefused     403, 404 or 410: the link may have been replaced; ask REST once, then it is dead
    ├── NotARecording   a 200 without the file: ask REST once, then it is dead
    └── Conflict        the key holds something else, which was left alone
"""

from infra.errors import PermanentError, TransientError


class TokenRefused(TransientError):
    """The download token is expired or refused."""


class WrongSize(TransientError):
    """The body is shorter or longer than Zoom said."""


class Interrupted(TransientError):
    """The body ended before its end."""


class LinkRefused(PermanentError):
    """The host knows the link no more, or will not let us have what it leads to."""


class NotARecording(PermanentError):
    """The answer is a page, or nothing, or of another type than the file it should be."""


class Conflict(PermanentError):
    """Another object has this key."""
