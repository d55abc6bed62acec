"""What the receiver makes of a genuine body: the envelope for `zoom.webhooks` (schemas.webhooks), or for the quarantine."""

import hashlib

from schemas.envelope import Envelope
from schemas.identity import fact_id
from schemas.webhooks import (
    MAX_ID_LENGTH,
    SOURCE,
    TYPE_PREFIX,
    Delivery,
    QuarantineReason,
    UnusableBody,
    parse_body,
    webhook_envelope,
)

__all__ = [
    "MAX_ID_LENGTH",
    "QUARANTINED_TYPE",
    "SOURCE",
    "TYPE_PREFIX",
    "Delivery",
    "QuarantineReason",
    "UnusableBody",
    "parse_body",
    "quarantine_envelope",
    "refused_envelope",
    "webhook_envelope",
]

QUARANTINED_TYPE = "us.zoom.quarantined"


def quarantine_envelope(delivery: Delivery, reason: QuarantineReason) -> Envelope:
    """Return the envelope of a body that goes to the quarantine; the same body always has the same id."""
    return Envelope(
        id=fact_id(QUARANTINED_TYPE, hashlib.sha256(delivery.body).hexdigest()),
        source=SOURCE,
        type=QUARANTINED_TYPE,
        data=delivery.body,
        extensions={"quarantinereason": reason, **delivery.extensions()},
    )


def refused_envelope(envelope: Envelope) -> Envelope:
    """Return the envelope in which an event goes to the quarantine because its topic refuses it for good."""
    found = envelope.extensions.get
    delivery = Delivery(envelope.data, found("zoomsecret"), found("zoomdeliveryid"), None)
    return quarantine_envelope(delivery, "refused_by_log")
