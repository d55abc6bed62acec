"""Zoom's webhook payloads, as strict as our use of them and no stricter."""

from schemas.zoom.events import (
    Participant,
    RecordingFile,
    ZoomEvent,
    load_event,
)

__all__ = ["Participant", "RecordingFile", "ZoomEvent", "load_event"]
