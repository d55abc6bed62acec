"""What each program reads."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin

from infra.secret import Secret
from infra.settings.model import (
    AuditSettings,
    PortalSettings,
    ProcessorSettings,
    ProvisionSettings,
    ReceiverSettings,
    ReconcileSettings,
    TransportSettings,
    ZoomCheckSettings,
    ZoomSettings,
)
from infra.settings.parts import (
    parse_share,
    parse_switch,
    parse_zoom_plan,
    read_archive_bucket,
    read_audit,
    read_call_page_url,
    read_database_url,
    read_log_level,
    read_object_lock,
    read_oidc,
    read_policy_folder,
    read_public_url,
    read_s3_endpoint_url,
    read_spool_path,
    read_transport,
)
from infra.settings.reader import Reader

# Zoom's last retry comes 85 min after the first try; nobody knows whether it is re-stamped.
DEFAULT_WINDOW_SECONDS = 7200


def receiver_settings(environ: Mapping[str, str]) -> ReceiverSettings:
    """Read what the receiver needs.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = Reader(environ)
    secrets = reader.items("ZOOM_WEBHOOK_SECRETS")
    if not secrets:
        reader.problems.append("ZOOM_WEBHOOK_SECRETS is not set: the Secret Token of the Zoom app's Features page")
    transport = read_transport(reader)
    settings = ReceiverSettings(
        transport=transport,
        webhook_secrets=tuple(map(Secret, secrets)),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        bind=reader.address("RECEIVER_BIND", "127.0.0.1:8080"),
        admin_bind=reader.address("RECEIVER_ADMIN_BIND", "127.0.0.1:0"),
        window_seconds=reader.number("WEBHOOK_WINDOW_SECONDS", DEFAULT_WINDOW_SECONDS, 60, 30 * 86400),
        max_body_bytes=reader.number("WEBHOOK_MAX_BODY_BYTES", 1024 * 1024, 1024, 1024 * 1024),
        threads=reader.number("RECEIVER_THREADS", 32, 1, 256),
        spool_path=read_spool_path(reader, transport.url),
        log_level=read_log_level(reader),
    )
    reader.finish()
    return settings


def processor_settings(environ: Mapping[str, str]) -> ProcessorSettings:
    """Read what the processors need.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = Reader(environ)
    call_page_url = read_call_page_url(reader)
    settings = ProcessorSettings(
        transport=read_transport(reader),
        database_url=read_database_url(reader),
        archive_bucket=read_archive_bucket(reader),
        object_lock=read_object_lock(reader),
        s3_endpoint_url=read_s3_endpoint_url(reader),
        chat_url=reader.text("CHAT_URL", "console:") or "console:",
        chat_token=reader.secret("CHAT_TOKEN"),
        chat_room=reader.text("CHAT_ROOM"),
        call_page_url=call_page_url,
        call_policies_url=reader.text("CALL_POLICIES_URL") or urljoin(call_page_url, "/call-policies"),
        zoom=zoom_settings(environ, reader),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        metrics_bind=reader.address("METRICS_BIND", "127.0.0.1:0"),
        no_recording_grace_seconds=reader.number("NO_RECORDING_GRACE_SECONDS", 24 * 3600, 1, 7 * 86400),
        health_file=reader.text("HEALTH_FILE"),
        log_level=read_log_level(reader),
        policy_folder=read_policy_folder(reader),
    )
    if settings.health_file and "{processor}" not in settings.health_file:
        reader.problems.append("HEALTH_FILE has no {processor} in it")
    reader.finish()
    return settings


def reconcile_settings(environ: Mapping[str, str]) -> ReconcileSettings:
    """Read what reconciliation needs.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = Reader(environ)
    settings = ReconcileSettings(
        transport=read_transport(reader),
        database_url=read_database_url(reader),
        archive_bucket=read_archive_bucket(reader),
        s3_endpoint_url=read_s3_endpoint_url(reader),
        zoom=zoom_settings(environ, reader),
        zoom_app_id=reader.text("ZOOM_APP_ID"),
        zoom_host_users=reader.items("ZOOM_HOST_USERS"),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
        log_level=read_log_level(reader),
    )
    reader.finish()
    return settings


