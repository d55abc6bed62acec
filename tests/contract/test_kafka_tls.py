"""Kafka over TLS with SASL, by settings alone, against a real broker: what works, and how it says what does not."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.clock import SystemClock
from infra.errors import ConfigurationError, PipelineError, TransientError
from infra.local.kafka_broker import ADMIN, KafkaBroker
from infra.settings import transport_settings
from infra.transport import Transport
from infra.transport.connect import connect
from schemas.topics import CALL_EVENTS
from tests.certificates import Authority
from tests.conftest import missing

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.xdist_group("kafka-tls"),
    pytest.mark.filterwarnings("ignore:unclosed <ssl.SSLSocket:ResourceWarning"),
]
CLOCK = SystemClock()
PASSWORD = "correct-horse"
WAIT_SECONDS = 30.0  # a deadline, not a wait


@pytest.fixture(autouse=True)
def _failed_handshakes() -> Iterator[None]:
    """kafka-python 3.0.12 drops the socket of a handshake that failed: it is gone before other tests look."""
    yield
    gc.collect()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def broker(authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaBroker]:
    """A broker that takes SASL over TLS alone."""
    users = {ADMIN: PASSWORD}
    started = KafkaBroker(tmp_path_factory.mktemp("kafka"), CLOCK, users, authority.issue("127.0.0.1"))
    try:
        started.start()
    except ConfigurationError as error:
        missing(str(error))
    yield started
    started.stop()


def opened(broker: KafkaBroker, authority: Authority, **more: str) -> Transport:
    """The log as a program opens it from its environment; `more` replaces settings."""
    environ = {
        "TRANSPORT_URL": f"kafka://{broker.bootstrap_servers}",
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "KAFKA_SASL_USERNAME": ADMIN,
        "KAFKA_SASL_PASSWORD": PASSWORD,
        "KAFKA_CA_FILE": str(authority.certificate),
    }
    return connect(transport_settings({**environ, **more}), CLOCK)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_records_go_through_when_all_is_right(broker: KafkaBroker, authority: Authority, mechanism: str) -> None:
    """Written, read by a group, and committed: every client of ours speaks TLS and SASL."""
    transport = opened(broker, authority, KAFKA_SASL_MECHANISM=mechanism)
    transport.create_topics([CALL_EVENTS])
    written(transport, mechanism.encode())
    consumer = transport.consumer(f"group-{mechanism}", [CALL_EVENTS.name])
    deadline = CLOCK.monotonic() + WAIT_SECONDS

    values: list[bytes] = []
    while mechanism.encode() not in values and CLOCK.monotonic() < deadline:
        records = consumer.poll(0.5)
        values += [record.value for record in records]
        consumer.commit({record.place: record.offset + 1 for record in records})
    consumer.close()
    transport.close()

    assert mechanism.encode() in values, "the record did not come back in time"


def written(transport: Transport, value: bytes) -> None:
    """Write one record; a topic that was just made may have no leader yet."""
    producer = transport.producer()
    deadline = CLOCK.monotonic() + WAIT_SECONDS
    try:
        while True:
            try:
                producer.produce(CALL_EVENTS.name, key=b"k", headers=(), value=value, timeout_seconds=10)
                return
            except TransientError:
                if CLOCK.monotonic() > deadline:
                    raise
                CLOCK.sleep(0.2)
    finally:
        producer.close()


def test_a_certificate_of_another_authority_is_refused(
    broker: KafkaBroker, authority: Authority, tmp_path: Path
) -> None:
    """In one sentence that names the setting, instead of a time-out."""
    transport = opened(broker, Authority(tmp_path))

    with pytest.raises(ConfigurationError, match=r"is not to be trusted .*: is KAFKA_CA_FILE its authority's\?$"):
        transport.create_topics([CALL_EVENTS])
    assert isinstance(failure_of_writing(transport), TransientError)


def test_a_certificate_for_another_host_is_refused(broker: KafkaBroker, authority: Authority) -> None:
    """The name is verified too: the certificate is for 127.0.0.1."""
    port = broker.bootstrap_servers.rpartition(":")[2]
    transport = opened(broker, authority, TRANSPORT_URL=f"kafka://localhost:{port}")

    with pytest.raises(ConfigurationError, match="not valid for 'localhost'"):
        transport.topics()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_a_wrong_password_is_refused(broker: KafkaBroker, authority: Authority, mechanism: str) -> None:
    """At the start, without the password and without trying for ever; a writer that waits for nobody can try again."""
    transport = opened(broker, authority, KAFKA_SASL_MECHANISM=mechanism, KAFKA_SASL_PASSWORD="battery-staple")
    began = CLOCK.monotonic()

    with pytest.raises(ConfigurationError, match="refuses KAFKA_SASL_USERNAME with KAFKA_SASL_PASSWORD") as caught:
        transport.consumer("group", [CALL_EVENTS.name])

    assert CLOCK.monotonic() - began < WAIT_SECONDS
    assert "battery" not in str(caught.value)
    assert isinstance(failure_of_writing(transport), TransientError)


def failure_of_writing(transport: Transport) -> PipelineError:
    producer = transport.producer()
    try:
        with pytest.raises(PipelineError) as caught:
            producer.produce(CALL_EVENTS.name, key=None, headers=(), value=b"", timeout_seconds=1)
        return caught.value
    finally:
        producer.close()


def test_plaintext_is_refused_by_the_broker(broker: KafkaBroker, authority: Authority) -> None:
    """Nothing is sent in the clear by mistake: it just does not connect."""
    environ = {"TRANSPORT_URL": f"kafka://{broker.bootstrap_servers}"}

    with pytest.raises(TransientError):
        connect(transport_settings(environ), CLOCK).topics()


@pytest.mark.parametrize("content", [None, "not PEM"])
def test_an_authority_that_cannot_be_read_is_told(
    broker: KafkaBroker, authority: Authority, tmp_path: Path, content: str | None
) -> None:
    """By the setting's name, before anything is connected."""
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(
        ConfigurationError, match=r"^KAFKA_CA_FILE .*ca\.pem (cannot be read|holds no certificates in PEM)"
    ):
        opened(broker, authority, KAFKA_CA_FILE=str(path))
