"""Fetch the transcripts, captions and chats that the topic of call events tells of, as files: what a backtest reads."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from infra.errors import PermanentError
from infra.storage.base import ObjectStore
from infra.transport import Record, Transport
from processors.runtime.codec import decode, type_of
from schemas.errors import InvalidEvent
from schemas.events import decode as decode_data
from schemas.topics import CALL_EVENTS

_ARCHIVED = "call.recording_archived"
_ENDINGS = {"transcript": "vtt", "captions": "captions.vtt", "chat": "chat.txt"}  # by which a file's kind is told again
_MAX_BYTES = 8 * 1024 * 1024  # as for a scan: a ten-hour call is about 0.6 MB of text


@dataclass(slots=True)
class Fetched:
    """How many texts are there now, and how many the archive has no longer."""

    texts: int = 0
    gone: int = 0


def fetch_texts(transport: Transport, store: ObjectStore, folder: Path) -> Fetched:
    """Write every text that the topic knows into the folder, the files of one call under one name.

    Raises:
        TransientError: log or store do not answer.
    """
    fetched, known = Fetched(), set[str]()
    for record in _archived(transport):
        try:
            told = decode_data(_ARCHIVED, decode(record).data)
        except InvalidEvent:
            continue
        ending = _ENDINGS.get(told["kind"])
        if ending is None or told["object_key"] in known:
            continue
        known.add(told["object_key"])
        name = quote(told["call_id"] or told["session_id"] or "unknown", safe="").replace(".", "%2E")
        try:
            text = b"".join(store.read(told["object_key"], told["version_id"], _MAX_BYTES))
        except PermanentError:
            fetched.gone += 1
            continue
        (folder / f"{name}.{len(known)}.{ending}").write_bytes(text)
        fetched.texts += 1
    return fetched


def _archived(transport: Transport) -> Iterator[Record]:
    for place, end in sorted(transport.end_offsets(CALL_EVENTS.name).items()):
        offset = 0
        while offset < end and (records := transport.read(place, offset)):
            yield from (record for record in records if type_of(record) == _ARCHIVED)
            offset = records[-1].offset + 1
