"""Why a Kafka cluster does not let us in.

kafka-python 3.0.12 tries a certificate that it does not trust, and a password that the broker does not take, again until
its time is up, and then says only that.
"""

import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kafka import errors as kafka_errors
from kafka.net import KafkaConnectionManager, NetworkSelector

from infra.errors import ConfigurationError

LOOK_SECONDS = 2.0  # a handshake takes a few ms, a refused password 100
REFUSALS = (
    kafka_errors.SaslAuthenticationFailedError,
    kafka_errors.UnsupportedSaslMechanismError,
    kafka_errors.IllegalSaslStateError,
)


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return how brokers are verified: their certificate, by this authority or the system's, and their host name.

    Raises:
        ConfigurationError: the authority's file cannot be read, or holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file)
    except ssl.SSLError as error:
        raise ConfigurationError(f"KAFKA_CA_FILE {ca_file} holds no certificates in PEM") from error
    except OSError as error:
        raise ConfigurationError(f"KAFKA_CA_FILE {ca_file} cannot be read: {error.strerror}") from error


def find_refusal(settings: Mapping[str, Any]) -> None:
    """Look why the brokers of these client settings did not let us in; return when that is not to be seen.

    Raises:
        ConfigurationError: a broker's certificate is not to be trusted, or it refuses the user.
    """
    context = settings.get("ssl_context")
    if context is not None:
        _check_certificates(settings["bootstrap_servers"], context)
    if settings.get("sasl_mechanism"):
        _check_user(settings)


def refused(doing: str) -> ConfigurationError:
    """The error for one of REFUSALS."""
    return ConfigurationError(
        f"{doing} Kafka failed: it refuses KAFKA_SASL_USERNAME with KAFKA_SASL_PASSWORD, or KAFKA_SASL_MECHANISM"
    )


def _check_certificates(servers: Sequence[str], context: ssl.SSLContext) -> None:
    for server in servers:
        host, _, port = server.rpartition(":")
        with suppress(OSError):  # it does not answer, or not in TLS: that is not about its certificate
            _check_certificate(host.strip("[]"), int(port), context)


def _check_certificate(host: str, port: int, context: ssl.SSLContext) -> None:
    with socket.create_connection((host, port), LOOK_SECONDS) as connection:
        try:
            context.wrap_socket(connection, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            raise ConfigurationError(
                f"the certificate of the Kafka broker {host}:{port} is not to be trusted ({error.verify_message}): "
                "is KAFKA_CA_FILE its authority's?"
            ) from error


def _check_user(settings: Mapping[str, Any]) -> None:
    """Connect once, by the client's own parts: only its connections know how far they came.

    A broker that refuses a user says so and hangs up, and over TLS the client misses what it said: a broker that told
    its version and hung up while the user was to be proven has refused.
    """
    net = NetworkSelector()
    manager = KafkaConnectionManager(net, **settings)
    connections = []

    async def connect() -> None:
        for broker in manager.cluster.bootstrap_brokers():
            limits = {"timeout_ms": LOOK_SECONDS * 1000, "pop_on_close": False, "refresh_metadata_on_err": False}
            connections.append(manager.get_connection(broker.node_id, **limits))
            await connections[-1]

    try:
        net.run(connect)
    except REFUSALS as error:
        raise refused("asking") from error
    except kafka_errors.KafkaConnectionError as error:
        if connections[-1].broker_version_data is not None:
            raise refused("asking") from error
    except (kafka_errors.KafkaError, OSError):
        return
    finally:
        manager.close()
        net.close()
