"""The examples that lie beside the schemas."""

import json
from pathlib import Path
from typing import Any

import schemas
from schemas.events.catalogue import VERSION

EXAMPLES = Path(schemas.__file__).parent / "examples"


def read_examples(event_type: str) -> dict[str, dict[str, Any]]:
    """Return the examples of a public event type by their case, the usual one first."""
    files = sorted((EXAMPLES / event_type / f"v{VERSION}").glob("*.json"), key=_usual_first)
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in files}


def _usual_first(path: Path) -> tuple[bool, str]:
    return path.stem != "usual", path.stem
