"""Two policies over the same texts: what changes, by call and by rule, without a word of what was said."""

import json
from pathlib import Path
from typing import Any

import pytest

from processors.meeting_flagging import PolicyError
from processors.meeting_flagging import backtest as module
from processors.meeting_flagging.backtest import backtest

RULE = """
- {{id: test.{word}, title: A rule, explanation: What to know of it., category: sexual, severity: {severity},
   confidence: 1, mode: {mode}, channels: [chat, transcript], any: [{word}], match: [{word}], no_match: [bread]}}
"""


def policy(folder: Path, **rules: tuple[int, str]) -> Path:
    folder.mkdir()
    text = "".join(RULE.format(word=word, severity=grave, mode=mode) for word, (grave, mode) in rules.items())
    (folder / "family.yaml").write_text(text)
    return folder


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """Four calls, one of two files, one clean."""
    folder = tmp_path / "calls"
    (folder / "may").mkdir(parents=True)
    cue = "WEBVTT\n\n00:01:00.000 --> 00:01:02.500\nIda: here is an "
    (folder / "one.vtt").write_text(cue + "apple\n")
    (folder / "one.chat.txt").write_text("00:02:00\tIda:\ta pear\n")
    (folder / "may" / "two.vtt").write_text(cue + "plum\n")
    (folder / "three.txt").write_text("00:03:00\tIda:\ta fig\n")
    (folder / "four.vtt").write_text(cue + "end\n")
    (folder / "one.mp4").write_bytes(b"apple")
    return folder


def told(calls: Path, tmp_path: Path) -> dict[str, Any]:
    old = policy(tmp_path / "old", apple=(4, "live"), plum=(4, "live"), fig=(4, "shadow"))
    new = policy(tmp_path / "new", apple=(4, "live"), pear=(4, "live"), plum=(4, "shadow"), fig=(4, "live"))
    return backtest(old, new, calls)


def test_flags_added_removed_and_changed(calls: Path, tmp_path: Path) -> None:
    """By call, with rule and time of each finding that came or went."""
    difference = told(calls, tmp_path)

    assert (difference["calls"], difference["old"]["flagged"], difference["new"]["flagged"]) == (4, 2, 2)
    assert [one["call"] for one in difference["added"]] == ["three"]
    assert [one["call"] for one in difference["removed"]] == ["may/two"]
    (changed,) = difference["changed"]
    assert (changed["call"], changed["old"]["score"], changed["new"]["score"]) == ("one", 0.7, 0.91)
    assert changed["findings_removed"] == []
    assert changed["findings_added"] == [
        {"rule": "test.pear", "channel": "chat", "start": "00:02:00.000", "end": "00:02:00.000"}
    ]


def test_findings_are_counted_by_rule(calls: Path, tmp_path: Path) -> None:
    """Under the old policy, under the new, and in the new one's shadow."""
    assert told(calls, tmp_path)["by_rule"] == {
        "test.apple": {"old": 1, "new": 1, "shadow": 0},
        "test.fig": {"old": 0, "new": 1, "shadow": 0},
        "test.pear": {"old": 0, "new": 1, "shadow": 0},
        "test.plum": {"old": 1, "new": 0, "shadow": 1},
    }


def test_nothing_that_was_said_is_told(calls: Path, tmp_path: Path) -> None:
    """Neither quotes nor speakers."""
    text = json.dumps(told(calls, tmp_path))

    assert "here is" not in text
    assert "Ida" not in text


def test_helping_processes_tell_the_same(calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many calls are shared out; the order stays."""
    alone = told(calls, tmp_path)
    monkeypatch.setattr(module, "_ALONE", 0)

    assert backtest(tmp_path / "old", tmp_path / "new", calls) == alone


def test_policy_that_must_not_be_used_is_refused(calls: Path, tmp_path: Path) -> None:
    """Before any text is read."""
    good = policy(tmp_path / "good", apple=(4, "live"))
    bad = policy(tmp_path / "bad", bread=(4, "live"))

    with pytest.raises(PolicyError, match="no_match line 1"):
        backtest(good, bad, calls)
