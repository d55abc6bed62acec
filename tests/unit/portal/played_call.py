"""A call as the portal finds it in its tables, and its files as the archive left them."""

import json
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, delete, insert, update

from infra.database.engine import writing
from infra.database.tables import portal_calls, portal_flags, receipts
from infra.storage.base import Description
from schemas.archive import access_until, content_type_of, expires_at, kind_of, object_key
from tests.fakes.object_store import FakeObjectStore

CALL, OTHER_CALL = "call-1", "call-2"
FREELANCER, CLIENT, STRANGER = "freelancer-7", "client-9", "guest-3"
SESSION = "4444AAAiAAAAAiAiAiiAii=="
ENDED_AT = datetime(2026, 1, 1, 10, tzinfo=UTC)
STARTED_AT = ENDED_AT - timedelta(minutes=32)
RECORDED_FROM = "2026-01-01T09:28:08Z"
TRANSCRIPT = "WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.000\nInês Duarte: Shall we <b>begin</b> &amp; go on?\n"
_FILES = {
    "video": "MP4",
    "audio": "M4A",
    "transcript": "TRANSCRIPT",
    "captions": "CC",
    "chat": "CHAT",
    "summary": "SUMMARY",
}


def happened(kind: str, at: datetime, **more: Any) -> dict[str, Any]:
    """An event as review_queue keeps it."""
    return {"type": kind, "occurred_at": at.isoformat(), "session_id": SESSION, "meeting_id": "811", **more}


def usual_events() -> list[dict[str, Any]]:
    files = [
        {"file_id": kind, "kind": kind, "size_bytes": 9, "recording_start": RECORDED_FROM}
        for kind in ("video", "audio")
    ]
    return [
        happened("call.created", STARTED_AT - timedelta(days=1), order_id="order-5", language="de"),
        happened("call.started", STARTED_AT, reopened=False),
        happened("call.participant_joined", STARTED_AT + timedelta(seconds=2), is_host=True, participant_ref="p1"),
        happened("call.recording_started", STARTED_AT + timedelta(seconds=8), recording_start=RECORDED_FROM),
        happened("call.ended", ENDED_AT, started_at=STARTED_AT.isoformat(), duration_seconds=1920),
        happened("call.recording_completed", ENDED_AT + timedelta(minutes=3), files=files),
    ]


def put_call(
    engine: Engine,
    call_id: str = CALL,
    *,
    ended_at: datetime | None = ENDED_AT,
    events: list[dict[str, Any]] | None = None,
) -> None:
    """Write the row of a call, in place of the one that is there."""
    told = [{**one, "sequence": place} for place, one in enumerate(usual_events() if events is None else events, 1)]
    row = {
        "call_id": call_id,
        "meeting_id": "811",
        "order_id": "order-5",
        "conversation_id": "conversation-2",
        "freelancer_id": FREELANCER,
        "client_id": CLIENT,
        "registered_at": STARTED_AT - timedelta(days=1),
        "ended_at": ended_at,
        "access_until": None if ended_at is None else access_until(ended_at),
        "revision": 1,
        "document": json.dumps({"events": told}),
    }
    with writing(engine) as connection:
        connection.execute(delete(portal_calls).where(portal_calls.c.call_id == call_id))
        connection.execute(insert(portal_calls).values(row))


def put_file(
    engine: Engine, store: FakeObjectStore, kind: str, body: bytes = b"a recording", *, call_id: str = CALL, **more: Any
) -> str:
    """Archive a file of this kind; return its object key."""
    file_type = _FILES[kind]
    assert kind_of(file_type, None) == kind
    key = object_key(SESSION, f"{call_id}-{kind}{len(store.objects)}", None, file_type)
    store.put_small(key, body, Description(content_type_of(file_type, None), "inline", {}), zlib.crc32(body))
    row = {
        "object_key": key,
        "version_id": "v1",
        "call_id": call_id,
        "order_id": "order-5",
        "session_id": SESSION,
        "meeting_id": "811",
        "file_id": kind,
        "kind": kind,
        "file_type": file_type,
        "size_bytes": len(body),
        "crc32": f"{zlib.crc32(body):08x}",
        "sha256": 64 * "0",
        "recording_start": RECORDED_FROM,
        "call_ended_at": ENDED_AT,
        "access_until": access_until(ENDED_AT),
        "expires_at": expires_at(ENDED_AT),
        "hold": "none",
        "archived_at": ENDED_AT + timedelta(minutes=5),
        **more,
    }
    with writing(engine) as connection:
        connection.execute(insert(receipts).values(row))
    return key


def put_usual_files(engine: Engine, store: FakeObjectStore) -> None:
    """Everything that a recording can have."""
    for kind in _FILES:
        put_file(engine, store, kind, TRANSCRIPT.encode() if kind in ("transcript", "captions") else b"a recording")


def mark_expired(engine: Engine, key: str) -> None:
    with writing(engine) as connection:
        connection.execute(update(receipts).where(receipts.c.object_key == key).values(expired_at=ENDED_AT))


def decide(engine: Engine, decision: str, at: datetime, call_id: str = CALL) -> None:
    """Let trust and safety decide about a flag of the call."""
    row = {
        "flag_id": f"flag-{decision}",
        "call_id": call_id,
        "meeting_id": "811",
        "status": "flagged",
        "severity": 2,
        "priority": 2.0,
        "flagged_at": ENDED_AT,
        "revision": 1,
        "document": json.dumps({"flag": {}, "decisions": [{"decision": decision, "occurred_at": at.isoformat()}]}),
    }
    with writing(engine) as connection:
        connection.execute(insert(portal_flags).values(row))
