"""Nothing that any earlier commit published is broken, whatever later commits say."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from infra.contracts.history import breaking_since
from infra.contracts.published import ASYNCAPI, PUBLISHED, drift, write
from infra.errors import ConfigurationError

NAME = f"{PUBLISHED}/call.started.v1.json"
FIRST: dict[str, Any] = {"type": "object", "properties": {"a": {"type": "string"}, "b": {}}, "required": ["a"]}
GROWN = {**FIRST, "properties": {**FIRST["properties"], "c": {"type": "integer"}}}
WIDENED = {**FIRST, "properties": {"a": {"type": ["string", "null"]}, "b": {}}}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository that has published FIRST."""
    git(tmp_path, "init", "-q")
    publish(tmp_path, {NAME: FIRST})
    return tmp_path


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=A Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


def publish(root: Path, documents: dict[str, Any]) -> None:
    write(root, {name: json.dumps(document) for name, document in documents.items()})
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", "publish")


def broken(root: Path, documents: dict[str, Any]) -> list[str]:
    return breaking_since(root, {name: json.dumps(document) for name, document in documents.items()})


def test_growing_is_fine(project: Path) -> None:
    """A new field in a published document, and a new document."""
    assert broken(project, {NAME: GROWN, f"{PUBLISHED}/call.new.v1.json": FIRST}) == []


def test_breaking_is_told_when_not_yet_committed(project: Path) -> None:
    """By file, place and change."""
    assert broken(project, {NAME: WIDENED}) == [f"{NAME}: .a: the type may now be null"]


def test_breaking_is_told_when_the_last_commit_did_it(project: Path) -> None:
    """What an older commit published counts as much: committing a break does not make it good."""
    publish(project, {NAME: WIDENED})

    assert broken(project, {NAME: WIDENED}) == [f"{NAME}: .a: the type may now be null"]


def test_breaking_is_told_when_a_document_is_gone(project: Path) -> None:
    """A type may not vanish, neither now nor in an earlier commit."""
    assert broken(project, {}) == [f"{NAME}: the document is gone"]


def test_a_withdrawn_version_is_no_break(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After its 90 days' notice a version is named in WITHDRAWN, and may go."""
    monkeypatch.setattr("infra.contracts.history.WITHDRAWN", frozenset({NAME}))

    assert broken(project, {}) == []


def test_breaking_is_told_when_a_type_leaves_its_topic(project: Path) -> None:
    """The AsyncAPI document promises where events travel, and in which headers."""

    def document(kinds: list[str], header: dict[str, Any]) -> dict[str, Any]:
        message = {"headers": {"type": "object", "properties": {"ce_id": header}, "required": ["ce_id"]}}
        channel = {"address": "call-events", "messages": dict.fromkeys(kinds)}
        return {"channels": {"call-events": channel}, "components": {"messages": {"call.started": message}}}

    publish(project, {NAME: FIRST, ASYNCAPI: document(["call.started", "call.ended"], {"type": "string"})})

    found = broken(project, {NAME: FIRST, ASYNCAPI: document(["call.started"], {})})

    assert found == [
        f"{ASYNCAPI}: call.ended is no longer on call-events",
        f"{ASYNCAPI}: call.started headers.ce_id: the type may now be any",
    ]


def test_it_says_so_when_there_is_no_history(tmp_path: Path) -> None:
    """Without git nobody can tell what was published."""
    with pytest.raises(ConfigurationError, match="git"):
        broken(tmp_path, {})


def test_drift_names_what_differs_is_missing_or_is_left_over(tmp_path: Path) -> None:
    """Each kind once; writing mends all of them."""
    wanted = {NAME: "right", f"{PUBLISHED}/missing.json": "x", "docs/a.md": "page"}
    write(tmp_path, wanted)
    (tmp_path / NAME).write_text("wrong")
    (tmp_path / PUBLISHED / "missing.json").unlink()
    (tmp_path / PUBLISHED / "left_over.json").write_text("old")

    touched = [NAME, f"{PUBLISHED}/left_over.json", f"{PUBLISHED}/missing.json"]
    assert drift(tmp_path, wanted) == touched
    assert write(tmp_path, wanted) == touched
    assert drift(tmp_path, wanted) == []
