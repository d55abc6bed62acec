"""What the page of a call says. Plain words: its readers are freelancers and their clients."""

from datetime import timedelta

REASONS = {
    "inappropriate_language": "Inappropriate language",
    "offensive_comment": "An offensive comment",
    "hate_harassment": "Hate or harassment",
    "sexual": "Sexual remarks or advances",
    "violence_threat": "A threat or violence",
    "prohibited_service": "A service that is not allowed on the marketplace",
    "off_platform": "Asked to work or pay outside the marketplace",
    "personal_data": "Asked for or shared personal data",
    "payment_details": "Asked for payment or card details",
    "suspicious_link": "A suspicious link or file",
    "remote_access": "Asked for remote access to a computer",
    "uncomfortable": "It made me feel uncomfortable",
    "other": "Something else",
}
CALL_STATES = {"arranged": "Not started yet", "live": "In progress", "ended": "Ended"}
CALL_TONES = {"arranged": "", "live": "good", "ended": ""}
REPORT_STATES = {"received": "Received", "closed": "Closed"}
MOMENTS = {
    "call.created": "The call was arranged",
    "call.started": "The call started",
    "call.ended": "The call ended",
    "call.recording_started": "Recording started",
    "call.recording_paused": "Recording paused",
    "call.recording_resumed": "Recording resumed",
    "call.recording_stopped": "Recording stopped",
    "call.recording_missing": "No recording was made",
}
WITHOUT_PLAYER = {
    "before_end": "The recording appears here once the call has ended.",
    "being_prepared": "The recording is being prepared. That takes about as long as the call did.",
    "missing": "This call was not recorded, so there is nothing to watch.",
    "removed": "The recording of this call has been removed.",
}
KINDS = {"video": "Video", "audio": "Audio", "captions": "Captions", "transcript": "Transcript"}


def moment(kind: str, is_host: bool | None) -> str:
    """Say what happened. Who it was is told by role alone, where it is known."""
    who = {True: "The host", False: "A guest", None: "Somebody"}[is_host]
    if kind == "call.participant_joined":
        return f"{who} joined"
    if kind == "call.participant_left":
        return f"{who} left"
    return MOMENTS.get(kind, kind)


def size(size_bytes: int) -> str:
    """Say a size as people read it."""
    if size_bytes < 1_000_000:
        return f"{max(1, round(size_bytes / 1000))} kB"
    return f"{size_bytes / 1_000_000:.0f} MB" if size_bytes < 1_000_000_000 else f"{size_bytes / 1_000_000_000:.1f} GB"


def left(time: timedelta) -> str:
    """Say how much time is left, in the largest unit that makes sense."""
    if time >= timedelta(days=2):
        return f"{time.days} days left"
    hours = int(time.total_seconds() // 3600)
    return f"{hours} hours left" if hours >= 2 else "less than 2 hours left"


def second_of(text: str) -> int | None:
    """Read a place in the recording, such as 95, 1:35 or 1:02:30; None for an empty text.

    Raises:
        ValueError: it is none.
    """
    parts = text.strip().split(":")
    if parts == [""]:
        return None
    if len(parts) > 3 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):
        raise ValueError
    if any(int(part) >= 60 for part in parts[1:]):
        raise ValueError
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + int(part)
    return seconds
