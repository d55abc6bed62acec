"""How well whole calls are judged: labelled calls, clean work meetings, evidence, planted secrets."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from processors.meeting_flagging import MeetingFlagging, Policy
from processors.meeting_flagging.file_report import file_report, kind_of
from processors.meeting_flagging.scanning import scan
from schemas.texts.transcripts import parse
from tests.benchmarks.table import Bar, Row, judged, not_run, reported
from tests.policy_numbers.lines import ABUSE_PEERS
from tests.policy_numbers.peers import PeerMissing, ask
from tests.policy_numbers.sources import CALLS, Sources, as_vtt
from tests.unit.processors import zoom_call as call
from tests.unit.processors.meeting_flagging.world import World, archived, key_of, together

_MASK = re.compile(r"\[(?:card ••\d{4}|number|secret|phone|e-mail|iban|ssn)\]")


def measure(sources: Sources, policy: Policy) -> Iterator[Row]:
    """Yield the rows about calls."""
    labels = {path: json.loads(path.read_text(encoding="utf-8")) for path in sorted(CALLS.glob("*.labels.json"))}
    reports = {path: file_report(file.name, file.read_bytes(), policy) for path in labels for file in [_call(path)]}
    expected = [(one, reports[path]["findings"]) for path in labels for one in labels[path]["expected"]]
    found = sum(any(_meets(finding, one) for finding in findings) for one, findings in expected)
    note = f"{len(labels)} calls, {len(expected)} findings, within a second"
    yield judged(
        "labelled calls: expected findings found", "share", [found / len(expected)], Bar(0.75, 0.95, True), note
    )
    clean = [path for path in labels if labels[path]["clean"]]
    yield judged(
        "  clean calls flagged",
        "calls",
        [sum(reports[one]["flag"] is not None for one in clean)],
        Bar(1, 0),
        f"of {len(clean)}",
    )
    leaks = sum(
        secret in json.dumps(reports[path], ensure_ascii=False) for path in labels for secret in labels[path]["secrets"]
    )
    planted = sum(len(one["secrets"]) for one in labels.values())
    yield judged("  planted secrets shown", "secrets", [leaks], Bar(0, 0), f"of {planted}")
    anywhere = sum(_kept_secrets(path, labels[path]["secrets"], policy) for path in labels)
    what = "  planted secrets anywhere outside the recording"
    yield judged(what, "secrets", [anywhere], Bar(0, 0), "in states, effects and topics of meeting_flagging")
    yield judged("evidence exact to the cue, verbatim", "share", [_verbatim(list(labels), policy)], Bar(1.0, 1.0, True))
    yield from _clean_meetings(sources, policy)


def _clean_meetings(sources: Sources, policy: Policy) -> Iterator[Row]:
    meetings = sources.shared("meetings_clean.json")
    if meetings is None:
        yield not_run("clean work meetings flagged", "the owner's data is not here")
        return
    reports = [file_report("m.vtt", as_vtt(meeting["utterances"]), policy) for meeting in meetings]
    flagged = 100 * sum(report["flag"] is not None for report in reports) / len(reports)
    grave = 100 * sum(one["severity"] >= 4 for report in reports for one in report["findings"]) / len(reports)
    yield judged("clean work meetings flagged", "%", [flagged], Bar(5, 1), f"{len(meetings)} meetings")
    yield judged("  findings of severity 4 and more", "per 100 meetings", [grave], Bar(2, 0.3))
    texts = [text for meeting in meetings for _, text in meeting["utterances"]]
    for peer in ABUSE_PEERS:
        try:
            answers = iter(ask(peer, texts))
        except PeerMissing as error:
            yield not_run(f"  {peer}: meetings with a hit", str(error))
            continue
        hits = [sum(bool(next(answers)) for _ in meeting["utterances"]) for meeting in meetings]
        yield reported(f"  {peer}: meetings with a hit", "%", [100 * sum(map(bool, hits)) / len(meetings)])


def _kept_secrets(labels: Path, secrets: list[str], policy: Policy) -> int:
    """How many secrets of a call are in anything that the processor keeps, asks for or publishes."""
    path = _call(labels)
    kind = kind_of(path.name, path.read_bytes())
    world = World(MeetingFlagging(policy), documents={key_of("t1"): path.read_bytes()}, policy=policy)
    world.play(call.registered(), *together(), archived(800, "t1", kind))
    kept = " ".join([*world.states.values(), *map(str, world.commands.values()), *world.reasons])
    return sum(secret in kept for secret in secrets)


def _call(labels: Path) -> Path:
    (path,) = (path for path in labels.parent.glob(f"{labels.name.split('.')[0]}.*") if path != labels)
    return path


def _meets(finding: dict[str, Any], label: dict[str, Any]) -> bool:
    ends = _seconds(label.get("end") or label["start"])
    close = _seconds(finding["start"]) <= ends + 1 and _seconds(finding["end"]) >= _seconds(label["start"]) - 1
    return close and finding["category"] == label["category"]


def _seconds(clock: str) -> float:
    hours, minutes, seconds = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def _verbatim(labels: list[Path], policy: Policy) -> float:
    """The share of findings whose times are cues' own, and whose quote, where nothing is masked, is what was said."""
    right: list[bool] = []
    for path in map(_call, labels):
        document = path.read_bytes()
        utterances = parse(document, kind_of(path.name, document))
        starts, ends = {one.start_seconds for one in utterances}, {one.end_seconds for one in utterances}
        said = {
            name: " ".join(one.text for one in utterances if one.speaker == name)
            for name in {u.speaker for u in utterances}
        }
        for one in scan(document, kind_of(path.name, document), policy).findings:
            exact = one["start_seconds"] in starts and one["end_seconds"] in ends
            inside = 0 <= one["quote_from"] < one["quote_to"] <= len(one["quote"])
            shown = _MASK.split(one["quote"])  # around masks everything is verbatim
            right.append(exact and inside and all(piece in said[one["speaker"]] for piece in shown))
    return sum(right) / len(right) if right else 0.0
