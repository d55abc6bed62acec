"""Start a call: who may, the meeting at Zoom, the registration, the links."""
