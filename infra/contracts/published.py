"""Everything that is generated and committed: which file holds what, and whether the files still say it."""

import json
from collections.abc import Mapping
from pathlib import Path

from infra.contracts.asyncapi import asyncapi_document
from infra.contracts.json_schema import event_schema
from infra.contracts.kit import feed_text, feeds, timelines
from infra.contracts.openapi import openapi_document
from infra.contracts.pages import call_events_page, flagged_meetings_page
from schemas.events import PUBLIC_EVENTS
from schemas.events.catalogue import VERSION

PUBLISHED = "schemas/published"
KIT = "schemas/kit"
ASYNCAPI = f"{PUBLISHED}/asyncapi.json"

ELSEWHERE = frozenset(
    {f"{PUBLISHED}/portal.openapi.json"}
)  # python -m portal openapi prints it: infra knows no program
_GENERATED_ALONE = (PUBLISHED, KIT)  # folders in which every file is generated


def documents() -> dict[str, str]:
    """Return the text of every generated file by its path in the project; the same every time."""
    return {
        **{f"{PUBLISHED}/{name}.v{VERSION}.json": _json(event_schema(name)) for name in PUBLIC_EVENTS},
        ASYNCAPI: _json(asyncapi_document()),
        f"{PUBLISHED}/receiver.openapi.json": _json(openapi_document()),
        **{f"{KIT}/{name}.jsonl": feed_text(feed) for name, feed in feeds().items()},
        f"{KIT}/timelines.json": _json(timelines()),
        "docs/call-events.md": call_events_page(),
        "docs/flagged-meetings.md": flagged_meetings_page(),
    }


def write(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Write what differs, remove what is no longer generated; return the paths that were touched."""
    touched = drift(root, wanted)
    for name in touched:
        path = root / name
        if name in wanted:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[name], encoding="utf-8")
        else:
            path.unlink()
    return touched


def drift(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Return the paths whose file is not what the schemas say: different, missing, or not generated any more."""
    differing = {name for name, text in wanted.items() if _text(root / name) != text}
    lying = {
        f"{folder}/{path.name}" for folder in _GENERATED_ALONE for path in (root / folder).glob("*") if path.is_file()
    }
    return sorted(differing | lying - wanted.keys() - ELSEWHERE)


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _json(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
