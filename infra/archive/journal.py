"""What is kept of an unfinished upload, so that the next run goes on from the parts that are there.

A store lists the parts of an upload, but neither what they were downloaded from nor, everywhere, their CRC32. Both are
noted here: the file's tag and length before the first part is sent, each part once the store has it. One note a key.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.archive.ranges import Rest
from infra.storage.base import ObjectStore, Part, UploadGone


@dataclass(frozen=True, slots=True)
class Beginning:
    """An upload that was begun. `etag` is strong; it and `total_bytes` are what the download server said of the file."""

    key: str
    upload_id: str
    etag: str
    total_bytes: int
    part_bytes: int


class Journal(Protocol):
    """Notes that survive the process. Safe to share between threads; every method may raise TransientError."""

    def find(self, key: str) -> tuple[Beginning, Sequence[Part]] | None:
        """Return what was noted for the key; None when nothing was."""
        ...

    def begin(self, beginning: Beginning) -> None:
        """Note an upload, in place of what was noted for its key."""
        ...

    def add(self, key: str, upload_id: str, part: Part) -> None:
        """Note a part that the store has, unless another upload was noted for the key meanwhile."""
        ...

    def forget(self, key: str, upload_id: str) -> None:
        """Drop the note of this very upload, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Notes:
    """The journal, opened at one upload."""

    journal: Journal
    beginning: Beginning

    def begin(self) -> None:
        self.journal.begin(self.beginning)

    def add(self, part: Part) -> None:
        self.journal.add(self.beginning.key, self.beginning.upload_id, part)

    def forget(self) -> None:
        self.journal.forget(self.beginning.key, self.beginning.upload_id)


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An upload to go on with: `parts` are there, noted and listed, from the first on without a gap."""

    notes: Notes
    parts: Sequence[Part]

    @property
    def lengths(self) -> list[int]:
        """Of each part in bytes; the file's last one may be short."""
        return [_length(self.notes.beginning, part.number) for part in self.parts]

    @property
    def rest(self) -> Rest | None:
        """What is still to be downloaded; None when nothing is."""
        beginning, start = self.notes.beginning, sum(self.lengths)
        return None if start == beginning.total_bytes else Rest(start, beginning.total_bytes, beginning.etag)

    def throw_away(self, store: ObjectStore) -> None:
        """End it without an object."""
        store.abort(self.notes.beginning.key, self.notes.beginning.upload_id)
        self.notes.forget()


def find_unfinished(key: str, store: ObjectStore, journal: Journal) -> Unfinished | None:
    """Return the upload that an earlier run left for this key; None when there is none of which a part is there.

    Raises:
        TransientError, PermanentError: journal or store do not tell.
    """
    found = journal.find(key)
    if found is None:
        return None
    beginning, noted = found
    notes = Notes(journal, beginning)
    try:
        listed = {stored.number: stored for stored in store.parts(key, beginning.upload_id)}
    except UploadGone:
        notes.forget()
        return None
    parts: list[Part] = []
    for part in sorted(noted, key=lambda part: part.number):
        stored, number = listed.get(part.number), len(parts) + 1
        expected = (number, part.etag, _length(beginning, number))
        if stored is None or (stored.number, stored.etag, stored.size_bytes) != expected:
            break
        parts.append(part)
    unfinished = Unfinished(notes, parts)
    if not parts:
        unfinished.throw_away(store)
        return None
    return unfinished


def _length(beginning: Beginning, number: int) -> int:
    return min(beginning.part_bytes, beginning.total_bytes - (number - 1) * beginning.part_bytes)
