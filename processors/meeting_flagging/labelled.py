"""Labelled lines: what somebody could say, and what it is. To evaluate a policy by, and to build one from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from processors.meeting_flagging.rules import CHANNELS
from schemas.errors import PipelineError

INNOCENT = frozenset({"ok", "non-hateful", "neither"})  # labels of ours, of HateCheck, of Davidson's tweets
HATE_LABELS = frozenset({"hateful", "non-hateful"})  # files with these are about protected grounds alone
WRITTEN = "chat"  # where no channel is named: public collections are of written text


class LabelledError(PipelineError):
    """A file does not hold labelled lines; the text names the file and the row, never what the row says."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """One line. `functionality` is HateCheck's name for what the line tests."""

    id: str
    text: str
    label: str
    channel: str
    functionality: str | None

    @property
    def violates(self) -> bool:
        return self.label not in INNOCENT


def read_labelled(path: Path) -> list[Labelled]:
    """Read a JSON list of rows, or JSON lines (`.jsonl`); a row without id is named by its number.

    Raises:
        LabelledError: it is neither, or a row has no text, no `category` or `label`, or an unknown channel.
    """
    return [_labelled(path, number, row) for number, row in enumerate(rows_of(path), 1)]


def _labelled(path: Path, number: int, row: Mapping[str, Any]) -> Labelled:
    label, channel = row.get("category", row.get("label")), row.get("channel", WRITTEN)
    place = f"{path.name} row {number}"
    if not isinstance(row.get("text"), str) or not isinstance(label, str):
        raise LabelledError(f"{place}: it has no text, or neither category nor label")
    if channel not in CHANNELS:
        raise LabelledError(f"{place}: its channel is neither of {', '.join(CHANNELS)}")
    return Labelled(str(row.get("id", f"row-{number}")), row["text"], label, channel, row.get("functionality"))


def rows_of(path: Path) -> list[Mapping[str, Any]]:
    """Return a file's rows as they are written.

    Raises:
        LabelledError: it holds no rows.
    """
    try:
        text = path.read_text(encoding="utf-8")
        rows = [json.loads(line) for line in text.splitlines() if line] if path.suffix == ".jsonl" else json.loads(text)
    except (OSError, ValueError) as error:
        raise LabelledError(f"{path.name}: not JSON in UTF-8") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise LabelledError(f"{path.name}: not a list of rows")
    return rows
