"""What earlier commits published, and what of it a reader could stumble over now."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from infra.contracts.breaking import breaking_changes
from infra.contracts.published import ASYNCAPI, PUBLISHED
from infra.errors import ConfigurationError

Json = dict[str, Any]

WITHDRAWN: frozenset[str] = frozenset()  # paths of versions whose 90 days' notice has passed
GIT_SECONDS = 30.0  # a local look-up; longer is a broken repository


def earlier_versions(root: Path) -> Iterator[tuple[str, Json]]:
    """Return path and document of every version of every published document in the history of HEAD, newest first.

    Raises:
        ConfigurationError: git or its history is not here.
    """
    log = _git(root, "log", "--format=", "--raw", "--no-abbrev", "--no-renames", "HEAD", "--", PUBLISHED)
    seen: set[tuple[str, str]] = set()
    for line in log.splitlines():
        details, _, path = line.partition("\t")  # ":mode mode old-blob new-blob status"
        blob = details.split(" ")[3]
        if set(blob) != {"0"} and (path, blob) not in seen and _is_event_document(path):
            seen.add((path, blob))
            yield path, json.loads(_git(root, "cat-file", "blob", blob))


def breaking_since(root: Path, wanted: Mapping[str, str]) -> list[str]:
    """Return every breaking change against what any earlier commit published, one sentence each.

    Raises:
        ConfigurationError: git or its history is not here.
    """
    found = [
        change for path, document in earlier_versions(root) for change in _broken(path, document, wanted.get(path))
    ]
    return sorted(set(found))


def _broken(path: str, published: Json, text: str | None) -> list[str]:
    if path in WITHDRAWN:
        return []
    if text is None:
        return [f"{path}: the document is gone"]
    proposed = json.loads(text)
    changes = _asyncapi_changes(published, proposed) if path == ASYNCAPI else breaking_changes(published, proposed)
    return [f"{path}: {change}" for change in changes]


def _asyncapi_changes(published: Json, proposed: Json) -> list[str]:
    """Where events travel and in which headers; payloads have documents of their own."""
    changes = []
    for name, channel in published["channels"].items():
        now = proposed["channels"].get(name, {"messages": {}, "address": None})
        if now["address"] != channel["address"]:
            changes.append(f"channel {name} is gone or elsewhere")
        changes += [
            f"{kind} is no longer on {name}" for kind in sorted(channel["messages"].keys() - now["messages"].keys())
        ]
    messages = proposed["components"]["messages"]
    for name, message in published["components"]["messages"].items():
        if name in messages:
            changes += breaking_changes(message["headers"], messages[name]["headers"], f"{name} headers")
    return changes


def _is_event_document(path: str) -> bool:
    return path.endswith(".json") and not path.endswith(".openapi.json")


def _git(root: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - git with arguments of ours
            ["git", *arguments], cwd=root, capture_output=True, check=True, text=True, timeout=GIT_SECONDS  # noqa: S607 - the user's git
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        raise ConfigurationError("git cannot tell what earlier commits published") from error
    return done.stdout
