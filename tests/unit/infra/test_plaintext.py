"""Connections that others could read on their way are refused, and Kafka's settings fit each other."""

import pytest

from infra.errors import ConfigurationError
from infra.settings import database_url, processor_settings, provision_settings, transport_settings

SASL = {
    "KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "KAFKA_SASL_USERNAME": "call_events",
    "KAFKA_SASL_PASSWORD": "do-not-show-me",
}
BUCKET = {"TRANSPORT_URL": "sqlite:///log.db", "ARCHIVE_BUCKET": "recordings"}


@pytest.mark.parametrize("hosts", ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.1:1,127.9.9.9:2"])
def test_kafka_on_this_machine_needs_no_tls(hosts: str) -> None:
    """Loopback addresses, however many."""
    assert transport_settings({"TRANSPORT_URL": f"kafka://{hosts}"}).security_protocol == "PLAINTEXT"


@pytest.mark.parametrize(
    "hosts", ["kafka.internal:9092", "127.0.0.1:1,10.0.0.7:2", "[2001:db8::1]:9092", "127.example:1"]
)
@pytest.mark.parametrize("more", [{}, {**SASL, "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}])
def test_kafka_elsewhere_is_refused_without_tls(hosts: str, more: dict[str, str]) -> None:
    """One host of many is enough; the sentence says what to do, and does it."""
    environ = {"TRANSPORT_URL": f"kafka://{hosts}", **more}

    with pytest.raises(ConfigurationError, match=r"^TRANSPORT_URL leads off .* or ALLOW_PLAINTEXT=kafka$"):
        transport_settings(environ)
    assert transport_settings({**environ, "ALLOW_PLAINTEXT": "s3, kafka"}).url == f"kafka://{hosts}"


@pytest.mark.parametrize("protocol", ["SSL", "SASL_SSL", "sasl_ssl"])
def test_kafka_elsewhere_is_taken_with_tls(protocol: str) -> None:
    """In capitals or not."""
    sasl = SASL if "SASL" in protocol.upper() else {}
    environ = {"TRANSPORT_URL": "kafka://kafka.internal:9093", "KAFKA_SECURITY_PROTOCOL": protocol, **sasl}

    assert transport_settings(environ).security_protocol == protocol.upper()


def test_every_problem_with_kafkas_settings_is_said_at_once() -> None:
    """What is missing for SASL, by name; no value is quoted."""
    environ = {"TRANSPORT_URL": "kafka://kafka.internal:1", "KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT"}
    environ |= {
        "KAFKA_CA_FILE": "ca.pem",
        "KAFKA_SASL_MECHANISM": "do-not-show-me",
        "ALLOW_PLAINTEXT": "do-not-show-me",
    }

    with pytest.raises(ConfigurationError) as caught:
        transport_settings(environ)

    names = ("TRANSPORT_URL", "KAFKA_CA_FILE", "KAFKA_SASL_MECHANISM", "KAFKA_SASL_USERNAME", "KAFKA_SASL_PASSWORD")
    assert all(name in str(caught.value) for name in (*names, "ALLOW_PLAINTEXT takes kafka, postgresql, s3"))
    assert "do-not-show-me" not in str(caught.value)


@pytest.mark.parametrize("name", SASL)
def test_what_the_protocol_does_not_use_is_a_problem(name: str) -> None:
    """A password that is set and never sent means that the protocol is forgotten."""
    with pytest.raises(ConfigurationError, match=f"^{name} is set, but KAFKA_SECURITY_PROTOCOL=PLAINTEXT has no SASL$"):
        transport_settings({"TRANSPORT_URL": "kafka://127.0.0.1:1", name: SASL[name]})


def test_a_protocol_that_kafka_does_not_know_is_a_problem() -> None:
    """Kafka's own names alone: TLS is SSL there."""
    environ = {"TRANSPORT_URL": "kafka://127.0.0.1:1", "KAFKA_SECURITY_PROTOCOL": "TLS"}

    with pytest.raises(ConfigurationError, match=r"^KAFKA_SECURITY_PROTOCOL is not PLAINTEXT, SSL, .* or SASL_SSL$"):
        transport_settings(environ)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p@127.0.0.1:5432/name",
        "postgresql://localhost/name",
        "postgresql:///name?host=/var/run/postgresql",
        "postgresql://[::1]/name",
        "postgresql://db.internal/name?sslmode=verify-full&sslrootcert=/etc/ca.pem",
        "postgresql+psycopg://db.internal/name?sslmode=require",
    ],
)
def test_postgresql_is_taken_here_or_with_tls(url: str) -> None:
    """Loopback, a Unix socket, or a mode that never falls back."""
    assert database_url({"DATABASE_URL": url}) == url


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:p@db.internal/name",
        "postgresql://db.internal/name?sslmode=prefer",
        "postgresql:///name?host=/run/postgresql&host=10.0.0.7:5432",
        "postgresql://localhost/name?hostaddr=10.0.0.7",
        "postgresql://localhost,db.internal/name",
    ],
)
def test_postgresql_elsewhere_is_refused_without_tls(url: str) -> None:
    """A mode that may fall back to plaintext is as good as none."""
    with pytest.raises(
        ConfigurationError, match=r"^DATABASE_URL leads off .*verify-full.* or ALLOW_PLAINTEXT=postgresql$"
    ):
        database_url({"DATABASE_URL": url})
    assert database_url({"DATABASE_URL": url, "ALLOW_PLAINTEXT": "postgresql"}) == url


def test_a_database_url_that_is_none_is_a_problem() -> None:
    """Without quoting it."""
    with pytest.raises(ConfigurationError, match=r"^DATABASE_URL is not a URL$"):
        database_url({"DATABASE_URL": "postgresql://[half/name"})


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"])
def test_s3_elsewhere_is_refused_without_tls(name: str) -> None:
    """Loopback and https are taken, and AWS itself."""
    refused = {**BUCKET, name: "http://minio.internal:9000"}

    with pytest.raises(ConfigurationError, match=f"^{name} leads off .* or ALLOW_PLAINTEXT=s3$"):
        provision_settings(refused)
    for fine in ({name: "http://127.0.0.1:9000"}, {name: "https://minio.internal"}, {}):
        provision_settings({**BUCKET, **fine})
    provision_settings({**refused, "ALLOW_PLAINTEXT": "s3"})


def test_everything_in_plaintext_is_said_at_once() -> None:
    """All three kinds, and one setting allows them."""
    environ = {
        "TRANSPORT_URL": "kafka://kafka.internal:9092",
        "DATABASE_URL": "postgresql://db.internal/calls",
        "ARCHIVE_BUCKET": "recordings",
        "AWS_ENDPOINT_URL_S3": "http://minio.internal:9000",
        "CALL_PAGE_URL": "https://marketplace.example/calls/{call_id}",
    }

    with pytest.raises(ConfigurationError) as caught:
        processor_settings(environ)

    assert str(caught.value).count("leads off this machine without TLS") == 3
    processor_settings({**environ, "ALLOW_PLAINTEXT": "kafka,postgresql,s3"})
