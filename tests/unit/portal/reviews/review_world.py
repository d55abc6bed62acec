"""Calls and flags of invented people, as `review_queue` shows them to the portal, and an analyst's browser."""

import json
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import insert, select
from werkzeug.test import TestResponse

from infra.database.engine import reading, writing
from infra.database.tables import portal_audit, portal_calls, portal_flags, receipts
from infra.storage.base import Description
from portal.auth.sessions import Role, csrf_token
from schemas.archive import access_until, expires_at, object_key
from tests.unit.portal.harness import PUBLIC_URL, Portal

COOKIE = "__Host-analyst"
BEGAN = datetime(2026, 1, 1, 9, 0, tzinfo=UTC)
SEGMENT = "2026-01-01T09:00:05Z"
SESSION = "hW/+3kQbR0aZ1xYw5vT8Gg=="
MEETING = "98123456789"
SAID = "so just write to me at kestrel@example.com and we skip the fee"
TRANSCRIPT = f"""WEBVTT

1
00:00:02.000 --> 00:00:05.000
Ida Tern: Hello, nice to meet you.

2
00:05:12.400 --> 00:05:18.000
Ida Tern: {SAID}

3
00:05:19.000 --> 00:05:22.000
Olu Finch: I would rather stay here.
"""


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat()


def finding(**changes: Any) -> dict[str, Any]:
    """One finding of the transcript, five minutes in."""
    return {
        "rule_id": "offplatform.contact", "rule_version": "3", "category": "off_platform", "ground": None, "severity": 3,
        "confidence": 0.9, "source": "transcript", "explanation": "Asks to go on outside the platform",
        "session_id": SESSION, "speaker": "freelancer", "speaker_certainty": "presumed", "recording_start": SEGMENT,
        "start_seconds": 312.4, "end_seconds": 318.0, "quote": "write to me at [e-mail] and we skip the fee",
        "quote_from": 0, "quote_to": 23, "said_before": "what about the fee here",
        "said_after": "I would rather stay here", "score_part": 0.4, **changes,
    }  # fmt: skip


def report(**changes: Any) -> dict[str, Any]:
    """What a participant said of the call."""
    return finding(
        rule_id="report.received", category="violence_threat", severity=4, source="report", speaker=None,
        speaker_certainty="unknown", explanation="Reported: violence or threat", quote=None, session_id=None,
        recording_start=None, start_seconds=None, end_seconds=None, quote_from=None, quote_to=None, said_before=None,
        said_after=None, **changes,
    )  # fmt: skip


