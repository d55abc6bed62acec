"""What the outside world can do to us, by what the caller should do about it.

    schemas.errors.PipelineError
    ├── TransientError      wait, then try again; `retry_after_seconds` when the other side said how long
    ├── PermanentError      trying again cannot help: a dead effect, listed and redrivable
    │   └── ConfigurationError   the operator must change something; ends the program with one sentence
    └── schemas.errors.InvalidEvent
Anything else that is raised is a bug: a dead letter with its traceback, and it counts for the brake.
"""

from schemas.errors import PipelineError


class TransientError(PipelineError):
    """It may work later."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(PipelineError):
    """It will not work as it stands."""


class ConfigurationError(PermanentError):
    """A setting is wrong or missing; the text says which and what to do."""
