"""Run text rules over an archived transcript or chat."""

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from infra.storage.base import ObjectStore
from processors.commands import ScanText

_MAX_BYTES = 8 * 1024 * 1024  # a ten-hour call is about 0.6 MB of text; more is not one


class ScanPerformer:
    """Reads the object and hands it to the scanner; only findings with masked quotes come back, never the text."""

    def __init__(self, store: ObjectStore, scan: Callable[[bytes, str], Mapping[str, Any]]) -> None:
        self._store = store
        self._scan = scan

    def perform(self, command: ScanText) -> Mapping[str, Any]:
        document = b"".join(self._store.read(command.object_key, command.version_id, _MAX_BYTES))
        return self._scan(document, command.file_kind)

    def record(self, connection: Connection, command: ScanText, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""
