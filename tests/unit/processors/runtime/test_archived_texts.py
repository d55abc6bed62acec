"""What a backtest over the archive reads: every text that the topic of call events tells of, once."""

import json
import zlib
from pathlib import Path
from typing import Any

from infra.storage.base import Description
from processors.meeting_flagging.file_report import kind_of
from processors.runtime.archived_texts import fetch_texts
from schemas.envelope import Envelope
from schemas.topics import CALL_EVENTS
from tests.fakes.clock import FakeClock
from tests.fakes.object_store import FakeObjectStore
from tests.fakes.transport import FakeTransport
from tests.unit.processors import zoom_call as call

TEXT = b"WEBVTT\n\n00:00:10.000 --> 00:00:12.000\nIda: hello\n"


def told(transport: FakeTransport, name: str, kind: str, **changes: Any) -> None:
    event = call.archived(800, name, kind, object_key=f"calls/{name}", **changes)
    envelope = Envelope(
        id=event.id, source="urn:test", type=event.type, data=json.dumps(event.data).encode(), time=event.recorded_at,
        subject="call-1", partitionkey="1",
    )  # fmt: skip
    transport.producer().produce(
        CALL_EVENTS.name, key=envelope.key, headers=envelope.headers(), value=envelope.data, timeout_seconds=1
    )


def test_every_text_is_fetched_once_under_its_calls_name(tmp_path: Path) -> None:
    """Transcripts, captions and chats, each told again for what it is; videos are left, and so is what is gone."""
    transport, store = FakeTransport(FakeClock()), FakeObjectStore()
    for name in ("t1", "c1", "cc1"):
        text = TEXT if name != "c1" else b"00:00:05\tIda:\thello\n"
        store.put_small(f"calls/{name}", text, Description("text/plain", {}, {}), zlib.crc32(text))
    told(transport, "v1", "video")
    told(transport, "t1", "transcript", call_id="call.7")
    told(transport, "t1", "transcript", call_id="call.7")
    told(transport, "c1", "chat", call_id="call.7")
    told(transport, "cc1", "captions", call_id=None)
    told(transport, "gone", "chat")

    fetched = fetch_texts(transport, store, tmp_path)

    files = {path.name: kind_of(path.name, path.read_bytes()) for path in tmp_path.iterdir()}
    assert (fetched.texts, fetched.gone) == (3, 1)
    assert sorted(files.values()) == ["captions", "chat", "transcript"]
    assert len({name.split(".")[0] for name, kind in files.items() if kind != "captions"}) == 1
