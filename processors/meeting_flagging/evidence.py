"""Show what was said, masked: the quote of a hit, where in it the hit lies, and one cue of context on either side."""

from collections.abc import Iterator, Sequence
from typing import Any

from schemas.texts.redact import Masked, Span, answer_span, asks_for_secret, mask, mask_spans, merged
from schemas.texts.transcripts import Utterance

ANSWER_SECONDS = 30.0  # an answer comes within half a minute
_ANSWER_CUES = 3  # of one speaker after the question: "sure", "one moment", and the secret
_CUES_BACK = 6  # where the question is looked for: the other one says "one moment" in between


def evidence(utterances: Sequence[Utterance], first: int, last: int, start: int, end: int) -> dict[str, Any]:
    """Return a finding's evidence: who, when, the masked quote with the hit's span in it, and the cues around it.

    The hit reaches from character `start` of utterance `first` to character `end` of utterance `last`; what others said
    in between is not quoted.
    """
    speaker = utterances[first].speaker
    hit = [place for place in range(first, last + 1) if place in (first, last) or utterances[place].speaker == speaker]
    masked, offset = _masked(utterances, hit)
    quote, begins, ends = masked.around(masked.first + start, masked.first + end + (offset if last > first else 0))
    return {
        "speaker": None if speaker is None else mask(speaker),
        "start_seconds": utterances[first].start_seconds,
        "end_seconds": max(utterances[first].end_seconds, utterances[last].end_seconds),
        "quote": quote,
        "quote_from": begins,
        "quote_to": ends,
        "said_before": _context(utterances, first - 1),
        "said_after": _context(utterances, last + 1),
    }


def _context(utterances: Sequence[Utterance], place: int) -> str | None:
    if not 0 <= place < len(utterances):
        return None
    masked, _ = _masked(utterances, [place])
    return masked.around(masked.first, masked.first)[0]


def _masked(utterances: Sequence[Utterance], hit: Sequence[int]) -> tuple[Masked, int]:
    """The texts of some utterances of one speaker, masked as what they are part of; and where the last begins in them.

    Masks are found in what the speaker said just before and after as well, so that a cut cannot leave half of a number.
    """
    before, after = _same_speaker(utterances, hit[0], -1), _same_speaker(utterances, hit[-1], 1)
    places = [*before, *hit, *after]
    begins, at = {}, 0
    for place in places:
        begins[place] = at
        at += len(utterances[place].text) + 1
    text = " ".join(utterances[place].text for place in places)
    spans = merged([*mask_spans(text), *_answers(utterances, places, begins)])
    first, last = begins[hit[0]], begins[hit[-1]] + len(utterances[hit[-1]].text)
    return Masked.of(text, first, last, spans), begins[hit[-1]] - first


def _same_speaker(utterances: Sequence[Utterance], place: int, step: int) -> list[int]:
    for other in (place + step, place + 2 * step):
        if 0 <= other < len(utterances) and utterances[other].speaker == utterances[place].speaker:
            return [other]
    return []


def _answers(utterances: Sequence[Utterance], places: Sequence[int], begins: dict[int, int]) -> Iterator[Span]:
    """What may be the answer to a question for a secret."""
    for place in places:
        span = answer_span(utterances[place].text) if _is_asked(utterances, place) else None
        if span is not None:
            yield begins[place] + span[0], begins[place] + span[1], span[2]


def _is_asked(utterances: Sequence[Utterance], place: int) -> bool:
    """Whether somebody else has just asked for a secret."""
    answer, said = utterances[place], 0
    for other in range(place - 1, max(-1, place - 1 - _CUES_BACK), -1):
        one = utterances[other]
        said += one.speaker == answer.speaker
        if answer.start_seconds - one.end_seconds > ANSWER_SECONDS or said >= _ANSWER_CUES:
            return False
        if one.speaker != answer.speaker and asks_for_secret(one.text):
            return True
    return False
