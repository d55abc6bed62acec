"""What the simulated Zoom has recorded: sessions and their files, with what goes wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from threading import Lock
from typing import Any

from infra.zoom.simulator.content import Content, media_content, text_content
from infra.zoom.simulator.faults import Fault, parse_fault


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """One recording file. Its bytes come from `text`, or by `seed` and `media_bytes`.

    `bare` ones are described as Zoom describes some CC and TIMELINE files: no id, size, status or recording type.
    """

    file_id: str
    file_type: str
    extension: str
    recording_type: str
    recording_start: str
    recording_end: str
    seed: str = ""
    media_bytes: int = 0
    text: str | None = None
    bare: bool = False
    file_name: str | None = None
    faults: tuple[str, ...] = ()

    @property
    def content(self) -> Content:
        """The bytes as they really are."""
        if self.text is not None:
            return text_content(self.text)
        return media_content(self.extension, self.media_bytes, self.seed)


@dataclass(frozen=True, slots=True)
class SimulatedSession:
    """A held meeting as Zoom's REST knows it. Without files there is no recording."""

    session_id: str
    meeting_id: int
    account_id: str
    host_id: str
    host_email: str
    topic: str
    started_at: str
    ended_at: str
    duration_minutes: int
    participants: int
    files: tuple[SimulatedFile, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-able data, for a `serve` in another process."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> "SimulatedSession":
        """Read it back. Raises TypeError or KeyError for anything else."""
        files = tuple(SimulatedFile(**{**file, "faults": tuple(file["faults"])}) for file in data["files"])
        return cls(**{**data, "files": files})


class Library:
    """All sessions, by uuid; all files, by id. Safe to share between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sessions: dict[str, SimulatedSession] = {}
        self._files: dict[str, tuple[SimulatedSession, SimulatedFile]] = {}
        self._faults: dict[str, list[Fault]] = {}
        self._downloads: dict[str, int] = {}

    def publish(self, session: SimulatedSession) -> None:
        """Add a session, or more files to one that is there: files are united, as in Zoom."""
        with self._lock:
            known = self._sessions.get(session.session_id)
            files = {file.file_id: file for file in (*(known.files if known else ()), *session.files)}
            merged = replace(session, files=tuple(files.values()))
            self._sessions[session.session_id] = merged
            for file in merged.files:
                if file.file_id not in self._files:
                    self._faults[file.file_id] = [parse_fault(text) for text in file.faults]
                self._files[file.file_id] = (merged, file)

    def session(self, session_id: str) -> SimulatedSession | None:
        """Return a session by its uuid."""
        with self._lock:
            return self._sessions.get(session_id)

    def sessions(self) -> tuple[SimulatedSession, ...]:
        """Return all sessions, those published first before the others."""
        with self._lock:
            return tuple(self._sessions.values())

    def file(self, file_id: str) -> tuple[SimulatedSession, SimulatedFile] | None:
        """Return a file and its session."""
        with self._lock:
            return self._files.get(file_id)

    def delete(self, session_id: str) -> None:
        """Forget the recording, as when somebody empties Zoom's trash."""
        with self._lock:
            session = self._sessions.pop(session_id, None)
            for file in session.files if session else ():
                del self._files[file.file_id]

    def set_faults(self, file_id: str, faults: Sequence[str]) -> None:
        """Let these faults happen to the next downloads of a file, one after another."""
        with self._lock:
            self._faults[file_id] = [parse_fault(text) for text in faults]

    def next_fault(self, file_id: str) -> Fault | None:
        """Count a download and return what goes wrong with it; a fault that does not stay is used up."""
        with self._lock:
            self._downloads[file_id] = self._downloads.get(file_id, 0) + 1
            faults = self._faults.get(file_id, [])
            if not faults:
                return None
            return faults[0] if faults[0].stays else faults.pop(0)

    def downloads(self, file_id: str) -> int:
        """Return how often a file was asked for with a good token."""
        with self._lock:
            return self._downloads.get(file_id, 0)
