"""The transport that the settings name. Composition roots import this; everybody else takes the port."""

from pathlib import Path

from infra.clock import Clock
from infra.errors import ConfigurationError
from infra.settings import TransportSettings
from infra.transport.base import Transport

_SQLITE = "sqlite:///"
_KAFKA = "kafka://"


def connect(settings: TransportSettings, clock: Clock) -> Transport:
    """Return the transport; a folder that is missing for the embedded log is made, open to its owner alone.

    Raises:
        ConfigurationError: the URL is of neither kind, or the embedded log cannot be opened.
    """
    if settings.url.startswith(_SQLITE) and len(settings.url) > len(_SQLITE):
        return _embedded(Path(settings.url[len(_SQLITE) :]), clock)
    servers = [server for server in settings.url.removeprefix(_KAFKA).split(",") if server]
    if settings.url.startswith(_KAFKA) and servers:
        return _kafka(settings, servers, clock)
    raise ConfigurationError("TRANSPORT_URL is neither sqlite:///PATH nor kafka://HOST:PORT,…")


def _embedded(path: Path, clock: Clock) -> Transport:
    from infra.transport.sqlite import SqliteTransport  # noqa: PLC0415 - each process loads the adapter that it uses

    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the folder {path.parent} cannot be made: {error.strerror}") from error
    return SqliteTransport(path, clock)


def _kafka(settings: TransportSettings, servers: list[str], clock: Clock) -> Transport:
    from infra.transport.kafka import KafkaTransport  # noqa: PLC0415 - each process loads the adapter that it uses

    return KafkaTransport(
        servers,
        security_protocol=settings.security_protocol,
        sasl_mechanism=settings.sasl_mechanism,
        sasl_username=settings.sasl_username,
        sasl_password=settings.sasl_password,
        ca_file=settings.ca_file,
        clock=clock,
    )
