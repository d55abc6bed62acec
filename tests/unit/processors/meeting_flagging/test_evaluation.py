"""Measuring a policy: what counts as a hit, the shares, their intervals, and that no text comes out."""

import json
from pathlib import Path
from typing import Any

import pytest

from processors.meeting_flagging import Policy, load_policy
from processors.meeting_flagging.corpus_check import corpus_problems
from processors.meeting_flagging.evaluation import evaluate, share, wilson
from processors.meeting_flagging.labelled import LabelledError, read_labelled

RULE = r"""
- id: test.{name}
  title: A rule
  explanation: What an analyst should know of it.
  category: {category}
  {more}
  severity: 3
  confidence: 0.8
  mode: {mode}
  channels: [chat, transcript]
  any: ['\b{name}\b']
  match: [{name}]
  no_match: [nothing]
"""


def rule(name: str, category: str, mode: str = "live", more: str = "flags: scored") -> str:
    return RULE.format(name=name, category=category, mode=mode, more=more)


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    """Apples are insults with a ground, pears are links without one, plums are tried in shadow."""
    folder = tmp_path / "policy"
    folder.mkdir()
    text = rule("apple", "hate_harassment", more="ground: religion") + rule("pear", "suspicious_link")
    (folder / "family.yaml").write_text(text + rule("plum", "sexual", "shadow"), encoding="utf-8")
    return load_policy(folder)


def measured(tmp_path: Path, policy: Policy, *rows: dict[str, Any]) -> dict[str, Any]:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    return evaluate(read_labelled(path), policy)


def test_shares_of_labelled_lines(tmp_path: Path, policy: Policy) -> None:
    """Precision, recall, specificity and F1 of violation against ok; misses and false hits by id."""
    told = measured(
        tmp_path,
        policy,
        {"id": "a", "category": "hate_harassment", "text": "an apple", "channel": "transcript"},
        {"id": "b", "label": "sexual", "text": "a pear", "channel": "chat"},
        {"id": "c", "label": "sexual", "text": "a plum"},
        {"id": "d", "category": "ok", "text": "a pear"},
        {"id": "e", "label": "neither", "text": "bread"},
        {"text": "bread", "label": "ok"},
    )

    violation = told["violation"]
    assert (told["rows"], told["misses"], told["false_hits"]) == (6, ["c"], ["d"])
    assert (violation["precision"], violation["recall"]) == (0.6667, 0.6667)
    assert (violation["specificity"], violation["f1"]) == (0.6667, 0.6667)
    assert told["category_accuracy"] == 0.5
    assert {name: (one["n"], one["recall"]) for name, one in told["by_category"].items()} == {
        "hate_harassment": (1, 1.0),
        "sexual": (2, 0.5),
    }
    assert "apple" not in json.dumps(told)


def test_only_a_named_ground_counts_where_lines_are_hateful_or_not(tmp_path: Path, policy: Policy) -> None:
    """HateCheck asks for hate against a protected group: other findings are no hits there."""
    told = measured(
        tmp_path,
        policy,
        {"id": "a", "label": "hateful", "text": "an apple", "functionality": "slur_h"},
        {"id": "b", "label": "hateful", "text": "a pear", "functionality": "slur_h"},
        {"id": "c", "label": "non-hateful", "text": "a pear", "functionality": "ident_pos_nh"},
    )

    assert (told["violation"]["recall"], told["violation"]["specificity"]) == (0.5, 1.0)
    assert {name: (one["n"], one["right"]) for name, one in told["by_functionality"].items()} == {
        "ident_pos_nh": (1, 1.0),
        "slur_h": (2, 0.5),
    }


def test_a_share_of_nothing(tmp_path: Path, policy: Policy) -> None:
    """It is 0, and the interval says that nothing is known."""
    violation = measured(tmp_path, policy, {"label": "ok", "text": "bread"})["violation"]

    assert (violation["precision"], violation["precision_95"]) == (0.0, (0.0, 1.0))
    assert (violation["recall"], violation["f1"]) == (0.0, 0.0)


def test_intervals_are_wilson_s() -> None:
    """Against published values: 10 of 20 and 0 of 10."""
    assert wilson(10, 20) == (0.2993, 0.7007)
    assert wilson(0, 10) == (0.0, 0.2775)
    assert wilson(10, 10) == (0.7225, 1.0)
    assert share(1, 3) == 0.3333


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("a.json", "[", "not JSON"),
        ("a.json", '{"text": "x"}', "not a list"),
        ("a.json", '[{"text": "hidden"}]', "row 1"),
        ("a.jsonl", '{"text": "x", "label": "ok"}\n{"text": 5, "label": "ok"}', "row 2"),
        ("a.json", '[{"text": "hidden", "label": "ok", "channel": "smoke"}]', "channel"),
    ],
)
def test_file_that_holds_no_labelled_lines_is_refused(tmp_path: Path, name: str, text: str, says: str) -> None:
    """With its name and row; nothing of the text is told."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(LabelledError, match=says) as refused:
        read_labelled(tmp_path / name)

    assert str(refused.value).startswith(name)
    assert "hidden" not in str(refused.value)


def test_corpus_is_looked_through(tmp_path: Path) -> None:
    """Doubled ids and texts, unknown labels and grounds are told by file and id."""
    rows = [
        {"id": "1", "text": "Good  morning", "label": "ok"},
        {"id": "1", "text": "something else", "label": "ok"},
        {"id": "2", "text": "good morning", "label": "ok"},
        {"id": "3", "text": "words", "label": "rude"},
        {"id": "4", "text": "more words", "label": "sexual", "ground": "height"},
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    assert list(corpus_problems(tmp_path)) == [
        "a.jsonl 1: the id is taken",
        "a.jsonl 2: the same text as a.jsonl 1",
        "a.jsonl 3: an unknown label",
        "a.jsonl 4: an unknown ground",
    ]
