"""The real parts that contract suites run against."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.errors import ConfigurationError
from infra.local.kafka_broker import KafkaBroker
from tests.conftest import missing
from tests.contract.homeserver import Homeserver, running_homeserver


@pytest.fixture(scope="session")
def kafka_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Kafka cluster: the one that KAFKA_BOOTSTRAP_SERVERS names, else a broker of our own."""
    given = os.environ.get("KAFKA_BOOTSTRAP_SERVERS")
    if given:
        yield given
        return
    broker = started_broker(tmp_path_factory.mktemp("kafka"))
    yield broker.bootstrap_servers
    broker.stop()


@pytest.fixture(scope="session")
def homeserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Homeserver]:
    """A real Matrix homeserver (Synapse), one for all tests of a process; skipped where it is not installed."""
    with running_homeserver(tmp_path_factory.mktemp("matrix")) as homeserver:
        yield homeserver


def started_broker(folder: Path) -> KafkaBroker:
    """Start a broker, or skip the test saying what it needs."""
    broker = KafkaBroker(folder, SystemClock())
    try:
        broker.start()
    except ConfigurationError as error:
        missing(str(error))
    return broker