class World:
    """What the portal shows, and who asks."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def call(self, call_id: str = "call-1", **changes: Any) -> None:
        """A call of ten minutes whose recording was paused for one of them."""
        people = {"freelancer_id": "freelancer-3", "client_id": "client-9", "order_id": "order-7"}
        events = [
            self.event("created", 0, language="en", **people),
            self.event("started", 1, reopened=False),
            self.event("participant_joined", 2, participant_ref="a", is_host=True),
            self.event("participant_joined", 30, participant_ref="b", is_host=False),
            self.event("recording_started", 5),
            self.event("recording_paused", 360),
            self.event("recording_resumed", 420),
            self.event("participant_left", 590, participant_ref="b", is_host=False),
            self.event("participant_left", 600, participant_ref="a", is_host=True),
            self.event("ended", 600, started_at=at(0), duration_seconds=600),
        ]
        row = {
            "call_id": call_id, "meeting_id": MEETING, "conversation_id": "talk-7", "registered_at": BEGAN,
            "ended_at": BEGAN + timedelta(seconds=600), "access_until": access_until(BEGAN), "revision": 1,
            "document": json.dumps({"events": events}), **people, **changes,
        }  # fmt: skip
        with writing(self.portal.engine) as connection:
            connection.execute(insert(portal_calls).values(row))

    @staticmethod
    def event(kind: str, seconds: float, **more: Any) -> dict[str, Any]:
        return {
            "type": f"call.{kind}",
            "occurred_at": at(seconds),
            "session_id": SESSION,
            "sequence": int(seconds),
            **more,
        }

    def flag(
        self, flag_id: str = "flag-1", *, findings: list[dict[str, Any]] | None = None, revision: int = 1,
        call_id: str | None = "call-1", flagged_at: datetime | None = None, standing: str = "open", **changes: Any,
    ) -> None:  # fmt: skip
        """A flag as it stands; the same id again is a later revision."""
        found = [finding()] if findings is None else findings
        severity = max((one["severity"] for one in found), default=None)
        flag = {
            "flag_id": flag_id, "revision": revision, "status": "flagged", "call_id": call_id, "meeting_id": MEETING,
            "session_id": None if call_id else SESSION, "occurred_at": at(318), "score": 0.5, "severity": severity,
            "priority": 3.5, "policy_version": "p", "findings": found,
            "coverage": {"transcript_seconds": 580.0, "languages": ["en"], "transcripts": 1, "chats": 0}, **changes,
        }  # fmt: skip
        row = {
            "flag_id": flag_id, "call_id": call_id, "meeting_id": MEETING, "session_id": flag["session_id"],
            "status": flag["status"], "severity": severity, "priority": 3.5, "revision": revision,
            "flagged_at": flagged_at or self.portal.clock.now(), "flag_revision": revision, "standing": standing,
            "urgency": 5 - (severity or 0), "document": json.dumps({"flag": flag, "decisions": []}),
            **{name: _spaced(one[key] for one in found) for name, key in _COLUMNS.items()}, "languages": " en ",
        }  # fmt: skip
        with writing(self.portal.engine) as connection:
            connection.execute(portal_flags.delete().where(portal_flags.c.flag_id == flag_id))
            connection.execute(insert(portal_flags).values(row))

    def files(self, call_id: str | None = "call-1") -> None:
        """A video and its transcript, in the store and with receipts."""
        for file_id, file_type, kind, body in (
            ("v1", "MP4", "video", b"video"),
            ("t1", "TRANSCRIPT", "transcript", TRANSCRIPT.encode()),
        ):
            key = object_key(SESSION, file_id, SEGMENT, file_type)
            tags = {"retention": "180d", "hold": "none"}
            self.portal.store.put_small(key, body, Description("video/mp4", "inline", tags), zlib.crc32(body))
            row = {
                "object_key": key, "version_id": None, "call_id": call_id, "order_id": "order-7", "session_id": SESSION,
                "meeting_id": MEETING, "file_id": file_id, "kind": kind, "file_type": file_type, "size_bytes": len(body),
                "crc32": "00000000", "sha256": "0" * 64, "recording_start": SEGMENT,
                "call_ended_at": BEGAN + timedelta(seconds=600), "access_until": access_until(BEGAN),
                "expires_at": expires_at(BEGAN), "hold": "none", "archived_at": BEGAN, "expired_at": None,
            }  # fmt: skip
            with writing(self.portal.engine) as connection:
                connection.execute(insert(receipts).values(row))

    def hold_files(self, hold: str = "trust-safety") -> None:
        """Tag the files, as the archive does when it hears of a hold."""
        for file_id, file_type in (("v1", "MP4"), ("t1", "TRANSCRIPT")):
            key = object_key(SESSION, file_id, SEGMENT, file_type)
            self.portal.store.replace_tags(key, None, {"retention": "180d", "hold": hold})

    def analyst(self, name: str = "analyst-ida", role: Role = "analyst") -> "Browser":
        return Browser(self.portal, name, role)

    def deeds(self) -> list[tuple[str, str, str]]:
        """Who did what, and why, without signing in and out."""
        with reading(self.portal.engine) as connection:
            rows = connection.execute(select(portal_audit).order_by(portal_audit.c.position)).all()
        return [(row.actor, row.action, row.reason) for row in rows]

    def published(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(record.value) for record in self.portal.transport.records[topic]]


_COLUMNS = {"categories": "category", "rules": "rule_id", "sources": "source"}


def _spaced(values: Any) -> str:
    return "".join(f" {value}" for value in sorted(set(values))) + " "


class Browser:
    """One analyst's, signed in."""

    def __init__(self, portal: Portal, name: str, role: Role) -> None:
        self.name = name
        token = "".join(portal.sessions.begin(name, role))
        self.csrf = csrf_token(token)
        self.client: FlaskClient = portal.app.test_client()
        self.client.set_cookie(COOKIE, token, domain="calls.example", secure=True)

    def get(self, path: str = "", **more: Any) -> TestResponse:
        return self.client.get(f"/reviews{path}", base_url=PUBLIC_URL, **more)

    def post(self, path: str, part: bool = False, **form: str) -> TestResponse:
        headers = {"HX-Request": "true"} if part else {}
        data = {"csrf": self.csrf, **form}
        return self.client.post(f"/reviews{path}", base_url=PUBLIC_URL, data=data, headers=headers)

    def claim(self, flag_id: str = "flag-1") -> TestResponse:
        return self.post(f"/{flag_id}/claim")

    def decide(self, decision: str, flag_id: str = "flag-1", **form: str) -> TestResponse:
        return self.post(
            f"/{flag_id}/decision", decision=decision, **{"revision": "1", "note": "", "action": "warning", **form}
        )

    def finding_ids(self, flag_id: str = "flag-1") -> list[str]:
        return re.findall(r'<article class="finding" id="([^"]+)"', self.get(f"/{flag_id}").text)
