"""What happens to a record that cannot be decoded or decided: its original bytes, with the reason as headers."""

import hashlib
import traceback

from infra.transport import Producer, Record
from schemas.errors import InvalidEvent
from schemas.topics import dead_letter

_TIMEOUT_SECONDS = 10.0  # nothing waits for a dead letter but its own partition
_MAX_REASON_CHARACTERS = 500


class DeadLetters:
    """The dead-letter topics of one consumer group."""

    def __init__(self, producer: Producer, group: str) -> None:
        self._producer = producer
        self._group = group

    def put(self, record: Record, error: Exception) -> None:
        """Write the record beside its topic, durably.

        Raises:
            TransientError: the log does not take it; nothing may be committed yet.
        """
        headers = {
            "dead_letter_reason": reason_of(error),
            "dead_letter_error": digest_of(error),
            "dead_letter_topic": record.topic,
            "dead_letter_partition": str(record.partition),
            "dead_letter_offset": str(record.offset),
            "dead_letter_group": self._group,
        }
        self._producer.produce(
            dead_letter(record.topic, self._group).name,
            key=record.key,
            headers=(*record.headers, *((name, text.encode()) for name, text in headers.items())),
            value=record.value,
            timeout_seconds=_TIMEOUT_SECONDS,
        )


def reason_of(error: Exception) -> str:
    """Return a reason fit for a header or a log. A bug's message may quote a record's values, so only its place is told."""
    if isinstance(error, InvalidEvent):
        return str(error)[:_MAX_REASON_CHARACTERS]
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name} line {frames[-1].lineno}" if frames else "an unknown place"
    return f"{type(error).__name__} in {place}"


def digest_of(error: Exception) -> str:
    """Return 12 hex digits that are equal for failures at the same place: what dead letters are grouped by."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [type(error).__name__, *(f"{frame.name}:{frame.lineno}" for frame in frames)]
    return hashlib.sha256("\n".join(places).encode()).hexdigest()[:12]
