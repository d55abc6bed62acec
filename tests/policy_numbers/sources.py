"""Where lines and calls come from: our own corpus and calls, and the owner's data where it is there."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "trust_safety"
CORPUS = ROOT / "processors" / "meeting_flagging" / "corpus"
CALLS = ROOT / "tests" / "labelled_calls"


class Sources:
    """Reads each file once."""

    def __init__(self) -> None:
        self._read: dict[str, Any] = {}

    def shared(self, name: str) -> Any:
        """Return one of the owner's files; None where it is not."""
        path = SHARED / name
        if name not in self._read:
            self._read[name] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
        return self._read[name]

    def shared_path(self, name: str) -> Path:
        return SHARED / name


def as_vtt(utterances: list[tuple[str, str]]) -> bytes:
    """Write utterances as Zoom would, 0.4 s a word."""
    lines, at = ["WEBVTT", ""], 0.0
    for number, (speaker, text) in enumerate(utterances, 1):
        end = at + max(0.4 * len(text.split()), 0.5)
        lines += [str(number), f"{_clock(at)} --> {_clock(end)}", f"{speaker}: {text}", ""]
        at = end
    return "\n".join(lines).encode()


def _clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02}:{int(seconds % 3600 // 60):02}:{seconds % 60:06.3f}"


def hours(count: int) -> Iterator[tuple[bytes, bytes]]:
    """Yield one-hour calls, transcript and chat, put together of innocent lines of the corpus."""
    rows = [
        json.loads(line) for path in sorted(CORPUS.glob("?.jsonl")) for line in path.read_text("utf-8").splitlines()
    ]
    texts = [row["text"] for row in rows if row["label"] == "ok"]
    for number in range(count):
        at, words, said = number * 37, 0, []
        while words < 9000:  # an hour at 150 words a minute
            text = texts[at % len(texts)]
            said.append((("Ida Tern", "Bo Kestrel")[at % 2], text))
            words, at = words + len(text.split()), at + 1
        chat = "".join(f"00:{one:02}:00\tIda Tern:\t{texts[(at + one) % len(texts)]}\n" for one in range(40))
        yield as_vtt(said), chat.encode()
