"""How well exact things are found: structured personal data, spoken numbers and addresses, evidence, secrets."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.texts.folding import fold
from schemas.texts.identifiers import identifiers
from schemas.texts.spoken import write_down
from tests.benchmarks.table import Bar, Row, judged, not_run, reported
from tests.policy_numbers.peers import PeerMissing, ask
from tests.policy_numbers.sources import Sources

_KINDS = {
    "CREDIT_CARD": "card", "PHONE_NUMBER": "phone", "US_SSN": "ssn", "IBAN_CODE": "iban", "EMAIL_ADDRESS": "email",
    "IP_ADDRESS": "ip", "DOMAIN_NAME": "url", "URL": "url",
}  # fmt: skip  # of presidio-research and of presidio
_Span = tuple[str, int, int]


def measure(sources: Sources) -> Iterator[Row]:
    """Yield the rows about numbers and addresses."""
    yield from _structured(sources)
    lines = json.loads((Path(__file__).parent / "spoken.json").read_text(encoding="utf-8"))
    found = sum(_is_written(line) for line in lines)
    note = f"{len(lines)} of our own writing, over cue borders and fillers"
    yield judged(
        "spoken numbers and e-mail addresses: recall", "share", [found / len(lines)], Bar(0.90, 0.98, True), note
    )


def _structured(sources: Sources) -> Iterator[Row]:
    rows = sources.shared("pii_synth.json")
    if rows is None:
        yield not_run("structured personal data: F1", "the owner's data is not here")
        return
    ours = [_ours(row["text"]) for row in rows]
    yield judged(
        "structured personal data: F1", "share", [_f1(rows, ours)], Bar(0.94, 0.97, True), f"{len(rows)} texts"
    )
    yield from _presidio(rows)
    meetings = sources.shared("meetings_clean.json") or []
    hits = sum(len(_ours(text)) for meeting in meetings for _, text in meeting["utterances"])
    per_hundred = 100 * hits / len(meetings)
    yield judged("  false hits", "per 100 clean meetings", [per_hundred], Bar(3, 1), f"{len(meetings)} meetings")


def _presidio(rows: list[dict[str, Any]]) -> Iterator[Row]:
    try:
        answers = ask("presidio", [row["text"] for row in rows])
    except PeerMissing as error:
        yield not_run("  presidio-analyzer, blank pipeline", str(error))
        return
    found = [[(_KINDS[kind], start, end) for kind, start, end in answer if kind in _KINDS] for answer in answers]
    yield reported("  presidio-analyzer, blank pipeline", "share", [_f1(rows, found)])


def _ours(text: str) -> list[_Span]:
    written = write_down(fold(text))
    return [
        (one.kind, *written.origin(one.start, one.end)) for one in identifiers(written.text) if one.kind != "number"
    ]


def _f1(rows: list[dict[str, Any]], answers: list[list[_Span]]) -> float:
    counts: Counter[str] = Counter()
    for row, found in zip(rows, answers, strict=True):
        expected = [(_KINDS[one["type"]], one["start"], one["end"]) for one in row["spans"] if one["type"] in _KINDS]
        left = list(dict.fromkeys(found))
        for one in expected:
            hit = next((two for two in left if two[0] == one[0] and two[1] < one[2] and one[1] < two[2]), None)
            if hit is not None:
                left.remove(hit)
                counts["hits"] += 1
        counts.update(expected=len(expected), found=len(set(found)))
    return 2 * counts["hits"] / (counts["expected"] + counts["found"])


def _is_written(line: Mapping[str, Any]) -> bool:
    written = write_down(fold(" ".join(line["cues"]))).text
    parts = [written[one.start : one.end] for one in identifiers(written)]
    if line["kind"] == "email":
        return line["value"] in parts
    return any("".join(letter for letter in part if letter.isdigit()) == line["value"] for part in parts)
