"""Ask Zoom whether a session has recordings."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from infra.zoom.client import ZoomClient
from processors.commands import AskRecordings


class AskPerformer:
    """Answers from REST; "unknown" where there are no credentials to ask with."""

    def __init__(self, zoom: ZoomClient | None) -> None:
        self._zoom = zoom

    def perform(self, command: AskRecordings) -> Mapping[str, Any]:
        if self._zoom is None:
            return {"answer": "unknown"}
        found = self._zoom.recordings(command.session_id)
        return {"answer": "found" if found is not None and found.files else "none"}

    def record(self, connection: Connection, command: AskRecordings, result: Mapping[str, Any]) -> None:
        """Nothing to write beside the effect."""
