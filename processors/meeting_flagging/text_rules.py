"""Find what text rules look for, over windows of neighbouring cues of one speaker: a phrase is often cut by a cue.

A hit belongs to the cue in which it begins, so each is found once. Of one rule and cue the first hit counts.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from processors.meeting_flagging.evidence import evidence
from processors.meeting_flagging.rules import Asked, Finding, Near, Rule, TextRules, Unless
from processors.meeting_flagging.validators import VALIDATORS
from schemas.texts.folding import Folded, fold
from schemas.texts.identifiers import Match, marked
from schemas.texts.spoken import Part, is_mostly_number, write_down_together
from schemas.texts.transcripts import Utterance

FOLLOWING_CUES = 2  # of the same speaker: a window is at most three cues, and one before them as context
NUMBER_CUES = 6  # more of them, where somebody goes on dictating a number
LOOK_AHEAD_CUES = 6  # of anybody, to find the next one: the other one says "yeah" in between
MAX_GAP_SECONDS = 15.0  # between two cues of one thought; a guess, to be measured with the text rules' quality
MAX_HITS_PER_RULE = 20  # in one document: three count for the score, twenty are evidence enough


@dataclass(frozen=True, slots=True)
class Window:
    """Cues joined by a blank. `ends[i]` is where cue i ends in the text; `first` is the one whose hits are looked for.

    `written` is the folded text with spoken numbers written down, `marked` the same with marks for identifiers.
    """

    places: Sequence[int]
    first: int
    ends: Sequence[int]
    written: Folded
    marked: Folded

    @property
    def begins_at(self) -> int:
        return self.ends[self.first - 1] + 1 if self.first else 0

    def cue_at(self, place: int) -> tuple[int, int]:
        """Which utterance a place of the text is in, and where in it."""
        cue = next(number for number, end in enumerate(self.ends) if place < end + 1)
        return self.places[cue], place - (self.ends[cue - 1] + 1 if cue else 0)


@dataclass(frozen=True, slots=True)
class _Hit:
    """A finding, and the utterance and character with which it ends: what begins before that is part of it."""

    finding: Finding
    ends_at: tuple[int, int]


def windows(utterances: Sequence[Utterance]) -> list[Window]:
    """Return the window of each utterance: the same ones for every policy."""
    dictated = [is_mostly_number(one.text) for one in utterances]
    parts = [Part(fold(one.text)) for one in utterances]
    return [_window(utterances, dictated, parts, place) for place in range(len(utterances))]


def find(
    utterances: Sequence[Utterance], windows: Sequence[Window], text_rules: TextRules, source: str
) -> list[Finding]:
    """Return the findings of these rules, in the order of the utterances; all quotes are masked."""
    if not text_rules.rules:
        return []
    hits: dict[str, list[_Hit]] = {rule.id: [] for rule in text_rules.rules}
    found: list[_Hit] = []
    questions = _Questions(utterances)
    for place, window in enumerate(windows):
        texts = {window.written.text, window.marked.text}
        for number in sorted({one for text in texts for one in text_rules.matching.Match(text) or ()}):
            rule = text_rules.rules[number]
            if rule.asked is not None and not questions.answered_at(place, rule.asked):
                continue
            before = hits[rule.id]
            hit = _first_hit(rule, window, utterances, source, before[-1] if before else None)
            if hit is not None and len(before) < MAX_HITS_PER_RULE:
                before.append(hit)
                found.append(hit)
    return [hit.finding for hit in found]


def _window(utterances: Sequence[Utterance], dictated: Sequence[bool], parts: Sequence[Part], place: int) -> Window:
    before = _neighbours(utterances, place, -1, 1)
    after = _neighbours(utterances, place, 1, FOLLOWING_CUES)
    while len(after) in range(FOLLOWING_CUES, FOLLOWING_CUES + NUMBER_CUES) and dictated[after[-1]]:
        following = _neighbour(utterances, after[-1], 1)
        if following is None or not dictated[following]:
            break
        after.append(following)
    places = [*before, place, *after]
    ends: list[int] = []
    for one in places:
        ends.append((ends[-1] + 1 if ends else 0) + len(utterances[one].text))
    written = write_down_together([parts[one] for one in places])
    return Window(places, len(before), ends, written, marked(written))


def _neighbours(utterances: Sequence[Utterance], place: int, step: int, most: int) -> list[int]:
    """The next cues of the same speaker in one direction, as long as they follow each other closely."""
    found: list[int] = []
    last = place
    while len(found) < most:
        other = _neighbour(utterances, last, step)
        if other is None:
            break
        found.append(other)
        last = other
    return found


def _neighbour(utterances: Sequence[Utterance], place: int, step: int) -> int | None:
    one = utterances[place]
    for other in range(place + step, place + step * (LOOK_AHEAD_CUES + 1), step):
        if not 0 <= other < len(utterances):
            return None
        cue = utterances[other]
        earlier, later = (one, cue) if step > 0 else (cue, one)
        if later.start_seconds - earlier.end_seconds > MAX_GAP_SECONDS:
            return None
        if cue.speaker == one.speaker:
            return other
    return None


def _first_hit(
    rule: Rule, window: Window, utterances: Sequence[Utterance], source: str, before: _Hit | None
) -> _Hit | None:
    text = window.written if rule.validator else window.marked
    for match, first, last in _hits(rule, window, text):
        severity = rule.severity - _drops(rule.unless, text.text, match)
        if severity <= 0 or (rule.validator and not VALIDATORS[rule.validator](match.group())):
            continue
        (cue, start), (last_cue, end) = window.cue_at(first), window.cue_at(last - 1)
        if before is not None and (cue, start) <= before.ends_at:
            continue
        finding = rule.finding(
            source,
            severity=severity,
            confidence=round(min(1.0, rule.confidence + _adds(rule.near, utterances[cue], utterances)), 4),
            **evidence(utterances, cue, last_cue, start, end + 1),
        )
        return _Hit(finding, (last_cue, end))
    return None


def _hits(rule: Rule, window: Window, text: Folded) -> Iterator[tuple[Match, int, int]]:
    """Matches that begin in the window's own cue, with their span in the original text."""
    if rule.pattern is None:
        return
    ends_at = window.ends[window.first]
    for match in rule.pattern.finditer(text.text, bisect_left(text.begins, window.begins_at)):
        if match.end() == match.start():
            continue
        first, last = text.origin(match.start(), match.end())
        if first >= ends_at:
            return
        yield match, first, last


