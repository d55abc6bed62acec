"""The one reader of the environment: each program takes the settings it needs, and says all that is wrong at once."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urljoin

from infra import plaintext
from infra.errors import ConfigurationError
from infra.secret import Secret

_T = TypeVar("_T")

DEFAULT_WINDOW_SECONDS = (
    7200  # Zoom's last retry comes 85 min after the first try; nobody knows whether it is re-stamped
)


KAFKA_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")  # Kafka's own names; SSL is TLS
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes any free one."""

    host: str
    port: int

    @classmethod
    def of(cls, text: str) -> "Address":
        """Read HOST:PORT, an IPv6 host in brackets; raises ValueError for anything else."""
        host, separator, port = text.rpartition(":")
        number = int(port)
        if not separator or not host or not 0 <= number <= 65535:
            raise ValueError
        return cls(host.strip("[]"), number)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """`url` is `sqlite:///path` (four slashes: absolute) or `kafka://host:port,…`."""

    url: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str | None = None
    sasl_username: str | None = None
    sasl_password: Secret | None = None
    ca_file: str | None = None


@dataclass(frozen=True, slots=True)
class ZoomSettings:
    """How to reach Zoom's REST and its files. `configured` tells whether there are credentials.

    `rate_share` is this process's part of what `plan` allows the account in a second.
    """

    client_id: str | None
    client_secret: Secret | None
    oauth_account_id: str | None
    api_url: str
    oauth_url: str
    hosts: tuple[str, ...]
    download_hosts: tuple[str, ...]
    plan: str = "pro"
    rate_share: float = 0.25

    @property
    def configured(self) -> bool:
        return bool(self.client_id and self.client_secret and self.oauth_account_id)


@dataclass(frozen=True, slots=True)
class ReceiverSettings:
    transport: TransportSettings
    webhook_secrets: tuple[Secret, ...]
    account_ids: frozenset[str]
    bind: Address
    admin_bind: Address
    window_seconds: int
    max_body_bytes: int
    threads: int
    spool_path: Path
    log_level: str


@dataclass(frozen=True, slots=True)
class ProcessorSettings:
    transport: TransportSettings
    database_url: Secret  # it may hold a password
    archive_bucket: str
    s3_endpoint_url: str | None
    chat_url: str
    chat_token: Secret | None
    call_page_url: str
    call_policies_url: str
    zoom: ZoomSettings
    account_ids: frozenset[str]
    metrics_bind: Address
    no_recording_grace_seconds: float
    health_file: str | None
    log_level: str
    policy_folder: Path | None = None  # none: the policy that is shipped


@dataclass(frozen=True, slots=True)
class ReconcileSettings:
    """`zoom_app_id` opens Zoom's webhook log; `zoom_host_users` are listed beside the hosts that the database knows."""

    transport: TransportSettings
    database_url: Secret
    archive_bucket: str
    s3_endpoint_url: str | None
    zoom: ZoomSettings
    zoom_app_id: str | None
    zoom_host_users: tuple[str, ...]
    account_ids: frozenset[str]
    log_level: str


@dataclass(frozen=True, slots=True)
class ProvisionSettings:
    """`kafka_principals` is the text of KAFKA_PRINCIPALS: who each deployable is to the brokers."""

    transport: TransportSettings
    kafka_principals: str
    archive_bucket: str
    s3_endpoint_url: str | None


