"""Find what text rules look for, over windows of neighbouring cues of one speaker: a phrase is often cut by a cue.

A hit belongs to the cue in which it begins, so each is found once. Of one rule and cue the first hit counts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processors.meeting_flagging.folding import Folded, fold
from processors.meeting_flagging.redact import mask, quote
from processors.meeting_flagging.rules import Finding, Match, Near, Rule, TextRules, Unless
from processors.meeting_flagging.transcripts import Utterance
from processors.meeting_flagging.validators import VALIDATORS

FOLLOWING_CUES = 2  # of the same speaker: a window is at most three cues, and one before them as context
LOOK_AHEAD_CUES = 6  # of anybody, to find those: the other one says "yeah" in between
MAX_GAP_SECONDS = 15.0  # between two cues of one thought; a guess, to be measured with the text rules' quality
MAX_HITS_PER_RULE = 20  # in one document: three count for the score, twenty are evidence enough


@dataclass(frozen=True, slots=True)
class _Window:
    """Cues joined by a blank. `ends[i]` is where cue i ends in `text`; `first` is the one whose hits are looked for."""

    cues: Sequence[Utterance]
    first: int
    text: str
    folded: Folded
    ends: Sequence[int]

    @property
    def begins_at(self) -> int:
        return self.ends[self.first - 1] + 1 if self.first else 0

    def cue_at(self, place: int) -> Utterance:
        return next(cue for cue, end in zip(self.cues, self.ends, strict=True) if place < end)


def find(utterances: Sequence[Utterance], text_rules: TextRules, source: str) -> list[Finding]:
    """Return the findings of these rules, in the order of the utterances; all quotes are masked."""
    counts = dict.fromkeys((rule.id for rule in text_rules.rules), 0)
    findings: list[Finding] = []
    for place in range(len(utterances)):
        window = _window(utterances, place)
        if text_rules.anything.search(window.folded.text) is None:
            continue
        for rule in text_rules.rules:
            finding = None if counts[rule.id] >= MAX_HITS_PER_RULE else _first_hit(rule, window, utterances, source)
            if finding is not None:
                counts[rule.id] += 1
                findings.append(finding)
    return findings


def _window(utterances: Sequence[Utterance], place: int) -> _Window:
    before = _neighbours(utterances, place, -1, 1)
    cues = [*before, utterances[place], *_neighbours(utterances, place, 1, FOLLOWING_CUES)]
    ends: list[int] = []
    for cue in cues:
        ends.append((ends[-1] + 1 if ends else 0) + len(cue.text))
    text = " ".join(cue.text for cue in cues)
    return _Window(cues, len(before), text, fold(text), ends)


def _neighbours(utterances: Sequence[Utterance], place: int, step: int, most: int) -> list[Utterance]:
    """The next cues of the same speaker in one direction, as long as they follow each other closely."""
    found: list[Utterance] = []
    last = utterances[place]
    for other in range(place + step, place + step * (LOOK_AHEAD_CUES + 1), step):
        if not 0 <= other < len(utterances) or len(found) == most:
            break
        cue = utterances[other]
        earlier, later = (last, cue) if step > 0 else (cue, last)
        if later.start_seconds - earlier.end_seconds > MAX_GAP_SECONDS:
            break
        if cue.speaker == last.speaker:
            found.append(cue)
            last = cue
    return found


def _first_hit(rule: Rule, window: _Window, utterances: Sequence[Utterance], source: str) -> Finding | None:
    for match, first, last in _hits(rule, window):
        severity = rule.severity - _drops(rule.unless, window.folded.text, match)
        if severity <= 0 or (rule.validator and not VALIDATORS[rule.validator](match.group())):
            continue
        cue, end = window.cue_at(first), window.cue_at(last - 1)
        return rule.finding(
            source,
            severity=severity,
            confidence=round(min(1.0, rule.confidence + _adds(rule.near, cue, utterances)), 4),
            speaker=None if cue.speaker is None else mask(cue.speaker),
            start_seconds=cue.start_seconds,
            end_seconds=max(cue.end_seconds, end.end_seconds),
            quote=quote(window.text, first, last),
        )
    return None


def _hits(rule: Rule, window: _Window) -> Iterator[tuple[Match, int, int]]:
    """Matches that begin in the window's own cue, with their span in the original text."""
    if rule.pattern is None:
        return
    ends_at = window.ends[window.first]
    for match in rule.pattern.finditer(window.folded.text):
        if match.end() == match.start():
            continue
        first, last = window.folded.origin(match.start(), match.end())
        if first >= ends_at:
            return
        if first >= window.begins_at:
            yield match, first, last


def _drops(unless: Unless | None, text: str, match: Match) -> int:
    if unless is None:
        return 0
    before, after = text[: match.start()].split(), text[match.end() :].split()
    tokens = unless.within_tokens
    around = [*before[max(0, len(before) - tokens) :], match.group(), *after[:tokens]]
    return unless.drops if unless.pattern.search(" ".join(around)) else 0


def _adds(near: Near | None, cue: Utterance, utterances: Sequence[Utterance]) -> float:
    if near is None:
        return 0.0
    first, last = cue.start_seconds - near.within_seconds, cue.end_seconds + near.within_seconds
    close = (one for one in utterances if one.start_seconds <= last and one.end_seconds >= first)
    return near.adds if any(near.pattern.search(fold(one.text).text) for one in close) else 0.0
