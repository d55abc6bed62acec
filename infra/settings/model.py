"""What each program is told: frozen, checked whole, secrets hidden in every repr."""

from dataclasses import dataclass
from pathlib import Path

from infra.secret import Secret
from infra.settings.reader import Address


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
    object_lock: bool
    s3_endpoint_url: str | None
    chat_url: str
    chat_token: Secret | None
    chat_room: str | None
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
class OidcSettings:
    """The identity provider of analysts, and where it says what somebody may do."""

    issuer: str
    client_id: str
    client_secret: Secret
    role_claim: str
    analyst_role: str
    lead_role: str


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """`head` is the file that tells how long the audit is, outside the database."""

    database_url: Secret
    key: Secret
    head: Path


@dataclass(frozen=True, slots=True)
class PortalSettings:
    """`public_url` is where people and programs reach the portal; `host_users` are the Zoom users that may host calls.

    With `downloads` participants may save a recording, not only play it.
    Without `oidc` analysts come in by one-time links, from this machine alone.
    """

    transport: TransportSettings
    database_url: Secret
    archive_bucket: str
    s3_endpoint_url: str | None
    zoom: ZoomSettings
    zoom_host_users: tuple[str, ...]
    public_url: str
    call_page_url: str
    bind: Address
    admin_bind: Address
    threads: int
    downloads: bool
    audit: AuditSettings
    oidc: OidcSettings | None
    log_level: str


@dataclass(frozen=True, slots=True)
class ZoomCheckSettings:
    """What is to be looked at on Zoom's side."""

    zoom: ZoomSettings
    host_users: tuple[str, ...]
    account_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class ProvisionSettings:
    """`kafka_principals` is the text of KAFKA_PRINCIPALS: who each deployable is to the brokers. `object_lock`: the bucket shall have it."""

    transport: TransportSettings
    kafka_principals: str
    archive_bucket: str
    object_lock: bool
    s3_endpoint_url: str | None