@dataclass
class _Reader:
    """Collects values and every problem with them."""

    environ: Mapping[str, str]
    problems: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str | None:
        return self.environ.get(name, "").strip() or default

    def required(self, name: str, hint: str) -> str:
        value = self.text(name)
        if value is None:
            self.problems.append(f"{name} is not set: {hint}")
        return value or ""

    def secret(self, name: str) -> Secret | None:
        value = self.text(name)
        return None if value is None else Secret(value)

    def items(self, name: str, default: str = "") -> tuple[str, ...]:
        return tuple(item.strip() for item in (self.text(name, default) or "").split(",") if item.strip())

    def parsed(self, name: str, default: str, parse: Callable[[str], _T], expected: str) -> _T:
        try:
            return parse(self.text(name, default) or default)
        except ValueError:
            self.problems.append(f"{name} is not {expected}")
            return parse(default)

    def number(self, name: str, default: int, minimum: int, maximum: int) -> int:
        def parse(text: str) -> int:
            value = int(text)
            if not minimum <= value <= maximum:
                raise ValueError
            return value

        return self.parsed(name, str(default), parse, f"a whole number from {minimum} to {maximum}")

    def flawed(self, name: str, expected: str, flaw: Callable[[], bool]) -> bool:
        """Whether a value has this flaw; one that cannot be parsed is a problem of its own."""
        try:
            return flaw()
        except ValueError:
            self.problems.append(f"{name} is not {expected}")
            return False

    def address(self, name: str, default: str) -> Address:
        return self.parsed(name, default, Address.of, "HOST:PORT")

    def refuse_plaintext(self, name: str, kind: str, remedy: str) -> None:
        """A connection that others can read on its way is a problem, unless ALLOW_PLAINTEXT names its kind."""
        allowed = tuple(one for one in self.items("ALLOW_PLAINTEXT") if one in plaintext.KINDS)
        if kind not in allowed:
            self.problems.append(
                f"{name} leads off this machine without TLS: {remedy}, or ALLOW_PLAINTEXT={','.join((*allowed, kind))}"
            )

    def finish(self) -> None:
        unknown = set(self.items("ALLOW_PLAINTEXT")) - set(plaintext.KINDS)
        if unknown:
            self.problems.append(f"ALLOW_PLAINTEXT takes {', '.join(plaintext.KINDS)} and nothing else")
        if self.problems:
            raise ConfigurationError("; ".join(self.problems))


def receiver_settings(environ: Mapping[str, str]) -> ReceiverSettings:
    """Read what the receiver needs.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = _Reader(environ)
    secrets = reader.items("ZOOM_WEBHOOK_SECRETS")
    if not secrets:
        reader.problems.append("ZOOM_WEBHOOK_SECRETS is not set: the Secret Token of the Zoom app's Features page")
    transport = _transport(reader)
    settings = ReceiverSettings(
        transport=transport,
        webhook_secrets=tuple(map(Secret, secrets)),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        bind=reader.address("RECEIVER_BIND", "127.0.0.1:8080"),
        admin_bind=reader.address("RECEIVER_ADMIN_BIND", "127.0.0.1:0"),
        window_seconds=reader.number("WEBHOOK_WINDOW_SECONDS", DEFAULT_WINDOW_SECONDS, 60, 30 * 86400),
        max_body_bytes=reader.number("WEBHOOK_MAX_BODY_BYTES", 1024 * 1024, 1024, 1024 * 1024),
        threads=reader.number("RECEIVER_THREADS", 32, 1, 256),
        spool_path=_spool_path(reader, transport.url),
        log_level=_log_level(reader),
    )
    reader.finish()
    return settings


def processor_settings(environ: Mapping[str, str]) -> ProcessorSettings:
    """Read what the processors need.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = _Reader(environ)
    call_page_url = reader.required("CALL_PAGE_URL", "the marketplace's page of a call, with {call_id} in it")
    settings = ProcessorSettings(
        transport=_transport(reader),
        database_url=_database_url(reader),
        archive_bucket=_archive_bucket(reader),
        s3_endpoint_url=_s3_endpoint_url(reader),
        chat_url=reader.text("CHAT_URL", "console:") or "console:",
        chat_token=reader.secret("CHAT_TOKEN"),
        call_page_url=call_page_url,
        call_policies_url=reader.text("CALL_POLICIES_URL") or urljoin(call_page_url, "/call-policies"),
        zoom=zoom_settings(environ, reader),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        metrics_bind=reader.address("METRICS_BIND", "127.0.0.1:0"),
        no_recording_grace_seconds=reader.number("NO_RECORDING_GRACE_SECONDS", 24 * 3600, 1, 7 * 86400),
        health_file=reader.text("HEALTH_FILE"),
        log_level=_log_level(reader),
        policy_folder=_policy_folder(reader),
    )
    if settings.call_page_url and "{call_id}" not in settings.call_page_url:
        reader.problems.append("CALL_PAGE_URL has no {call_id} in it")
    if settings.health_file and "{processor}" not in settings.health_file:
        reader.problems.append("HEALTH_FILE has no {processor} in it")
    reader.finish()
    return settings


