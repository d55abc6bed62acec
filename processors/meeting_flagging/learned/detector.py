"""Make findings of what the learned model says: of every cue, and of neighbouring cues of one speaker together.

A phrase is often cut by a cue, so cues are also read together with those that follow. A finding names exactly the cues
that were read for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from processors.meeting_flagging.evidence import evidence
from processors.meeting_flagging.learned.grounds import ground_of
from processors.meeting_flagging.learned.model import HEADS, TEXT_CATEGORIES, Model, Said
from processors.meeting_flagging.learned.words import stretches, words_of, words_of_all
from processors.meeting_flagging.rules import GROUNDS, Finding, Rule
from schemas.texts.folding import fold
from schemas.texts.redact import mask
from schemas.texts.transcripts import Utterance

MAX_CUES = 3  # read together
MAX_GAP_SECONDS = 6.0  # between two cues of one thought
LOOK_AHEAD_CUES = 3  # of anybody: the other one says "yeah" in between
MOST_WORDS = 36  # read together: nine in ten examples are no longer
MAX_HITS_PER_RULE = 20  # in one document: three count for the score, twenty are evidence enough
MAX_NOTES_PER_RULE = 3  # of severity 1: as many as count
MORE_CUES_COST = 0.05  # of chance: so much likelier must a text be for each further cue that it takes
SECOND_SHARE = 0.75  # of the best category's score: from here on the second one is named too
SECOND_SEVERITY, SECOND_CONFIDENCE = 2, 0.5  # at most, and so much of the first one's: it is seldom meant as well
_GROUNDED = ("hate_harassment", "offensive_comment", "violence_threat")
_FIRST_GROUND = len(TEXT_CATEGORIES) + 1  # of HEADS


@dataclass(frozen=True, slots=True)
class _Span:
    """Cues read together, by their places: from a character of the first to one of the last."""

    places: tuple[int, ...]
    first: int
    last: int
    words: Sequence[str]


@dataclass(frozen=True, slots=True)
class Heard:
    """A document with its spans and what the model says of them."""

    utterances: Sequence[Utterance]
    spans: Sequence[_Span]
    said: Said
    model: Model


def hear(utterances: Sequence[Utterance], model: Model) -> Heard:
    """Ask the model about what was said: nearly all the work, and the same for every policy that has this model."""
    spans = list(_spans(utterances, model))
    return Heard(utterances, spans, model.say([span.words for span in spans]), model)


def find_learned(heard: Heard, rules: Mapping[str, Rule], source: str) -> list[Finding]:
    """Return what the model's rules find, in the order of the utterances; all quotes are masked."""
    taken: dict[str, set[int]] = {category: set() for category in rules}
    counts: dict[tuple[str, bool], int] = {}
    found: list[tuple[int, Finding]] = []
    for row, category in _hits(heard, rules):
        rule, places = rules[category], heard.spans[row].places
        likely = _is_likely(rule, heard, row)
        most = MAX_HITS_PER_RULE if likely else MAX_NOTES_PER_RULE
        if taken[category].isdisjoint(places) and counts.get((category, likely), 0) < most:
            taken[category].update(places)
            counts[category, likely] = counts.get((category, likely), 0) + 1
            found.append((places[0], _finding(rule, heard, row, source)))
    return [finding for _, finding in sorted(found, key=lambda one: one[0])]


def _spans(utterances: Sequence[Utterance], model: Model) -> Iterator[_Span]:
    """Every cue alone, long ones in stretches, then two together, then three."""
    texts = [fold(one.text).text for one in utterances]
    words = [words_of(text) for text in texts]
    split = model.reader.concepts.split
    sizes = [len(one.text.split()) for one in utterances]
    for place, one in enumerate(utterances):
        for first, last in stretches(one.text, MOST_WORDS):
            is_whole = last - first == len(one.text.rstrip())
            read = words[place] if is_whole else words_of(fold(one.text[first:last]).text)
            yield _Span((place,), first, last, split(read))
    for run in (_following(utterances, place) for place in range(len(utterances))):
        for size in range(2, len(run) + 1):
            places = tuple(run[:size])
            if sum(sizes[one] for one in places) <= MOST_WORDS:
                read = words_of_all([texts[one] for one in places], [words[one] for one in places])
                yield _Span(places, 0, len(utterances[places[-1]].text), split(read))


