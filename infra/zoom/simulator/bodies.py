"""Webhook bodies and REST objects in Zoom's true shapes: which ids are numbers, what is null and what is "" included."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from infra.zoom.simulator.library import SimulatedFile, SimulatedSession


def zoom_time(instant: datetime) -> str:
    """Return an instant as Zoom writes times: UTC, whole seconds."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def meeting_object(session: SimulatedSession, **more: object) -> dict[str, Any]:
    """Return the object of meeting.*: the id is text, the duration is the scheduled one."""
    return {
        "duration": 30,
        "start_time": session.started_at,
        "timezone": "",
        **more,
        "topic": session.topic,
        "id": str(session.meeting_id),
        "type": 2,
        "uuid": session.session_id,
        "host_id": session.host_id,
    }


def segment_object(session: SimulatedSession, start: str, end: str | None) -> dict[str, Any]:
    """Return the object of recording.started / paused / resumed / stopped: the id is a number, the duration 0."""
    return {
        "id": session.meeting_id,
        "uuid": session.session_id,
        "host_id": session.host_id,
        "topic": session.topic,
        "type": 2,
        "start_time": session.started_at,
        "timezone": "Europe/Lisbon",
        "duration": 0,
        "recording_file": {"recording_start": start, "recording_end": end},
    }


def recording_object(session: SimulatedSession, files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the object of recording.completed, which is REST's answer too, with described files."""
    return {
        "uuid": session.session_id,
        "id": session.meeting_id,
        "account_id": session.account_id,
        "host_id": session.host_id,
        "topic": session.topic,
        "type": 2,
        "start_time": session.started_at,
        "timezone": "",
        "host_email": session.host_email,
        "duration": session.duration_minutes,
        "total_size": sum(file.get("file_size", 0) for file in files),
        "recording_count": len(files),
        "share_url": f"https://us06web.zoom.us/rec/share/{session.meeting_id}.simulated",
        "recording_files": [file for file in files if "file_name" not in file],
        "participant_audio_files": [file for file in files if "file_name" in file],
        "password": "9$If6&tn",
        "recording_play_passcode": "sImULatedPasscode0123456789-_AbC",
        "on_prem": False,
    }


def arranged_object(session: SimulatedSession) -> dict[str, Any]:
    """Return what REST says about a meeting that was arranged: the start URL opens it with the host's rights."""
    return {
        "uuid": session.session_id,
        "id": session.meeting_id,
        "host_id": session.host_id,
        "host_email": session.host_email,
        "topic": session.topic,
        "type": 2,
        "status": "waiting",
        "start_time": session.started_at,
        "duration": 30,
        "start_url": f"https://us06web.zoom.us/s/{session.meeting_id}?zak=simulated-host-rights",
        "join_url": f"https://us06web.zoom.us/j/{session.meeting_id}?pwd=simulated",
        "password": "9$If6&tn",
        "settings": {"auto_recording": "cloud", "join_before_host": False, "waiting_room": False},
    }


def recording_settings() -> dict[str, Any]:
    """Return how a recording is shared, as an account's defaults have it."""
    return {
        "share_recording": "internally",
        "viewer_download": False,
        "on_demand": False,
        "password": "9$If6&tn",
        "auto_delete": False,
        "auto_delete_date": "",
    }


def file_object(session: SimulatedSession, file: SimulatedFile, download_base: str, nonce: str) -> dict[str, Any]:
    """Describe a file as Zoom does; its URL differs by `nonce`, from delivery to delivery."""
    described: dict[str, Any] = {
        "id": file.file_id,
        "meeting_id": session.session_id,
        "recording_start": file.recording_start,
        "recording_end": file.recording_end,
        "file_type": file.file_type,
        "file_extension": file.extension,
        "file_size": file.content.size_bytes,
        "play_url": f"https://us06web.zoom.us/rec/play/{file.file_id}.{nonce}",
        "download_url": f"{download_base}/{file.file_id}/{nonce}",
        "status": "completed",
        "recording_type": file.recording_type,
    }
    left_out = {"id", "file_size", "status", "recording_type", "play_url"} if file.bare else set()
    if file.file_type == "TIMELINE":
        left_out.add("play_url")
    if file.file_name is not None:
        described["file_name"] = file.file_name
        left_out |= {"meeting_id", "recording_type"}
    return {name: value for name, value in described.items() if name not in left_out}
