"""One dead letter or dead effect for a person's eyes: secrets and persons masked, unless looking is put on record."""

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine, select

from infra.clock import Clock
from infra.database.engine import reading, writing
from infra.database.tables import effects
from infra.masking import MASK, mask_bytes, mask_headers, mask_text
from infra.transport import Record
from processors.runtime.audit import note
from processors.runtime.dead_list import original_headers, said_of
from schemas.envelope import format_time

Page = Mapping[str, str]


def note_reveal(engine: Engine, clock: Clock, actor: str, dead_id: str, reason: str) -> None:
    """Put on record who is about to see one unmasked, and why. Raises TransientError: then it must not be shown."""
    with writing(engine, durable=True) as connection:
        note(connection, clock.now(), actor=actor, action="dead-letter revealed", subject=dead_id, reason=reason)


def record_page(record: Record, *, reveal: bool) -> Page:
    """Return a dead letter, line by line."""
    said = said_of(record)
    headers = {name: raw.decode(errors="replace") for name, raw in original_headers(record)}
    value = record.value.decode(errors="replace") if reveal else _masked(record.value)
    return {
        "dead since": format_time(record.timestamp),
        "processor": said.get("group", "unknown"),
        "came from": ":".join(said.get(name, "?") for name in ("topic", "partition", "offset")),
        "cause": said.get("error", "unknown"),
        "reason": mask_text(said.get("reason", "unknown")),
        "key": "none" if record.key is None else record.key.decode(errors="replace"),
        **(headers if reveal else mask_headers(headers)),
        "value": value,
    }


def effect_page(engine: Engine, effect_id: str, *, reveal: bool) -> Page | None:
    """Return a dead effect, line by line; None when there is none of this id."""
    query = select(effects).where(effects.c.effect_id == effect_id, effects.c.status == "dead")
    with reading(engine) as connection:
        row = connection.execute(query).first()
    if row is None:
        return None
    command = row.command if reveal else mask_bytes(_unfolded(row.command))
    return {
        "dead since": "unknown" if row.finished_at is None else format_time(row.finished_at),
        "processor": row.processor,
        "kind": row.kind,
        "asked for": format_time(row.created_at),
        "tries": str(row.attempts + 1),
        "reason": mask_text(row.error or "unknown"),
        "state": row.state_key,
        "target": row.target,
        "command": command,
    }


def _masked(value: bytes) -> str:
    """What is not JSON has no keys to mask names by, so nothing of it is shown."""
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return f"{MASK} ({len(value)} bytes that are not JSON)"
    return mask_bytes(value)


def _unfolded(command: str) -> bytes:
    """An event to publish is JSON within JSON: masking by key must see its keys."""
    document: dict[str, Any] = json.loads(command)
    if isinstance(document.get("data"), str):
        document["data"] = json.loads(document["data"])
    return json.dumps(document, ensure_ascii=False).encode()