def _following(utterances: Sequence[Utterance], place: int) -> list[int]:
    """This cue and those of the same speaker that follow closely."""
    run = [place]
    for other in range(place + 1, min(len(utterances), place + 1 + LOOK_AHEAD_CUES * (MAX_CUES - 1))):
        last, one = utterances[run[-1]], utterances[other]
        if other - run[-1] > LOOK_AHEAD_CUES or one.start_seconds - last.end_seconds > MAX_GAP_SECONDS:
            break
        if one.speaker == last.speaker:
            run.append(other)
        if len(run) == MAX_CUES:
            break
    return run


def _hits(heard: Heard, rules: Mapping[str, Rule]) -> list[tuple[int, str]]:
    """What could be a finding, by span and category: the likely before the notes, then the likelier of fewer cues."""
    least = min((_at_least(rule) for rule in rules.values()), default=1.0)
    hits = [
        (row, category)
        for row in range(len(heard.spans))
        if heard.said.chances[row] >= least
        for category in _categories(heard, row)
        if category in rules and heard.said.chances[row] >= _at_least(rules[category])
    ]
    return sorted(
        hits,
        key=lambda hit: (
            not _is_likely(rules[hit[1]], heard, hit[0]),
            MORE_CUES_COST * len(heard.spans[hit[0]].places) - heard.said.chances[hit[0]],
            hit[0],
        ),
    )


def _at_least(rule: Rule) -> float:
    return rule.learned.at_least if rule.learned else 1.0


def _is_likely(rule: Rule, heard: Heard, row: int) -> bool:
    return bool(rule.learned and heard.said.chances[row] >= rule.learned.likely)


def _categories(heard: Heard, row: int) -> list[str]:
    """The category that the text is most like, and the next one where it is nearly as like."""
    named = _most_like(heard, row)
    attacks = not set(named) & set(_GROUNDED) and _ground(heard, row) is not None
    return [*named, "hate_harassment"] if attacks else named


def _most_like(heard: Heard, row: int) -> list[str]:
    scores = heard.said.scores[row, : len(TEXT_CATEGORIES)]
    order = sorted(range(len(scores)), key=lambda one: -scores[one])[:2]
    return [TEXT_CATEGORIES[one] for one in order if scores[one] >= SECOND_SHARE * scores[order[0]]]


def _finding(rule: Rule, heard: Heard, row: int, source: str) -> Finding:
    span = heard.spans[row]
    chance = float(heard.said.chances[row])
    learned: dict[str, Any] = {
        "ground": _ground(heard, row) if rule.category in _GROUNDED else None,
        "nearest": heard.model.nearest(heard.said.seen[row], rule.category),
        "telling": _telling(rule, heard, span),
    }
    if rule.learned is not None:
        is_second = rule.category in _most_like(heard, row)[1:]
        learned["severity"] = rule.learned.severity(chance, SECOND_SEVERITY if is_second else rule.severity)
        learned["confidence"] = round(rule.learned.confidence(chance) * (SECOND_CONFIDENCE if is_second else 1.0), 4)
    shown = evidence(heard.utterances, span.places[0], span.places[-1], span.first, span.last)
    return rule.finding(source, **learned, **shown)


def _telling(rule: Rule, heard: Heard, span: _Span) -> list[str]:
    """The words that told most, as far as they may be shown."""
    text = " ".join(heard.utterances[place].text for place in span.places)
    shown = set(words_of(fold(mask(text)).text))
    return [gram for gram in heard.model.telling(span.words, rule.category, 8) if shown.issuperset(gram.split())][:3]


def _ground(heard: Heard, row: int) -> str | None:
    scores = heard.said.scores[row, _FIRST_GROUND : len(HEADS)].tolist()
    tagged = heard.model.reader.concepts.tagged(heard.spans[row].words)
    return ground_of(tagged, dict(zip(GROUNDS, scores, strict=True)))
