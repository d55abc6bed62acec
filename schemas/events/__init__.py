"""The public events: what subscribers of `call-events` and trust and safety's topics may rely on."""

from schemas.events.calls import CALL_EVENT_TYPES
from schemas.events.catalogue import PUBLIC_EVENTS, data_schema, decode, encode
from schemas.events.flags import FLAGGED, REVIEWED, SHADOWED

__all__ = ["CALL_EVENT_TYPES", "FLAGGED", "PUBLIC_EVENTS", "REVIEWED", "SHADOWED", "data_schema", "decode", "encode"]
