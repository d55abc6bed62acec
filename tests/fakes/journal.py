"""The archive's journal in memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from infra.archive.journal import Beginning
from infra.storage.base import Part


@dataclass
class FakeJournal:
    """What was noted, by key."""

    notes: dict[str, tuple[Beginning, dict[int, Part]]] = field(default_factory=dict)

    def find(self, key: str) -> tuple[Beginning, Sequence[Part]] | None:
        found = self.notes.get(key)
        return None if found is None else (found[0], list(found[1].values()))

    def begin(self, beginning: Beginning) -> None:
        self.notes[beginning.key] = (beginning, {})

    def add(self, key: str, upload_id: str, part: Part) -> None:
        found = self.notes.get(key)
        if found is not None and found[0].upload_id == upload_id:
            found[1][part.number] = part

    def forget(self, key: str, upload_id: str) -> None:
        found = self.notes.get(key)
        if found is not None and found[0].upload_id == upload_id:
            del self.notes[key]
