"""The examples beside the schemas, read once: type, version, case and document."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import schemas

ROOT = Path(schemas.__file__).parent / "examples"


@dataclass(frozen=True)
class Example:
    type: str
    version: str
    case: str
    text: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text)
        return found

    def __str__(self) -> str:
        return f"{self.type}-{self.case}"


def _read(path: Path) -> Example:
    kind, version, _ = path.relative_to(ROOT).parts
    return Example(kind, version, path.stem, path.read_text(encoding="utf-8"))


EXAMPLES = tuple(_read(path) for path in sorted(ROOT.glob("*/*/*.json")))
ZOOM = tuple(one for one in EXAMPLES if one.type.startswith("us.zoom."))


def zoom(event: str, case: str) -> dict[str, Any]:
    """The body of one Zoom example."""
    return next(one.document for one in ZOOM if (one.type, one.case) == (f"us.zoom.{event}", case))
