"""The one reader of the environment: each program takes the settings it needs, and says all that is wrong at once."""

from infra.settings.model import (
    PortalSettings,
    ProcessorSettings,
    ProvisionSettings,
    ReceiverSettings,
    ReconcileSettings,
    TransportSettings,
    ZoomCheckSettings,
    ZoomSettings,
)
from infra.settings.parts import KAFKA_PROTOCOLS, SASL_MECHANISMS
from infra.settings.programs import (
    DEFAULT_WINDOW_SECONDS,
    account_ids,
    archive_bucket,
    database_url,
    policy_folder,
    portal_settings,
    processor_settings,
    provision_settings,
    receiver_settings,
    reconcile_settings,
    transport_settings,
    zoom_check_settings,
    zoom_settings,
)
from infra.settings.reader import Address

__all__ = [
    "DEFAULT_WINDOW_SECONDS",
    "KAFKA_PROTOCOLS",
    "SASL_MECHANISMS",
    "Address",
    "PortalSettings",
    "ProcessorSettings",
    "ProvisionSettings",
    "ReceiverSettings",
    "ReconcileSettings",
    "TransportSettings",
    "ZoomCheckSettings",
    "ZoomSettings",
    "account_ids",
    "archive_bucket",
    "database_url",
    "policy_folder",
    "portal_settings",
    "processor_settings",
    "provision_settings",
    "receiver_settings",
    "reconcile_settings",
    "transport_settings",
    "zoom_check_settings",
    "zoom_settings",
]
