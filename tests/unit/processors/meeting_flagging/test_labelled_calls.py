"""Whole calls of our own writing: what is found in them, what is left alone, and that no planted secret is shown.

They lie in tests/labelled_calls, each with what is expected of it. What people mean beyond the exact words is the
learned model's part; here the rules alone must reach the bar for calls.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from processors.meeting_flagging.file_report import file_report
from tests.unit.processors.shipped_policy import POLICY

FOLDER = Path(__file__).resolve().parents[3] / "labelled_calls"
LABELS = {path.name.split(".")[0]: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.labels.json"))}

each_call = pytest.mark.parametrize("name", LABELS)


def report(name: str) -> dict[str, Any]:
    (path,) = (path for path in FOLDER.glob(f"{name}.*") if not path.name.endswith(".labels.json"))
    return file_report(path.name, path.read_bytes(), POLICY)


def seconds(clock: str) -> float:
    hours, minutes, rest = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(rest)


def meets(finding: dict[str, Any], label: dict[str, Any]) -> bool:
    """Whether a finding is of a label's category and within a second of it."""
    ends = seconds(label.get("end") or label["start"])
    close = seconds(finding["start"]) <= ends + 1 and seconds(finding["end"]) >= seconds(label["start"]) - 1
    return bool(close and finding["category"] == label["category"])


@each_call
def test_no_planted_secret_is_shown(name: str) -> None:
    """Neither in quotes nor in the cues around them."""
    told = json.dumps(report(name), ensure_ascii=False)

    assert [secret for secret in LABELS[name]["secrets"] if secret in told] == []


@each_call
def test_innocent_calls_make_no_flag(name: str) -> None:
    """Nor is a refusal, a warning or a retold scam a finding of its speaker."""
    found = report(name)

    assert found["flag"] is None or not LABELS[name]["clean"]
    for innocent in LABELS[name]["must_not"]:
        wanted = any(
            meets({**one, "end": one.get("end") or one["start"]}, innocent) for one in LABELS[name]["expected"]
        )
        assert wanted or not any(meets(finding, innocent) for finding in found["findings"])


def test_what_is_said_is_found_where_it_is_said() -> None:
    """Nineteen findings of twenty, in the right category, within a second."""
    found = {name: report(name)["findings"] for name in LABELS}
    hits = [any(meets(one, label) for one in found[name]) for name in LABELS for label in LABELS[name]["expected"]]

    assert sum(hits) >= 0.95 * len(hits)
