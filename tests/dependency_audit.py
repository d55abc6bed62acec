"""`python -m tests.dependency_audit LOCK...`: fail where PyPI knows of a vulnerability in a version that is pinned.

pip-audit asks. Where PyPI or this part of it is away (no network, a mirror without its pages per version), it says in
one line what was not checked, and passes: a build must not hang on somebody else's server.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

MOST_SECONDS = 120.0  # 125 packages take 10 s; what takes longer is a network that is not there
ANSWER_SECONDS = "10"  # of one page


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether what is pinned may be used; `lines` say why."""

    passed: bool
    lines: tuple[str, ...]


@click.command()
@click.argument("locks", type=click.Path(exists=True, path_type=Path), nargs=-1, required=True)
def main(locks: Sequence[Path]) -> None:
    """Ask PyPI about everything that the lock files pin. Exit code 1: a vulnerability is known."""
    verdict = judge(*ask(locks))
    click.echo("\n".join(verdict.lines))
    sys.exit(0 if verdict.passed else 1)


def ask(locks: Sequence[Path]) -> tuple[str, str]:
    """Return what pip-audit says, and what it complains of."""
    command = [sys.executable, "-m", "pip_audit", "--vulnerability-service", "pypi", "--format", "json"]
    command += ["--require-hashes", "--disable-pip", "--progress-spinner", "off", "--timeout", ANSWER_SECONDS]
    for lock in locks:
        command += ["--requirement", str(lock)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return "", f"no end after {MOST_SECONDS:.0f} s"
    return done.stdout, done.stderr


def judge(said: str, complaint: str) -> Verdict:
    """Return the verdict on an answer of pip-audit's; without an answer, that nothing was checked."""
    try:
        dependencies = json.loads(said)["dependencies"]
    except ValueError:
        reason = (complaint.strip().splitlines() or ["no answer"])[-1]
        return Verdict(passed=True, lines=(f"audit: nothing was checked, PyPI could not be asked: {reason[:200]}",))
    known = tuple(_told(one, vulnerability) for one in dependencies for vulnerability in one.get("vulns", ()))
    return Verdict(not known, (*known, _summary(len(known), dependencies)))


def _told(dependency: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    mended = ", ".join(vulnerability["fix_versions"])
    names = ", ".join((vulnerability["id"], *vulnerability["aliases"]))
    return f"{dependency['name']} {dependency['version']}: {names}; " + (
        f"mended in {mended}" if mended else "not mended"
    )


def _summary(known: int, dependencies: Sequence[dict[str, Any]]) -> str:
    unknown = sum("skip_reason" in one for one in dependencies)
    found = f"audit: {known or 'no'} known {'vulnerability' if known == 1 else 'vulnerabilities'}"
    if unknown == len(dependencies):
        return f"audit: nothing was checked, this index has no page about any of the {unknown} versions pinned"
    if unknown:
        return f"{found} in {len(dependencies) - unknown} packages; {unknown} were not checked, the index has no page"
    return f"{found} in {len(dependencies)} packages"


if __name__ == "__main__":
    main(prog_name="python -m tests.dependency_audit")