def reconcile_settings(environ: Mapping[str, str]) -> ReconcileSettings:
    """Read what reconciliation needs.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = _Reader(environ)
    settings = ReconcileSettings(
        transport=_transport(reader),
        database_url=_database_url(reader),
        archive_bucket=_archive_bucket(reader),
        s3_endpoint_url=_s3_endpoint_url(reader),
        zoom=zoom_settings(environ, reader),
        zoom_app_id=reader.text("ZOOM_APP_ID"),
        zoom_host_users=reader.items("ZOOM_HOST_USERS"),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        log_level=_log_level(reader),
    )
    reader.finish()
    return settings


def provision_settings(environ: Mapping[str, str]) -> ProvisionSettings:
    """Read what is to be provisioned, and where.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = _Reader(environ)
    settings = ProvisionSettings(
        transport=_transport(reader),
        kafka_principals=reader.text("KAFKA_PRINCIPALS") or "",
        archive_bucket=_archive_bucket(reader),
        s3_endpoint_url=_s3_endpoint_url(reader),
    )
    reader.finish()
    return settings


def archive_bucket(environ: Mapping[str, str]) -> str:
    """Read which bucket keeps the recordings, and nothing else."""
    reader = _Reader(environ)
    bucket = _archive_bucket(reader)
    reader.finish()
    return bucket


def transport_settings(environ: Mapping[str, str]) -> TransportSettings:
    """Read where the log is, and nothing else."""
    reader = _Reader(environ)
    settings = _transport(reader)
    reader.finish()
    return settings


def database_url(environ: Mapping[str, str]) -> Secret:
    """Read where the database is, and nothing else."""
    reader = _Reader(environ)
    url = _database_url(reader)
    reader.finish()
    return url


def account_ids(environ: Mapping[str, str]) -> frozenset[str]:
    """Read which Zoom accounts are ours; none named: any."""
    return frozenset(_Reader(environ).items("ZOOM_ACCOUNT_IDS"))


def policy_folder(environ: Mapping[str, str]) -> Path | None:
    """Read where the policy for flags is, and nothing else; None: the one that is shipped."""
    return _policy_folder(_Reader(environ))


def zoom_settings(environ: Mapping[str, str], reader: _Reader | None = None) -> ZoomSettings:
    """Read how to reach Zoom; all three credentials or none."""
    source = reader or _Reader(environ)
    settings = ZoomSettings(
        client_id=source.text("ZOOM_CLIENT_ID"),
        client_secret=source.secret("ZOOM_CLIENT_SECRET"),
        oauth_account_id=source.text("ZOOM_OAUTH_ACCOUNT_ID"),
        api_url=source.text("ZOOM_API_URL", "https://api.zoom.us/v2") or "",
        oauth_url=source.text("ZOOM_OAUTH_URL", "https://zoom.us/oauth/token") or "",
        hosts=source.items("ZOOM_HOSTS", "zoom.us"),
        download_hosts=source.items("ZOOM_DOWNLOAD_HOSTS"),
        plan=source.parsed("ZOOM_PLAN", "pro", _zoom_plan, "free, pro or business"),
        rate_share=source.parsed("ZOOM_RATE_SHARE", "0.25", _share, "a number above 0 and up to 1"),
    )
    given = (settings.client_id, settings.client_secret, settings.oauth_account_id)
    if any(given) and not all(given):
        source.problems.append(
            "ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and ZOOM_OAUTH_ACCOUNT_ID go together: set all or none"
        )
    if reader is None:
        source.finish()
    return settings


def _zoom_plan(text: str) -> str:
    if text.lower() not in {"free", "pro", "business"}:
        raise ValueError
    return text.lower()


def _share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError
    return share


def _archive_bucket(reader: _Reader) -> str:
    return reader.required("ARCHIVE_BUCKET", "the S3 bucket that keeps the recordings")


def _policy_folder(reader: _Reader) -> Path | None:
    text = reader.text("POLICY_FOLDER")
    return None if text is None else Path(text)


