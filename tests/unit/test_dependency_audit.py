"""A known vulnerability fails the check; what could not be asked is told in one line, and passes."""

import json
from typing import Any

import pytest

from tests.dependency_audit import judge

CLEAN = {"name": "flask", "version": "3.1.3", "vulns": []}
SKIPPED = {"name": "alembic", "skip_reason": "Dependency not found on PyPI and could not be audited: alembic (1.20.1)"}
VULNERABLE = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [
        {"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": ["CVE-2018-18074"], "description": "long"},
        {"id": "PYSEC-2023-74", "fix_versions": [], "aliases": [], "description": "longer"},
    ],
}


def said(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def test_a_known_vulnerability_fails() -> None:
    """The package, its version, the vulnerability's names and what mends it, one line each."""
    verdict = judge(said(CLEAN, VULNERABLE), "Found 2 known vulnerabilities in 1 package")

    assert not verdict.passed
    assert verdict.lines == (
        "requests 2.19.0: PYSEC-2018-28, CVE-2018-18074; mended in 2.20.0",
        "requests 2.19.0: PYSEC-2023-74; not mended",
        "audit: 2 known vulnerabilities in 2 packages",
    )


def test_a_known_vulnerability_fails_beside_what_was_not_checked() -> None:
    """What the index has no page about does not hide what it knows."""
    verdict = judge(said(SKIPPED, VULNERABLE), "")

    assert not verdict.passed
    assert verdict.lines[-1] == (
        "audit: 2 known vulnerabilities in 1 packages; 1 were not checked, the index has no page"
    )


@pytest.mark.parametrize(
    ("dependencies", "line"),
    [
        ([CLEAN], "audit: no known vulnerabilities in 1 packages"),
        ([CLEAN, SKIPPED], "audit: no known vulnerabilities in 1 packages; 1 were not checked, the index has no page"),
        ([SKIPPED], "audit: nothing was checked, this index has no page about any of the 1 versions pinned"),
    ],
)
def test_what_was_not_checked_is_told(dependencies: list[dict[str, Any]], line: str) -> None:
    """Nothing counts as looked at that was not."""
    verdict = judge(said(*dependencies), "No known vulnerabilities found")

    assert verdict.passed
    assert verdict.lines == (line,)


@pytest.mark.parametrize("complaint", ["Traceback ...\n  raise\nConnectionError: no route\n", "", "x" * 1000])
def test_an_index_that_is_away_is_told_and_passes(complaint: str) -> None:
    """One line, with the last of what pip-audit complained of."""
    verdict = judge("", complaint)

    assert verdict.passed
    [line] = verdict.lines
    assert line.startswith("audit: nothing was checked, PyPI could not be asked: ")
    assert len(line) < 300
