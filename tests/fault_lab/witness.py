"""What can be seen from outside: records on the topics, messages in the chat, objects in the bucket. No product code reads them.

Topics are read anew from where the last look ended, straight from Kafka, or from the embedded log's file.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import urllib3
from botocore.exceptions import BotoCoreError, ClientError
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

TOPICS = ("zoom.webhooks", "zoom.webhooks.quarantine", "call-events", "flagged-meetings")
OBJECTS = "calls/"  # below it lie the recordings
UNREADABLE = "unreadable"  # in place of a digest
_PLACE_BITS = 40  # the embedded log's rowid: topic above, offset below


@dataclass(frozen=True, slots=True)
class Seen:
    """A record: its CloudEvents attributes without `ce_`, other headers as they are, and its value."""

    attributes: Mapping[str, str]
    value: bytes

    @property
    def id(self) -> str:
        return self.attributes.get("id", "")

    @property
    def type(self) -> str:
        return self.attributes.get("type", "")

    @property
    def data(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.value)
        return found


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the bucket: how many versions its key has, and of the newest one the bytes and the tags."""

    versions: int
    size_bytes: int
    sha256: str
    tags: Mapping[str, str]


@dataclass(slots=True)
class Evidence:
    """Everything that was seen. `chat` holds each conversation's messages, each with all its revisions."""

    topics: Mapping[str, Sequence[Seen]]
    chat: Mapping[str, Sequence[Sequence[Mapping[str, Any]]]]
    objects: Mapping[str, StoredObject]


class LogReader(Protocol):
    """Reads what is new on the topics."""

    def read(self) -> Iterator[tuple[str, Seen]]:
        """Yield each record that was not yielded before, with its topic."""
        ...

    def close(self) -> None:
        """Release the connection."""
        ...


class KafkaReader:
    """Reads from brokers, as any client would that belongs to no group."""

    def __init__(self, servers: str) -> None:
        self._servers = servers.split(",")
        self._consumer: Any = None

    def read(self) -> Iterator[tuple[str, Seen]]:
        consumer = self._consumer or self._connect()
        ends = consumer.end_offsets(list(consumer.assignment()))
        while any(consumer.position(place) < end for place, end in ends.items()):
            for place, records in consumer.poll(timeout_ms=500).items():
                for record in records:
                    yield place.topic, _seen(record.headers, record.value)

    def close(self) -> None:
        if self._consumer is not None:
            self._consumer.close(autocommit=False)

    def _connect(self) -> Any:
        consumer = KafkaConsumer(bootstrap_servers=self._servers, auto_offset_reset="earliest")
        try:
            numbers = {topic: consumer.partitions_for_topic(topic) or () for topic in TOPICS}
            consumer.assign([TopicPartition(topic, number) for topic in TOPICS for number in numbers[topic]])
            consumer.seek_to_beginning()
        except BaseException:
            consumer.close(autocommit=False)
            raise
        self._consumer = consumer
        return consumer


class FileReader:
    """Reads the embedded log's file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._next: dict[str, int] = {}

    def read(self) -> Iterator[tuple[str, Seen]]:
        address = f"file:{quote(str(self._path))}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=10)) as connection:
            ids = dict(connection.execute("SELECT name, id FROM topics").fetchall())
            for topic in TOPICS:
                first = self._next.get(topic, ids[topic] << _PLACE_BITS)
                query = "SELECT place, headers, value FROM records WHERE place >= ? AND place < ? ORDER BY place"
                for place, headers, value in connection.execute(query, (first, (ids[topic] + 1) << _PLACE_BITS)):
                    self._next[topic] = place + 1
                    named = [(name, text.encode("latin-1")) for name, text in json.loads(headers)]
                    yield topic, _seen(named, value)

    def close(self) -> None:
        """Nothing is held between looks."""


@dataclass(slots=True)
class Witness:
    """Looks at everything; `bucket_client` is boto3's own, past every proxy."""

    log: LogReader
    chat_url: str
    bucket: str
    bucket_client: Any
    _records: dict[str, list[Seen]] = field(default_factory=lambda: defaultdict(list))
    _digests: dict[tuple[str, str], str] = field(default_factory=dict)
    _pool: urllib3.PoolManager = field(default_factory=lambda: urllib3.PoolManager(timeout=urllib3.Timeout(total=10)))

    def look(self, conversations: Sequence[str]) -> Evidence | None:
        """Return what is to be seen now; None while a part does not answer, such as a broker that has just come back."""
        try:
            for topic, seen in self.log.read():
                self._records[topic].append(seen)
            chat = {one: list(self._messages(one)) for one in conversations}
            return Evidence({topic: self._records[topic] for topic in TOPICS}, chat, self._objects())
        except (KafkaError, sqlite3.Error, urllib3.exceptions.HTTPError, BotoCoreError, ClientError):
            return None

    def close(self) -> None:
        """Release the connections."""
        self.log.close()
        self._pool.clear()

    def _messages(self, conversation: str) -> Iterator[Sequence[Mapping[str, Any]]]:
        base = f"{self.chat_url}/conversations/{quote(conversation, safe='')}/messages"
        for message in self._get(base)["messages"]:
            yield self._get(f"{base}/{quote(message['external_id'], safe='')}/history")["revisions"]

    def _get(self, url: str) -> Any:
        return self._pool.request("GET", url, retries=False).json()

    def _objects(self) -> dict[str, StoredObject]:
        versions: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        pages = self.bucket_client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=OBJECTS)
        for page in pages:
            for version in page.get("Versions", ()):
                versions[version["Key"]].append(version)
        return {key: self._object(key, found) for key, found in versions.items()}

    def _object(self, key: str, versions: Sequence[Mapping[str, Any]]) -> StoredObject:
        newest = next((one for one in versions if one["IsLatest"]), versions[0])
        try:
            digest = self._digest(key, newest["VersionId"])
            tags = self.bucket_client.get_object_tagging(Bucket=self.bucket, Key=key)["TagSet"]
        except (
            ClientError
        ):  # a server that was just started does not find all it has; at the end of the wait this is harm
            return StoredObject(len(versions), newest["Size"], UNREADABLE, {})
        return StoredObject(len(versions), newest["Size"], digest, {one["Key"]: one["Value"] for one in tags})

    def _digest(self, key: str, version: str) -> str:
        if (key, version) not in self._digests:
            digest = sha256()
            for piece in self.bucket_client.get_object(Bucket=self.bucket, Key=key)["Body"].iter_chunks(1024 * 1024):
                digest.update(piece)
            self._digests[key, version] = digest.hexdigest()
        return self._digests[key, version]


def _seen(headers: Sequence[tuple[str, bytes]], value: bytes) -> Seen:
    return Seen({name.removeprefix("ce_"): text.decode() for name, text in headers}, value)
