"""`contracts`: write and check what subscribers read."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click

from infra.errors import ConfigurationError, PermanentError

ROOT = Path(__file__).resolve().parents[2]


@click.group()
def contracts() -> None:
    """The subscribers' contract: JSON Schema, AsyncAPI, OpenAPI, pages and kit, generated from schemas/."""


@contracts.command("write")
def write_contracts() -> None:
    """Write every generated file anew; what breaks a published document is refused, and nothing is written."""
    wanted = _wanted()
    _refuse_breaking(wanted)
    touched = _generator("published").write(ROOT, wanted)
    for name in touched:
        click.echo(f"wrote {name}" if name in wanted else f"removed {name}")
    click.echo(f"{len(wanted)} files, {len(touched)} of them changed")


@contracts.command("check")
def check_contracts() -> None:
    """Say which generated files differ, and refuse a breaking change against what any earlier commit published."""
    wanted = _wanted()
    _refuse_breaking(wanted)
    differing = _generator("published").drift(ROOT, wanted)
    if differing:
        raise PermanentError(f"not as generated: {', '.join(differing)}; run python -m infra contracts write")
    click.echo(f"{len(wanted)} files are as generated, and nothing that was published is broken")


def _wanted() -> Mapping[str, str]:
    wanted: Mapping[str, str] = _generator("published").documents()
    return wanted


def _refuse_breaking(wanted: Mapping[str, str]) -> None:
    changes = _generator("history").breaking_since(ROOT, wanted)
    if changes:
        raise PermanentError("breaking for subscribers, so it needs a new version:\n  " + "\n  ".join(changes))


def _generator(name: str) -> ModuleType:
    """Import late: the generator needs apispec, which production does not have."""
    try:
        return import_module(f"infra.contracts.{name}")
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: install what developing needs (make test does)") from error
