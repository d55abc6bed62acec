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

from processors.meeting_flagging.file_report import clock_time, kind_of
from processors.meeting_flagging.learned.files import digest
from processors.meeting_flagging.policy_check import check
from processors.meeting_flagging.policy_files import load_policy
from processors.meeting_flagging.rules import Finding, Policy
from processors.meeting_flagging.scanning import Talk, detect
from processors.meeting_flagging.scoring import judge
from schemas.texts.transcripts import parse

_ALONE = 50  # calls: up to here one process is done (30 ms a call and policy) before others have started
_TEXTS = (".vtt", ".txt")

_Policies = tuple[Policy, Policy]
_policies: list[_Policies] = []  # of a helping process, loaded once: compiled patterns cannot be sent to it


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
    policies = _load((old, new))
    for policy in policies:
        check(policy)
    calls = _calls(directory)
    with_outcomes = list(zip(calls, _outcomes(list(calls.values()), (old, new), policies), strict=True))
    return {
        "calls": len(calls),
        "old": _summary(policies[0], [old for _, (old, _) in with_outcomes]),
        "new": _summary(policies[1], [new for _, (_, new) in with_outcomes]),
        "added": [_change(*one) for one in with_outcomes if one[1][1].flagged and not one[1][0].flagged],
        "removed": [_change(*one) for one in with_outcomes if one[1][0].flagged and not one[1][1].flagged],
        "changed": [_change(*one) for one in with_outcomes if _is_changed(*one[1])],
        "by_rule": _by_rule([pair for _, pair in with_outcomes]),
    }


def _load(folders: tuple[Path, Path]) -> _Policies:
    """Load both; two that have the same learned model share it, so that it is asked once."""
    old, new = load_policy(folders[0]), load_policy(folders[1])
    is_same = digest(folders[0]) == digest(folders[1])
    return old, replace(new, model=old.model) if is_same and new.model and old.model else new


def _calls(directory: Path) -> dict[str, list[Path]]:
    calls: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sorted(directory.rglob("*")):
        if path.suffix.lower() in _TEXTS and path.is_file():
            relative = path.relative_to(directory)
            calls[relative.with_name(relative.name.split(".")[0]).as_posix()].append(path)
    return dict(calls)


def _outcomes(calls: Sequence[Sequence[Path]], folders: tuple[Path, Path], policies: _Policies) -> Iterator[_Pair]:
    if len(calls) <= _ALONE:
        yield from (_judged(files, policies) for files in calls)
        return
    spawn = get_context("spawn")  # a fork of a process with threads can hang
    with ProcessPoolExecutor(os.cpu_count(), spawn, _begin_helping, folders) as helpers:
        yield from helpers.map(_help, calls, chunksize=10)


def _begin_helping(old: Path, new: Path) -> None:
    _policies.append(_load((old, new)))
    gc.freeze()  # what is kept for good need not be looked through again for every call


def _help(files: Sequence[Path]) -> _Pair:
    return _judged(files, _policies[0])


def _judged(files: Sequence[Path], policies: _Policies) -> _Pair:
    talks = [_read(path) for path in files]
    old, new = (_outcome(talks, policy) for policy in policies)
    return old, new


def _read(path: Path) -> Talk:
    document = path.read_bytes()
    kind = kind_of(path.name, document)
    return Talk(parse(document, kind), kind)


def _outcome(talks: Sequence[Talk], policy: Policy) -> _Outcome:
    findings = [finding for talk in talks for finding in detect(talk, policy)]
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