def portal_settings(environ: Mapping[str, str]) -> PortalSettings:
    """Read what the portal needs.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = Reader(environ)
    bind = reader.address("PORTAL_BIND", "127.0.0.1:8070")
    database_url = read_database_url(reader)
    settings = PortalSettings(
        transport=read_transport(reader),
        database_url=database_url,
        archive_bucket=read_archive_bucket(reader),
        s3_endpoint_url=read_s3_endpoint_url(reader),
        zoom=zoom_settings(environ, reader),
        zoom_host_users=reader.items("ZOOM_HOST_USERS"),
        public_url=read_public_url(reader, bind),
        call_page_url=read_call_page_url(reader),
        bind=bind,
        admin_bind=reader.address("PORTAL_ADMIN_BIND", "127.0.0.1:0"),
        threads=reader.number("PORTAL_THREADS", 16, 1, 256),
        downloads=reader.parsed("PORTAL_DOWNLOADS", "off", parse_switch, "on or off"),
        audit=read_audit(reader, database_url),
        oidc=read_oidc(reader),
        log_level=read_log_level(reader),
    )
    reader.finish()
    return settings


def audit_settings(environ: Mapping[str, str]) -> AuditSettings:
    """Read where the portal's audit is, and nothing else."""
    reader = Reader(environ)
    settings = read_audit(reader, read_database_url(reader))
    reader.finish()
    return settings


def portal_url(environ: Mapping[str, str]) -> str:
    """Read where people reach the portal, and nothing else."""
    reader = Reader(environ)
    url = read_public_url(reader, reader.address("PORTAL_BIND", "127.0.0.1:8070"))
    reader.finish()
    return url


def provision_settings(environ: Mapping[str, str]) -> ProvisionSettings:
    """Read what is to be provisioned, and where.

    Raises:
        ConfigurationError: naming every setting that is missing or wrong.
    """
    reader = Reader(environ)
    settings = ProvisionSettings(
        transport=read_transport(reader),
        kafka_principals=reader.text("KAFKA_PRINCIPALS") or "",
        archive_bucket=read_archive_bucket(reader),
        object_lock=read_object_lock(reader),
        s3_endpoint_url=read_s3_endpoint_url(reader),
    )
    reader.finish()
    return settings


def zoom_check_settings(environ: Mapping[str, str]) -> ZoomCheckSettings:
    """Read what is to be looked at on Zoom's side.

    Raises:
        ConfigurationError: naming every setting that is wrong.
    """
    reader = Reader(environ)
    settings = ZoomCheckSettings(
        zoom=zoom_settings(environ, reader),
        host_users=reader.items("ZOOM_HOST_USERS"),
        account_ids=frozenset(reader.items("ZOOM_ACCOUNT_IDS")),
    )
    reader.finish()
    return settings


def archive_bucket(environ: Mapping[str, str]) -> str:
    """Read which bucket keeps the recordings, and nothing else."""
    reader = Reader(environ)
    bucket = read_archive_bucket(reader)
    reader.finish()
    return bucket


def transport_settings(environ: Mapping[str, str]) -> TransportSettings:
    """Read where the log is, and nothing else."""
    reader = Reader(environ)
    settings = read_transport(reader)
    reader.finish()
    return settings


def database_url(environ: Mapping[str, str]) -> Secret:
    """Read where the database is, and nothing else."""
    reader = Reader(environ)
    url = read_database_url(reader)
    reader.finish()
    return url


def account_ids(environ: Mapping[str, str]) -> frozenset[str]:
    """Read which Zoom accounts are ours; none named: any."""
    return frozenset(Reader(environ).items("ZOOM_ACCOUNT_IDS"))


def policy_folder(environ: Mapping[str, str]) -> Path | None:
    """Read where the policy for flags is, and nothing else; None: the one that is shipped."""
    return read_policy_folder(Reader(environ))


def zoom_settings(environ: Mapping[str, str], reader: Reader | None = None) -> ZoomSettings:
    """Read how to reach Zoom; all three credentials or none."""
    source = reader or Reader(environ)
    settings = ZoomSettings(
        client_id=source.text("ZOOM_CLIENT_ID"),
        client_secret=source.secret("ZOOM_CLIENT_SECRET"),
        oauth_account_id=source.text("ZOOM_OAUTH_ACCOUNT_ID"),
        api_url=source.text("ZOOM_API_URL", "https://api.zoom.us/v2") or "",
        oauth_url=source.text("ZOOM_OAUTH_URL", "https://zoom.us/oauth/token") or "",
        hosts=source.items("ZOOM_HOSTS", "zoom.us"),
        download_hosts=source.items("ZOOM_DOWNLOAD_HOSTS"),
        plan=source.parsed("ZOOM_PLAN", "pro", parse_zoom_plan, "free, pro or business"),
        rate_share=source.parsed("ZOOM_RATE_SHARE", "0.25", parse_share, "a number above 0 and up to 1"),
    )
    given = (settings.client_id, settings.client_secret, settings.oauth_account_id)
    if any(given) and not all(given):
        source.problems.append(
            "ZOOM_CLIENT_ID, ZOOM_CLIENT_SECRET and ZOOM_OAUTH_ACCOUNT_ID go together: set all or none"
        )
    if reader is None:
        source.finish()
    return settings
