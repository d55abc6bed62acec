"""How well single lines are judged: our own test split, HateCheck, and the peers on the same lines in the same run."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from processors.meeting_flagging import Policy
from processors.meeting_flagging.evaluation import evaluate
from processors.meeting_flagging.labelled import Labelled, read_labelled
from tests.benchmarks.table import Bar, Row, judged, not_run, reported
from tests.policy_numbers.peers import PeerMissing, ask
from tests.policy_numbers.sources import CORPUS, Sources

ABUSE_PEERS = ("alt-profanity-check", "safetype")


def measure(sources: Sources, policy: Policy) -> Iterator[Row]:
    """Yield the rows about lines."""
    lines = read_labelled(CORPUS / "test.jsonl")
    result = evaluate(lines, policy)
    violation = result["violation"]
    note = f"{len(lines)} lines by a writer who saw neither rules nor training lines"
    yield judged("test split: precision", "share", [violation["precision"]], Bar(0.88, 0.96, True), note)
    yield judged(
        "test split: recall", "share", [violation["recall"]], Bar(0.80, 0.92, True), _spread(violation["recall_95"])
    )
    lowest = min(result["by_category"], key=lambda name: result["by_category"][name]["recall"])
    least = result["by_category"][lowest]
    yield judged(
        "test split: recall of the worst category", "share", [least["recall"]], Bar(0.65, 0.88, True), f"{lowest}, {least['n']} lines"
    )  # fmt: skip
    yield judged(
        "test split: right category of hits", "share", [result["category_accuracy"]], Bar(0.85, 0.95, True),
        _spread(result["category_accuracy_95"]),
    )  # fmt: skip
    flagged = result["flagged"]
    yield reported(
        "test split: violations that flag a call alone",
        "share",
        [flagged["violating"]],
        "the rest are notes for the analyst",
    )
    yield reported("test split: innocent lines that do", "share", [flagged["innocent"]])
    yield from _peers("test split", lines)
    yield from _hatecheck(sources, policy)
    translated = evaluate(read_labelled(Path(__file__).with_name("translated.json")), policy)
    note = f"{translated['rows']} lines of our own in es, fr, de, pt; specificity {translated['violation']['specificity']:.2f}"
    yield reported("other languages, exact categories: recall", "share", [translated["violation"]["recall"]], note)


def _hatecheck(sources: Sources, policy: Policy) -> Iterator[Row]:
    if sources.shared("hatecheck.json") is None:
        yield not_run("HateCheck", "the owner's data is not here")
        return
    lines = read_labelled(sources.shared_path("hatecheck.json"))
    result = evaluate(lines, policy)
    violation = result["violation"]
    note = f"{len(lines)} lines, findings with a ground"
    yield judged("HateCheck: recall", "share", [violation["recall"]], Bar(0.45, 0.75, True), note)
    yield judged("HateCheck: specificity", "share", [violation["specificity"]], Bar(0.85, 0.90, True))
    identity = [one for name, one in result["by_functionality"].items() if name.startswith("ident_")]
    right = sum(one["right"] * one["n"] for one in identity) / max(1, sum(one["n"] for one in identity))
    yield judged("HateCheck: identity lines right", "share", [right], Bar(1.0, 1.0, True), "neutral and positive")
    yield from _peers("HateCheck", lines)


def _peers(what: str, lines: Sequence[Labelled]) -> Iterator[Row]:
    for peer in ABUSE_PEERS:
        try:
            answers = ask(peer, [line.text for line in lines])
        except PeerMissing as error:
            yield not_run(f"  {peer} on {what}", str(error))
            continue
        yield reported(f"  {peer} on {what}: precision", "share", [_share(lines, answers, "precision")])
        yield reported(f"  {peer} on {what}: recall", "share", [_share(lines, answers, "recall")])
        if what == "HateCheck":
            yield reported(f"  {peer} on {what}: specificity", "share", [_share(lines, answers, "specificity")])


def _share(lines: Sequence[Labelled], answers: Sequence[Any], what: str) -> float:
    pairs = [(line.violates, bool(answer)) for line, answer in zip(lines, answers, strict=True)]
    of = {
        "precision": [violates for violates, hit in pairs if hit],
        "recall": [hit for violates, hit in pairs if violates],
        "specificity": [not hit for violates, hit in pairs if not violates],
    }[what]
    return sum(of) / len(of) if of else 0.0


def _spread(interval: tuple[float, float]) -> str:
    return f"95 %: {interval[0]:.2f}-{interval[1]:.2f}"
