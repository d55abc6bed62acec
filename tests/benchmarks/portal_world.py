"""What the portal is measured over: 100,000 flags, 5,000 of them open, and an hour's call with its transcript."""

import json
import zlib
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert

from infra.database.engine import migrate, writing
from infra.database.tables import portal_calls, portal_flags, receipts
from infra.storage.base import Description
from infra.storage.s3 import S3Store
from schemas.archive import access_until, expires_at, object_key

FLAGS, OPEN = 100_000, 5_000  # issue 7 G
HOUR_CUES = 900  # an hour's talk, a cue of 4 s
BUSY_FLAG = "00000000-0000-5000-8000-000000000000"  # the case that is opened, claimed and watched
SESSION, MEETING = "hW/+3kQbR0aZ1xYw5vT8Gg==", "98123456789"
_BATCH = 2_000
_CATEGORIES = ("off_platform", "sexual", "personal_data", "payment_details", "violence_threat", "remote_access")
_RULES = tuple(f"family.rule{number}" for number in range(40))
_SAID = "So the second draft would use the darker green for the header, and we keep the margin as it was before"


def fill(engine: Engine, store: S3Store, now: datetime, *, flags: int) -> None:
    """Make the tables and the files; a twentieth of the flags are open."""
    migrate(engine)
    began = now - timedelta(hours=3)
    segment = began.strftime("%Y-%m-%dT%H:%M:%SZ")
    _put_in(engine, portal_calls, _calls(flags * OPEN // FLAGS, began))
    _put_in(engine, portal_flags, _flags(flags, now, segment))
    files = ((("v1", "MP4", "video"), b"\0" * 1024), (("t1", "TRANSCRIPT", "transcript"), _transcript()))
    rows = []
    for (file_id, file_type, kind), body in files:
        key = object_key(SESSION, file_id, segment, file_type)
        tags = {"retention": "180d", "hold": "trust-safety"}
        version = store.put_small(key, body, Description("text/plain", "inline", tags), zlib.crc32(body))
        rows.append(_receipt(key, version, kind, began, segment) | {"file_type": file_type, "size_bytes": len(body)})
    _put_in(engine, receipts, iter(rows))


def _put_in(engine: Engine, table: Any, rows: Iterator[Mapping[str, Any]]) -> None:
    batch: list[Mapping[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            _write(engine, table, batch)
            batch = []
    if batch:
        _write(engine, table, batch)


def _write(engine: Engine, table: Any, rows: list[Mapping[str, Any]]) -> None:
    with writing(engine) as connection:
        connection.execute(insert(table), rows)


def _calls(count: int, began: datetime) -> Iterator[dict[str, Any]]:
    for number in range(count):
        events = [
            {"type": f"call.{kind}", "occurred_at": (began + timedelta(seconds=seconds)).isoformat(), "session_id": SESSION,
             "sequence": sequence, "participant_ref": who, "is_host": who == "a"}
            for sequence, (kind, seconds, who) in enumerate((
                ("started", 0, None), ("participant_joined", 1, "a"), ("participant_joined", 60, "b"),
                ("recording_started", 2, None), ("recording_paused", 900, None), ("recording_resumed", 960, None),
                ("participant_left", 3590, "b"), ("participant_left", 3600, "a"), ("ended", 3600, None)))
        ]  # fmt: skip
        yield {
            "call_id": f"call-{number}", "meeting_id": MEETING if number == 0 else str(number), "order_id": f"order-{number}",
            "conversation_id": f"talk-{number}", "freelancer_id": f"freelancer-{number % 997}",
            "client_id": f"client-{number % 1009}", "registered_at": began, "ended_at": began + timedelta(hours=1),
            "access_until": access_until(began), "revision": 1, "document": json.dumps({"events": events}),
        }  # fmt: skip


def _flags(count: int, now: datetime, segment: str) -> Iterator[dict[str, Any]]:
    every = FLAGS // OPEN
    for number in range(count):
        is_open, severity = number % every == 0, 5 if number == 0 else 1 + number // every % 5
        category, rule = _CATEGORIES[number % len(_CATEGORIES)], _RULES[number % len(_RULES)]
        name = BUSY_FLAG if number == 0 else f"{number:08d}-0000-5000-8000-000000000000"
        findings = [
            _finding(category, rule, severity, segment, 60.0 + 200 * place) for place in range(12 if number == 0 else 2)
        ]
        call = f"call-{number // every}" if is_open else None
        flag = {
            "flag_id": name, "revision": 1, "status": "flagged", "call_id": call, "meeting_id": MEETING, "session_id": None,
            "occurred_at": now.isoformat(), "score": 0.5, "severity": severity, "priority": 3.5, "policy_version": "p",
            "findings": findings,
            "coverage": {"transcript_seconds": 3500.0, "languages": ["en"], "transcripts": 1, "chats": 0},
        }  # fmt: skip
        yield {
            "flag_id": name, "call_id": call, "meeting_id": MEETING, "session_id": None, "status": "flagged",
            "severity": severity, "priority": 3.5, "flagged_at": now - timedelta(seconds=number), "revision": 1,
            "document": json.dumps({"flag": flag, "decisions": []}), "flag_revision": 1,
            "standing": "open" if is_open else "closed", "urgency": 5 - severity, "categories": f" {category} ",
            "rules": f" {rule} ", "sources": " transcript ", "languages": " en ",
        }  # fmt: skip


def _finding(category: str, rule: str, severity: int, segment: str, second: float) -> dict[str, Any]:
    return {
        "rule_id": rule, "rule_version": "1", "category": category, "ground": None, "severity": severity, "confidence": 0.9,
        "source": "transcript", "explanation": "Says something that a rule is about", "session_id": SESSION,
        "speaker": "freelancer", "speaker_certainty": "presumed", "recording_start": segment, "start_seconds": second,
        "end_seconds": second + 4, "quote": _SAID, "quote_from": 0, "quote_to": 20, "said_before": _SAID,
        "said_after": _SAID, "score_part": 0.3,
    }  # fmt: skip


def _receipt(key: str, version: str | None, kind: str, began: datetime, segment: str) -> dict[str, Any]:
    return {
        "object_key": key, "version_id": version, "call_id": "call-0", "order_id": "order-0", "session_id": SESSION,
        "meeting_id": MEETING, "file_id": key.rpartition("/")[2], "kind": kind, "crc32": "0" * 8, "sha256": "0" * 64,
        "recording_start": segment, "call_ended_at": began + timedelta(hours=1), "access_until": access_until(began),
        "expires_at": expires_at(began), "hold": "trust-safety", "archived_at": began, "expired_at": None,
    }  # fmt: skip


def _transcript() -> bytes:
    cues = (
        f"{number}\n00:{number * 4 // 60:02}:{number * 4 % 60:02}.000 --> 00:{number * 4 // 60:02}:{number * 4 % 60 + 3:02}.000\n"
        f"{'Ida Tern' if number % 2 else 'Olu Finch'}: {_SAID}, cue {number}\n"
        for number in range(HOUR_CUES)
    )
    return ("WEBVTT\n\n" + "\n".join(cues)).encode()
