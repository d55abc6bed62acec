"""Scan a file from a disk and tell what was found, as people and programs read it: one row of JSON-able data."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from processors.meeting_flagging.rules import Finding, Policy
from processors.meeting_flagging.scanning import scan
from processors.meeting_flagging.scoring import judge, parts

_CAPTIONS = re.compile(r"(?:.*[^a-z])?(?:cc|captions)(?:[^a-z].*)?", re.IGNORECASE | re.DOTALL)
_WORDS = (
    "quote",
    "quote_from",
    "quote_to",
    "said_before",
    "said_after",
    "telling",
    "speaker",
)  # of what was said, and by whom
_TIMED = re.compile(rb"(?:\A(?:\xef\xbb\xbf)?WEBVTT)|-->")


def kind_of(name: str, document: bytes) -> str:
    """Tell what a file is, by what it holds; captions differ from transcripts by name alone (`cc`, `captions`)."""
    if not (name.lower().endswith(".vtt") or _TIMED.search(document)):
        return "chat"
    return "captions" if _CAPTIONS.fullmatch(name.rsplit("/", 1)[-1]) else "transcript"


def file_report(name: str, document: bytes, policy: Policy) -> dict[str, Any]:
    """Return what the policy finds in a file, and the flag that it would make by itself; never raises.

    `findings` are those of live rules. What rules in shadow find stands in `shadow`, without quotes.
    """
    result = scan(document, kind_of(name, document), policy)
    live = [finding for finding in result.findings if finding["mode"] == "live"]
    verdict = judge(live)
    flag = {
        "score": verdict.score,
        "severity": verdict.severity,
        "priority": verdict.priority,
        "policy_version": policy.version,
    }
    return {
        "file": name,
        "findings": _rows(live),
        "flag": flag if verdict.flagged else None,
        "coverage": {"seconds": result.seconds, "utterances": result.utterances, "languages": result.languages},
        "shadow": [_without_quote(row) for row in _rows([one for one in result.findings if one["mode"] != "live"])],
    }


def clock_time(seconds: float) -> str:
    """Write seconds as `HH:MM:SS.mmm`."""
    thousandths = round(seconds * 1000)
    minutes, rest = divmod(thousandths, 60_000)
    return f"{minutes // 60:02}:{minutes % 60:02}:{rest // 1000:02}.{rest % 1000:03}"


def _rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    return [_row(finding, part) for finding, part in zip(findings, parts(findings), strict=True)]


def _row(finding: Finding, part: float) -> dict[str, Any]:
    return {
        "rule": finding["rule_id"],
        "rule_version": finding["rule_version"],
        "category": finding["category"],
        "ground": finding["ground"],
        "severity": finding["severity"],
        "confidence": finding["confidence"],
        "channel": "chat" if finding["source"] == "chat" else "transcript",
        "start": clock_time(finding["start_seconds"]),
        "end": clock_time(finding["end_seconds"]),
        "speaker": finding["speaker"],
        "quote": finding["quote"],
        "quote_from": finding["quote_from"],
        "quote_to": finding["quote_to"],
        "said_before": finding["said_before"],
        "said_after": finding["said_after"],
        "nearest": finding.get("nearest", []),  # labelled lines that the model finds it like; a rule has none
        "telling": finding.get("telling", []),
        "part": round(part, 4),  # as fine as scores are
    }


def _without_quote(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _WORDS}
