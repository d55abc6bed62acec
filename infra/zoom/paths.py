"""Ids in the paths of Zoom's REST."""

from urllib.parse import quote


def encoded_uuid(session_id: str) -> str:
    """Return the uuid for a REST path, encoded twice: Zoom asks for it where there is a `/`, and takes it always."""
    return quoted(quoted(session_id))


def quoted(text: str) -> str:
    """Return an id for a REST path, so that nothing in it is one."""
    return quote(text, safe="")