def _drops(unless: Sequence[Unless], text: str, match: Match) -> int:
    if not unless:
        return 0
    before, after = text[: match.start()].split(), text[match.end() :].split()
    return max(one.drops if _is_around(one, before, match.group(), after) else 0 for one in unless)


def _is_around(unless: Unless, before: Sequence[str], hit: str, after: Sequence[str]) -> bool:
    tokens = unless.within_tokens
    around = [*before[max(0, len(before) - tokens) :], hit]
    return (
        unless.pattern.search(" ".join([*around, *after[:tokens]] if unless.side == "around" else around)) is not None
    )


def _adds(near: Near | None, cue: Utterance, utterances: Sequence[Utterance]) -> float:
    if near is None:
        return 0.0
    first, last = cue.start_seconds - near.within_seconds, cue.end_seconds + near.within_seconds
    close = (one for one in utterances if one.start_seconds <= last and one.end_seconds >= first)
    return near.adds if any(near.pattern.search(fold(one.text).text) for one in close) else 0.0


class _Questions:
    """Who asked for what, each utterance looked at once for each kind of question."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        self._utterances = utterances
        self._known: dict[tuple[int, str], bool] = {}

    def answered_at(self, place: int, asked: Asked) -> bool:
        """Whether somebody else asked just before."""
        answer = self._utterances[place]
        for other in range(place - 1, -1, -1):
            one = self._utterances[other]
            if answer.start_seconds - one.end_seconds > asked.within_seconds:
                return False
            if one.speaker != answer.speaker and self._asks(other, asked):
                return True
        return False

    def _asks(self, place: int, asked: Asked) -> bool:
        key = place, asked.pattern.pattern
        if key not in self._known:
            self._known[key] = asked.pattern.search(fold(self._utterances[place].text).text) is not None
        return self._known[key]
