"""The parts of several programs' settings: the log, the database, the store."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from infra import plaintext
from infra.secret import Secret
from infra.settings.model import AuditSettings, OidcSettings, TransportSettings
from infra.settings.reader import Address, Reader

KAFKA_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")  # Kafka's own names; SSL is TLS
MIN_AUDIT_KEY_CHARACTERS = 32  # of SHA-256's block; shorter keys could be guessed (RFC 2104, section 3)
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def parse_zoom_plan(text: str) -> str:
    if text.lower() not in {"free", "pro", "business"}:
        raise ValueError
    return text.lower()


def parse_switch(text: str) -> bool:
    if text.lower() not in {"on", "off"}:
        raise ValueError
    return text.lower() == "on"


def parse_share(text: str) -> float:
    share = float(text)
    if not 0 < share <= 1:
        raise ValueError
    return share


def read_call_page_url(reader: Reader) -> str:
    url = reader.required("CALL_PAGE_URL", "the marketplace's page of a call, with {call_id} in it")
    if url and "{call_id}" not in url:
        reader.problems.append("CALL_PAGE_URL has no {call_id} in it")
    return url


def read_archive_bucket(reader: Reader) -> str:
    return reader.required("ARCHIVE_BUCKET", "the S3 bucket that keeps the recordings")


def read_object_lock(reader: Reader) -> bool:
    return reader.parsed("ARCHIVE_OBJECT_LOCK", "no", _yes_or_no, "yes or no")


def _yes_or_no(text: str) -> bool:
    if text.lower() not in ("yes", "no"):
        raise ValueError
    return text.lower() == "yes"


def read_policy_folder(reader: Reader) -> Path | None:
    text = reader.text("POLICY_FOLDER")
    return None if text is None else Path(text)


def read_s3_endpoint_url(reader: Reader) -> str | None:
    name = "AWS_ENDPOINT_URL_S3" if reader.text("AWS_ENDPOINT_URL_S3") else "AWS_ENDPOINT_URL"
    url = reader.text(name)
    if reader.flawed(name, "a URL", lambda: plaintext.s3_is_open(url)):
        reader.refuse_plaintext(name, "s3", "use https://")
    return url


def read_database_url(reader: Reader) -> Secret:
    url = reader.required("DATABASE_URL", "for example sqlite:///var/processors.db")
    if url and not url.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        reader.problems.append("DATABASE_URL is neither sqlite:///PATH nor postgresql://…")
    elif url.startswith("postgresql") and reader.flawed(
        "DATABASE_URL", "a URL", lambda: plaintext.postgresql_is_open(url)
    ):
        reader.refuse_plaintext("DATABASE_URL", "postgresql", "add ?sslmode=verify-full&sslrootcert=FILE")
    return Secret(url)


def read_transport(reader: Reader) -> TransportSettings:
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


def read_spool_path(reader: Reader, transport_url: str) -> Path:
    """Where the receiver's spool is: beside the embedded log, else under the working directory."""
    log = Path(transport_url.removeprefix("sqlite:///") if transport_url.startswith("sqlite:///") else "var/log.db")
    path = Path(reader.text("SPOOL_PATH") or log.parent / "spool" / "receiver.db")
    if path == log:
        reader.problems.append("SPOOL_PATH is the embedded log's own file")
    return path


def read_log_level(reader: Reader) -> str:
    level = (reader.text("LOG_LEVEL", "INFO") or "INFO").upper()
    if level not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
        reader.problems.append("LOG_LEVEL is not DEBUG, INFO, WARNING or ERROR")
    return level


def read_public_url(reader: Reader, bind: Address) -> str:
    """Where people reach the portal: where it listens, unless a TLS proxy stands in front of it."""
    url = (reader.text("PORTAL_URL") or f"http://{bind}").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
        reader.problems.append("PORTAL_URL is not https://HOST or https://HOST/PATH")
    elif parts.scheme == "http" and not plaintext.is_here(parts.hostname):
        reader.problems.append("PORTAL_URL is http:// and not on this machine: sessions would travel in the clear")
    return url


def read_audit(reader: Reader, database_url: Secret) -> AuditSettings:
    """Where the portal's audit is. Its head lies beside a SQLite file, else under the working directory."""
    key = Secret(reader.required("PORTAL_AUDIT_KEY", "a long random text that is kept outside the database"))
    if key and len(key) < MIN_AUDIT_KEY_CHARACTERS:
        reader.problems.append(f"PORTAL_AUDIT_KEY is shorter than {MIN_AUDIT_KEY_CHARACTERS} characters")
    path = database_url.removeprefix("sqlite:///") if database_url.startswith("sqlite:///") else "var/portal.db"
    head = Path(reader.text("PORTAL_AUDIT_HEAD") or Path(path).parent / "audit-head.json")
    return AuditSettings(database_url, key, head)


def read_oidc(reader: Reader) -> OidcSettings | None:
    """The identity provider of analysts: all three or none."""
    given = {name: reader.text(name) or "" for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")}
    settings = OidcSettings(
        issuer=given["OIDC_ISSUER"],
        client_id=given["OIDC_CLIENT_ID"],
        client_secret=Secret(given["OIDC_CLIENT_SECRET"]),
        role_claim=reader.text("OIDC_ROLE_CLAIM", "roles") or "",
        analyst_role=reader.text("OIDC_ANALYST_ROLE", "analyst") or "",
        lead_role=reader.text("OIDC_LEAD_ROLE", "lead") or "",
    )
    if not any(given.values()):
        return None
    if not all(given.values()):
        reader.problems.append("OIDC_ISSUER, OIDC_CLIENT_ID and OIDC_CLIENT_SECRET go together: set all or none")
    parts = urlsplit(settings.issuer)
    is_here = parts.scheme == "http" and bool(parts.hostname) and plaintext.is_here(parts.hostname or "")
    if settings.issuer and parts.scheme != "https" and not is_here:
        reader.problems.append("OIDC_ISSUER is not https://…: whoever is on the way could sign in as anybody")
    return settings
