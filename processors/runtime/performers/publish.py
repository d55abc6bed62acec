"""Write an event to a topic."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from infra.transport import Producer
from processors.commands import PublishEvent
from schemas.envelope import Envelope

_TIMEOUT_SECONDS = 10.0  # nobody waits for the answer; a failed try is repeated later


class PublishPerformer:
    """Publishes with a stable id, so that a record written twice shows once."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    def perform(self, command: PublishEvent) -> Mapping[str, Any]:
        envelope = Envelope(
            id=command.event_id,
            source=command.source,
            type=command.type,
            data=command.data.encode(),
            time=command.occurred_at,
            subject=command.subject,
            dataschema=command.dataschema,
            partitionkey=command.partition_key,
        )
        self._producer.produce(
            command.topic,
            key=envelope.key,
            headers=envelope.headers(),
            value=envelope.data,
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        return {}

    def record(self, connection: Connection, command: PublishEvent, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""
