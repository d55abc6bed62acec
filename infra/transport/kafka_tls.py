"""TLS to Kafka: kafka-python tries a certificate that it does not trust again until its time is up, and says only that."""

import socket
import ssl
from collections.abc import Sequence
from contextlib import suppress

from infra.errors import ConfigurationError

LOOK_SECONDS = 2.0  # a handshake takes a few ms


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


def check_certificates(servers: Sequence[str], context: ssl.SSLContext) -> None:
    """Look at the certificate of each broker that answers.

    Raises:
        ConfigurationError: one of them is not to be trusted; the text says why.
    """
    for server in servers:
        host, _, port = server.rpartition(":")
        with suppress(OSError):  # it does not answer, or not in TLS: that is not about its certificate
            _check(host.strip("[]"), int(port), context)


def _check(host: str, port: int, context: ssl.SSLContext) -> None:
    with socket.create_connection((host, port), LOOK_SECONDS) as connection:
        try:
            context.wrap_socket(connection, server_hostname=host).close()
        except ssl.SSLCertVerificationError as error:
            raise ConfigurationError(
                f"the certificate of the Kafka broker {host}:{port} is not to be trusted ({error.verify_message}): "
                "is KAFKA_CA_FILE its authority's?"
            ) from error
