"""A bounded set of event types for metrics: anyone with the secret can name an event anything."""

from webhook_receiver.translation import TYPE_PREFIX

OTHER = "other"

# What the processors read, and what an account that records its meetings subscribes to beside it.
KNOWN = frozenset(
    TYPE_PREFIX + name
    for name in (
        "app_deauthorized",
        *(f"meeting.{what}" for what in ("created", "updated", "deleted", "started", "ended", "alert", "risk_alert")),
        *(f"meeting.participant_{what}" for what in ("joined", "left", "joined_waiting_room", "role_changed")),
        *(f"meeting.{what}" for what in ("sharing_started", "sharing_ended", "summary_completed")),
        *(f"meeting.live_streaming_{what}" for what in ("started", "stopped")),
        *(f"meeting.chat_message{what}" for what in ("_sent", "_file_sent")),
        *(f"recording.{what}" for what in ("started", "paused", "resumed", "stopped", "completed", "renamed")),
        *(f"recording.{what}" for what in ("transcript_completed", "trashed", "deleted", "recovered")),
        *(f"recording.batch_{what}" for what in ("trashed", "deleted", "recovered")),
    )
)


def label(event_type: str) -> str:
    """Return Zoom's name of a known event type, `other` for all the rest."""
    return event_type.removeprefix(TYPE_PREFIX) if event_type in KNOWN else OTHER
