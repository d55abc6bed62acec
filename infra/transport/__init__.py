"""The port; adapters (kafka, sqlite) are imported by composition roots through infra.transport.connect."""

from infra.transport.base import Consumer, Producer, Record, TopicPartition, Transport

__all__ = ["Consumer", "Producer", "Record", "TopicPartition", "Transport"]
