"""What can be wrong with a message.

PipelineError            the root of every error this product raises on purpose
├── InvalidEvent         the message itself is wrong; trying again cannot help
├── infra.errors.TransientError
└── infra.errors.PermanentError
"""


class PipelineError(Exception):
    """An error raised on purpose. Its text is fit for a log: it never quotes a message's values."""


class InvalidEvent(PipelineError):
    """The message is not what its type promises. It goes to a dead-letter topic or the quarantine."""
