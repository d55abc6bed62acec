"""One AsyncAPI 3 document over all public topics: channels, messages, headers, payloads."""

from typing import Any

from infra.contracts.channels import CHANNELS, headers_schema
from infra.contracts.examples import read_examples
from infra.contracts.json_schema import event_schema
from schemas.events import PUBLIC_EVENTS
from schemas.events.catalogue import VERSION
from schemas.topics import Topic

Json = dict[str, Any]

ASYNCAPI_VERSION = "3.0.0"  # 3.1 adds nothing that we use, and fewer tools read it
KAFKA_BINDING_VERSION = "0.5.0"


def asyncapi_document() -> Json:
    """Return the document; it refers to nothing outside itself."""
    return {
        "asyncapi": ASYNCAPI_VERSION,
        "info": {
            "title": "Zoom call pipeline: public events",
            "version": f"{VERSION}.0.0",
            "description": "CloudEvents 1.0 in the Kafka protocol binding, binary content mode. "
            "What order, doubles, corrections and versions mean: docs/call-events.md and docs/flagged-meetings.md.",
        },
        "defaultContentType": "application/json",
        "channels": {topic.name: _channel(topic, types) for topic, types in CHANNELS},
        "operations": {f"send.{topic.name}": _operation(topic) for topic, _ in CHANNELS},
        "components": {
            "messages": {name: _message(name) for name in PUBLIC_EVENTS},
            "schemas": {name: _payload(name) for name in PUBLIC_EVENTS},
        },
    }


def _channel(topic: Topic, types: tuple[str, ...]) -> Json:
    kafka = {
        "topic": topic.name,
        "partitions": topic.partitions,
        "topicConfiguration": {
            "cleanup.policy": ["delete"],
            "retention.ms": int(topic.retention.total_seconds() * 1000),
            "max.message.bytes": topic.max_record_bytes,
        },
        "bindingVersion": KAFKA_BINDING_VERSION,
    }
    return {
        "address": topic.name,
        "title": topic.name,
        "description": f"{topic.purpose}. Readers: {', '.join(topic.readers)}. Personal data: {topic.personal_data}.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in types},
        "bindings": {"kafka": kafka},
    }


def _operation(topic: Topic) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
        "summary": f"Written by {', '.join(topic.writers)}.",
    }


def _message(event_type: str) -> Json:
    return {
        "name": event_type,
        "title": event_type,
        "summary": event_schema(event_type)["description"],
        "contentType": "application/json",
        "headers": headers_schema(event_type),
        "payload": {"$ref": f"#/components/schemas/{event_type}"},
        "examples": [{"name": case, "payload": data} for case, data in read_examples(event_type).items()],
        "bindings": {"kafka": {"key": {"type": "string"}, "bindingVersion": KAFKA_BINDING_VERSION}},
    }


def _payload(event_type: str) -> Json:
    """The event's schema without what names it as a document of its own; the examples stand with the message."""
    schema = event_schema(event_type)
    return {name: part for name, part in schema.items() if name not in {"$schema", "$id", "examples"}}
