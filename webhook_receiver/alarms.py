"""What is worth waking somebody for, as metrics. Their meaning for people: docs/operations.md, "The receiver"."""

from datetime import datetime, timedelta

from infra.metrics import Metrics
from schemas.envelope import Envelope
from webhook_receiver.event_types import OTHER, label
from webhook_receiver.signature import SignatureError, Verified

LAST_CHANCE = timedelta(minutes=80)  # after `event_ts`: Zoom's third and last retry comes 85 min after the first one
ZOOM_AGENT = "Zoom Marketplace"  # how the user agent of Zoom's deliveries begins (developers.zoom.us, webhook sample)


class Alarms:
    """Safe to share between threads."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def genuine(self, verified: Verified, now: float) -> None:
        """A delivery was rightly signed; `now` is in Unix seconds."""
        secret = verified.secret.id
        self._metrics.count("webhook_secret_matched_total", secret=secret)
        self._metrics.set("webhook_secret_last_matched_timestamp_seconds", now, secret=secret)
        self._metrics.set("webhook_last_genuine_timestamp_seconds", now)
        self._metrics.observe("webhook_age_seconds", verified.age_seconds)

    def accepted(self, envelope: Envelope, now: datetime) -> None:
        """An event is durable and will be acknowledged."""
        event_type = label(envelope.type)
        self._metrics.count("webhook_accepted_total", event_type=event_type)
        if event_type == OTHER:
            self._metrics.count("webhook_unknown_event_type_total")
        if envelope.time is not None and now - envelope.time >= LAST_CHANCE:
            self._metrics.count("webhook_last_chance_total")

    def rejected(self, error: SignatureError, user_agent: str) -> None:
        """A delivery is turned away: does it look genuine? A user agent proves nothing, but strangers seldom bother."""
        if error.genuine:
            self._metrics.count("webhook_suspect_rejected_total", reason="outside_window")
        elif error.reason == "signature_mismatch" and user_agent.startswith(ZOOM_AGENT):
            self._metrics.count("webhook_suspect_rejected_total", reason="unknown_secret")

    def validated(self, now: datetime, *, signed: bool) -> None:
        """A challenge was answered. An unsigned one may be anybody's, so it does not count as Zoom's."""
        self._metrics.count("webhook_url_validations_total", signed=str(signed).lower())
        if signed:
            self._metrics.set("webhook_url_validated_timestamp_seconds", now.timestamp())
