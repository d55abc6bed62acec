"""Read what Zoom writes down: transcripts (VTT), closed captions (VTT) and chats (TXT). Never raises, whatever the bytes.

Times are strict, everything else is tolerant: a line that is no cue and no message belongs to the one before it, or to
nothing. Shapes: zoom/FACTS.md section 5 of the owner's notes.
"""

import codecs
import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

_TIME = r"(?:(\d{1,3}):)?([0-5]?\d):([0-5]\d)[.,](\d{3})"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s.*)?")
_TAG = re.compile(r"<[^<>]*>")
_VOICE = re.compile(r"\s*<v(?:\.[^\s<>]*)?\s+([^<>]{1,200})>")
_CUE_NUMBER = re.compile(r"\s*\d{1,9}\s*")
_NAMED = re.compile(r"\s*(.{1,100}?):\s+(.*)", re.DOTALL)  # 64 characters are Zoom's limit for a display name
_MESSAGE = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)[\t ]+(.{1,200}?)\s*:(?:\t| *$)(.*)")
_OLD_MESSAGE = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)[\t ]+(From .{1,200}?)\s*:\s(.*)")
_TO = re.compile(r"\s+to\s+.*$", re.IGNORECASE)
_REACTION = re.compile(r"(?:Reacted to|Removed a .{1,40} reaction from) \"")
_REPLY = re.compile(r"Replying to \".*?\"\s*", re.DOTALL)
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


@dataclass(frozen=True, slots=True)
class Utterance:
    """Somebody said or wrote something. `speaker` is a display name, which proves nothing. Seconds are those of the
    recording segment; a chat line ends when it starts."""

    speaker: str | None
    start_seconds: float
    end_seconds: float
    text: str


def parse(document: bytes, file_kind: str) -> list[Utterance]:
    """Return what was said, in the order of the file; none where nothing could be read.

    `file_kind` is `transcript`, `captions` or `chat`, as schemas.archive names them.
    """
    lines = _lines(document)
    if file_kind == "chat":
        return list(_messages(lines))
    cues = list(_cues(lines))
    return cues if file_kind == "captions" else list(_with_names(cues))


def seconds_covered(utterances: Iterable[Utterance]) -> float:
    """Return for how many seconds somebody was heard; overlapping cues count once."""
    total, until = 0.0, 0.0
    for start, end in sorted((one.start_seconds, one.end_seconds) for one in utterances):
        total += max(0.0, end - max(start, until))
        until = max(until, end)
    return round(total, 3)


def _lines(document: bytes) -> list[str]:
    encoding = next((name for bom, name in _BOMS if document.startswith(bom)), "utf-8")
    text = document.decode(encoding, errors="replace").removeprefix("\ufeff")
    return re.split(r"\r\n|\n|\r", text)


def _cues(lines: Iterable[str]) -> Iterator[Utterance]:
    """Cues one after another; a cue ends with an empty line or where the next timing stands."""
    times: tuple[float, float] | None = None
    texts: list[str] = []
    for line in (*lines, ""):
        timing = _TIMING.fullmatch(line)
        if timing is None and line.strip():
            texts.append(line.strip())
            continue
        if times is not None and timing is not None and texts and _CUE_NUMBER.fullmatch(texts[-1]):
            texts.pop()  # the next cue's number: the empty line before it is missing
        if times is not None and texts:
            yield _cue(times, " ".join(texts))
        texts, times = [], None if timing is None else _times(timing)


def _cue(times: tuple[float, float], text: str) -> Utterance:
    voice = _VOICE.match(text)
    speaker = html.unescape(voice.group(1)).strip() if voice else None
    return Utterance(speaker or None, *times, html.unescape(_TAG.sub("", text)).strip())


def _times(timing: re.Match[str]) -> tuple[float, float]:
    start, end = _seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:])
    return start, max(start, end)


def _seconds(hours: str | None, minutes: str, seconds: str, thousandths: str | None = None) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + int(thousandths or 0) / 1000


def _with_names(cues: list[Utterance]) -> Iterator[Utterance]:
    """Split `Name: text`. A prefix is a name when it comes back, or looks like one: else words would get lost as names."""
    split = [None if cue.speaker else _NAMED.fullmatch(cue.text) for cue in cues]
    seen = Counter(match.group(1) for match in split if match)
    for cue, match in zip(cues, split, strict=True):
        if match and (seen[match.group(1)] > 1 or _looks_like_a_name(match.group(1))):
            yield replace(cue, speaker=match.group(1).strip(), text=match.group(2))
        else:
            yield cue


def _looks_like_a_name(prefix: str) -> bool:
    words = prefix.split()
    return 0 < len(words) <= 4 and not any(word[0].islower() for word in words)


def _messages(lines: Iterable[str]) -> Iterator[Utterance]:
    """Messages one after another; a line without a time goes on with the message before it."""
    message: Utterance | None = None
    for line in lines:
        match = _MESSAGE.fullmatch(line) or _OLD_MESSAGE.fullmatch(line)
        if match:
            yield from _written(message)
            message = _message(match)
        elif message is not None and line.strip():
            message = replace(message, text=f"{message.text} {line.strip()}")
    yield from _written(message)


def _message(match: re.Match[str]) -> Utterance:
    at, name = _seconds(*match.groups()[:3]), match.group(4).strip()
    if name.startswith("From "):
        name = _TO.sub("", name.removeprefix("From ")).strip()
    return Utterance(name or None, at, at, match.group(5).strip())


def _written(message: Utterance | None) -> Iterator[Utterance]:
    """A message without what it quotes; a reaction says nothing of its own."""
    if message is not None and not _REACTION.match(message.text):
        yield replace(message, text=_REPLY.sub("", message.text, count=1))
