"""Judge archived texts by two policies and tell the difference: ids, times and counts, never what was said."""

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from processors.meeting_flagging.blas import use_one_thread
from processors.meeting_flagging.file_report import clock_time, kind_of
from processors.meeting_flagging.learned.files import digest
from processors.meeting_flagging.policy_check import check
from processors.meeting_flagging.policy_files import load_policy, text_rules
from processors.meeting_flagging.rules import CHANNELS, Finding, Policy
from processors.meeting_flagging.scanning import Talk, detect
from processors.meeting_flagging.scoring import judge
from schemas.texts.transcripts import parse

_ALONE = 50  # calls: up to here one process is done (150 ms a call) before others have started
_TEXTS = (".vtt", ".txt")

_compared: list["_Compared"] = []  # of a helping process, loaded once: compiled patterns cannot be sent to it


@dataclass(frozen=True, slots=True)
class _Compared:
    """Two policies. `differing` is the new one without the rules that the old one has alike: they find the same."""

    old: Policy
    new: Policy
    differing: Policy

    @classmethod
    def load(cls, folders: tuple[Path, Path]) -> "_Compared":
        """Load both; where their learned models are the same, they share one, so that it is asked once."""
        old, new = load_policy(folders[0]), load_policy(folders[1])
        if digest(folders[0]) == digest(folders[1]) and old.model and new.model:
            new = replace(new, model=old.model)
        known = {rule.version for rule in old.rules}
        rules = tuple(rule for rule in new.rules if rule.version not in known)
        text = {name: text_rules([rule for rule in rules if name in rule.channels]) for name in CHANNELS}
        return cls(old, new, replace(new, rules=rules, text=text))

    def findings(self, talks: Sequence[Talk]) -> tuple[list[Finding], list[Finding]]:
        """Return what the old and what the new policy find in a call's texts."""
        versions = {rule.version for rule in self.new.rules}
        by_old = [finding for talk in talks for finding in detect(talk, self.old)]
        alike = [finding for finding in by_old if finding["rule_version"] in versions]
        by_new = [*alike, *(finding for talk in talks for finding in detect(talk, self.differing))]
        return by_old, by_new


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What one policy makes of a call. `live` and `shadow`: rule, channel, start and end of what was found."""

    flagged: bool
    score: float
    severity: int | None
    live: Counter[tuple[str, str, str, str]]
    shadow: Counter[str]

    def as_data(self) -> dict[str, Any]:
        return {"flagged": self.flagged, "score": self.score, "severity": self.severity}


_Pair = tuple[_Outcome, _Outcome]


def backtest(old: Path, new: Path, directory: Path) -> dict[str, Any]:
    """Return which flags the new policy adds, removes and changes on a directory of texts, as JSON-able data.

    Raises:
        PolicyError: one of the policies must not be used.
    """
    compared = _Compared.load((old, new))
    check(compared.old)
    check(compared.differing)
    calls = _calls(directory)
    with_outcomes = list(zip(calls, _outcomes(list(calls.values()), (old, new), compared), strict=True))
    return {
        "calls": len(calls),
        "old": _summary(compared.old, [old for _, (old, _) in with_outcomes]),
        "new": _summary(compared.new, [new for _, (_, new) in with_outcomes]),
        "added": [_change(*one) for one in with_outcomes if one[1][1].flagged and not one[1][0].flagged],
        "removed": [_change(*one) for one in with_outcomes if one[1][0].flagged and not one[1][1].flagged],
        "changed": [_change(*one) for one in with_outcomes if _is_changed(*one[1])],
        "by_rule": _by_rule([pair for _, pair in with_outcomes]),
    }


def _calls(directory: Path) -> dict[str, list[Path]]:
    calls: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(directory.rglob("*")):
        if path.suffix.lower() in _TEXTS and path.is_file():
            relative = path.relative_to(directory)
            calls[relative.with_name(relative.name.split(".")[0]).as_posix()].append(path)
    return dict(calls)


def _outcomes(calls: Sequence[Sequence[Path]], folders: tuple[Path, Path], compared: _Compared) -> Iterator[_Pair]:
    if len(calls) <= _ALONE:
        yield from (_judged(files, compared) for files in calls)
        return
    spawn = get_context("spawn")  # a fork of a process with threads can hang
    with ProcessPoolExecutor(os.cpu_count(), spawn, _begin_helping, folders) as helpers:
        yield from helpers.map(_help, calls, chunksize=10)


def _begin_helping(old: Path, new: Path) -> None:
    use_one_thread()
    _compared.append(_Compared.load((old, new)))
    gc.disable()  # judging makes no cycles, and looking for them costs a sixth of the time


def _help(files: Sequence[Path]) -> _Pair:
    return _judged(files, _compared[0])


def _judged(files: Sequence[Path], compared: _Compared) -> _Pair:
    old, new = compared.findings([_read(path) for path in files])
    return _outcome(old), _outcome(new)


def _read(path: Path) -> Talk:
    document = path.read_bytes()
    kind = kind_of(path.name, document)
    return Talk(parse(document, kind), kind)


def _outcome(findings: Sequence[Finding]) -> _Outcome:
    verdict = judge(findings)
    live = Counter(_where(finding) for finding in findings if finding["mode"] == "live")
    shadow = Counter(str(finding["rule_id"]) for finding in findings if finding["mode"] == "shadow")
    return _Outcome(verdict.flagged, verdict.score, verdict.severity, live, shadow)


def _where(finding: Finding) -> tuple[str, str, str, str]:
    start, end = clock_time(finding["start_seconds"]), clock_time(finding["end_seconds"])
    return finding["rule_id"], finding["source"], start, end


def _summary(policy: Policy, outcomes: Sequence[_Outcome]) -> dict[str, Any]:
    return {"version": policy.version, "flagged": sum(outcome.flagged for outcome in outcomes)}


def _is_changed(old: _Outcome, new: _Outcome) -> bool:
    same = (old.score, old.severity, old.live) == (new.score, new.severity, new.live)
    return old.flagged and new.flagged and not same


def _change(call: str, pair: _Pair) -> dict[str, Any]:
    old, new = pair
    return {
        "call": call,
        "old": old.as_data(),
        "new": new.as_data(),
        "findings_added": _listed(new.live - old.live),
        "findings_removed": _listed(old.live - new.live),
    }


def _listed(places: Counter[tuple[str, str, str, str]]) -> list[dict[str, str]]:
    names = ("rule", "channel", "start", "end")
    return [dict(zip(names, place, strict=True)) for place in sorted(places.elements())]


def _by_rule(pairs: Sequence[_Pair]) -> Mapping[str, dict[str, int]]:
    counts: defaultdict[str, dict[str, int]] = defaultdict(lambda: {"old": 0, "new": 0, "shadow": 0})
    for old, new in pairs:
        for column, found in (("old", old.live), ("new", new.live)):
            for (rule, *_), count in found.items():
                counts[rule][column] += count
        for rule, count in new.shadow.items():
            counts[rule]["shadow"] += count
    return dict(sorted(counts.items()))
