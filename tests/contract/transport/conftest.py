"""Each promise is tested over the embedded log and over a real Kafka broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.settings import TransportSettings
from infra.transport import Consumer, Producer, Transport
from infra.transport.connect import connect
from tests.contract.transport.tools import CLOCK, Join, MakeTopic, a_topic


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where the log is."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'log.db'}"
    return f"kafka://{request.getfixturevalue('kafka_servers')}"


@pytest.fixture
def transport(url: str) -> Iterator[Transport]:
    opened = connect(TransportSettings(url), CLOCK)
    yield opened
    opened.close()


@pytest.fixture
def make_topic(transport: Transport) -> MakeTopic:
    """Makes topics of this test alone; the embedded log gives each one partition."""

    def make(partitions: int = 1) -> str:
        topic = a_topic(partitions)
        transport.create_topics([topic])
        return topic.name

    return make


@pytest.fixture
def producer(transport: Transport) -> Iterator[Producer]:
    opened = transport.producer()
    yield opened
    opened.close()


@pytest.fixture
def join(transport: Transport) -> Iterator[Join]:
    """Joins groups, and leaves them in the end."""
    members: list[Consumer] = []

    def join_group(topic: str, group: str = "group") -> Consumer:
        members.append(transport.consumer(f"{group}-{topic}", [topic]))
        return members[-1]

    yield join_group
    for member in members:
        member.close()