def _s3_endpoint_url(reader: _Reader) -> str | None:
    name = "AWS_ENDPOINT_URL_S3" if reader.text("AWS_ENDPOINT_URL_S3") else "AWS_ENDPOINT_URL"
    url = reader.text(name)
    if reader.flawed(name, "a URL", lambda: plaintext.s3_is_open(url)):
        reader.refuse_plaintext(name, "s3", "use https://")
    return url


def _database_url(reader: _Reader) -> Secret:
    url = reader.required("DATABASE_URL", "for example sqlite:///var/processors.db")
    if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        reader.problems.append("DATABASE_URL is neither sqlite:///PATH nor postgresql://…")
    elif url.startswith("postgresql") and reader.flawed(
        "DATABASE_URL", "a URL", lambda: plaintext.postgresql_is_open(url)
    ):
        reader.refuse_plaintext("DATABASE_URL", "postgresql", "add ?sslmode=verify-full&sslrootcert=FILE")
    return Secret(url)


def _transport(reader: _Reader) -> TransportSettings:
    url = reader.required("TRANSPORT_URL", "sqlite:///var/log.db or kafka://host:port,…")
    if url and not url.startswith(("sqlite:///", "kafka://")):
        reader.problems.append("TRANSPORT_URL is neither sqlite:///PATH nor kafka://HOST:PORT,…")
    settings = TransportSettings(
        url=url,
        security_protocol=(reader.text("KAFKA_SECURITY_PROTOCOL", "PLAINTEXT") or "PLAINTEXT").upper(),
        sasl_mechanism=reader.text("KAFKA_SASL_MECHANISM"),
        sasl_username=reader.text("KAFKA_SASL_USERNAME"),
        sasl_password=reader.secret("KAFKA_SASL_PASSWORD"),
        ca_file=reader.text("KAFKA_CA_FILE"),
    )
    if url.startswith("kafka://"):
        reader.problems += _kafka_problems(settings)
        if plaintext.kafka_is_open(url, settings.security_protocol):
            reader.refuse_plaintext("TRANSPORT_URL", "kafka", "KAFKA_SECURITY_PROTOCOL=SSL or SASL_SSL")
    return settings


def _kafka_problems(settings: TransportSettings) -> Iterator[str]:
    protocol = settings.security_protocol
    if protocol not in KAFKA_PROTOCOLS:
        yield f"KAFKA_SECURITY_PROTOCOL is not {', '.join(KAFKA_PROTOCOLS[:-1])} or {KAFKA_PROTOCOLS[-1]}"
        return
    if settings.ca_file and not protocol.endswith("SSL"):
        yield f"KAFKA_CA_FILE is set, but KAFKA_SECURITY_PROTOCOL={protocol} has no TLS"
    given = {
        "KAFKA_SASL_MECHANISM": settings.sasl_mechanism,
        "KAFKA_SASL_USERNAME": settings.sasl_username,
        "KAFKA_SASL_PASSWORD": settings.sasl_password,
    }
    for name, value in given.items():
        if protocol.startswith("SASL_") and not value:
            yield f"{name} is not set: KAFKA_SECURITY_PROTOCOL={protocol} needs it"
        if value and not protocol.startswith("SASL_"):
            yield f"{name} is set, but KAFKA_SECURITY_PROTOCOL={protocol} has no SASL"
    if settings.sasl_mechanism and settings.sasl_mechanism not in SASL_MECHANISMS:
        yield f"KAFKA_SASL_MECHANISM is not {', '.join(SASL_MECHANISMS[:-1])} or {SASL_MECHANISMS[-1]}"


def _spool_path(reader: _Reader, transport_url: str) -> Path:
    """Where the receiver's spool is: beside the embedded log, else under the working directory."""
    log = Path(transport_url.removeprefix("sqlite:///") if transport_url.startswith("sqlite:///") else "var/log.db")
    path = Path(reader.text("SPOOL_PATH") or log.parent / "spool" / "receiver.db")
    if path == log:
        reader.problems.append("SPOOL_PATH is the embedded log's own file")
    return path


def _log_level(reader: _Reader) -> str:
    level = (reader.text("LOG_LEVEL", "INFO") or "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        reader.problems.append("LOG_LEVEL is not DEBUG, INFO, WARNING or ERROR")
    return level
