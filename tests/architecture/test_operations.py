"""docs/operations.md is what somebody reads at night: each alarm has its row and its paragraph, and its commands exist."""

import importlib
import re
import shlex
from pathlib import Path

import click
import pytest

from infra.metrics import METRICS

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
PARAGRAPHS = TEXT.split("## Every alarm in a paragraph\n")[1]
ALARMS = [
    dict(zip(("alarm", "expression", "meaning", "first", "when"), map(str.strip, row.split(" | ")), strict=True))
    for table in re.findall(r"^\| alarm \|[^\n]*\n\|[-| ]+\|\n((?:\|.*\n)+)", TEXT, flags=re.MULTILINE)
    for row in (line.strip("| ") for line in table.splitlines())
]
GROUPS = {"infra": "infra.cli", "processors": "processors.cli"}  # programs whose commands click knows


def paragraphs() -> dict[str, str]:
    """The alarms that have a paragraph, with when each wants somebody."""
    return dict(re.findall(r"^\*\*([^*]+)\*\* \(([^)]+)\)\. ", PARAGRAPHS, flags=re.MULTILINE))


def commands() -> list[tuple[str, list[str]]]:
    """Every `python -m infra …` and `python -m processors …` of the page: the program, and its subcommands as written."""
    found = re.findall(r"python -m (infra|processors) ([^`\n#]+)", TEXT)
    return sorted({(program, tuple(words(text))) for program, text in found})  # type: ignore[misc]


def words(text: str) -> list[str]:
    return shlex.split(re.split(r"[(;|\[\]']", text, maxsplit=1)[0])


def test_every_alarm_has_its_paragraph() -> None:
    """In the tables' order it is told what each means, by the same name, and no paragraph is left of an alarm that went."""
    assert sorted(alarm["alarm"] for alarm in ALARMS) == sorted(name[0].lower() + name[1:] for name in paragraphs())


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm["alarm"])
def test_an_alarm_says_the_same_twice(alarm: dict[str, str]) -> None:
    """Whether it may wait until the morning is no matter of where one reads."""
    name = alarm["alarm"][0].upper() + alarm["alarm"][1:]

    assert paragraphs()[name].split()[0].strip(",;") == re.split(r"[ :;,]", alarm["when"])[0]


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm["alarm"])
def test_an_alarm_can_go_off(alarm: dict[str, str]) -> None:
    """Its metrics exist, with the labels that it asks for, and so does the log event where it is one."""
    named = re.findall(r"\b((?:webhook|processor|portal)_\w+)(?:\{(\w+)=)?", alarm["expression"])
    assert named or "log event" in alarm["expression"]

    for name, label in named:
        assert name in METRICS
        assert not label or label in METRICS[name].labels  # type: ignore[index]


def test_log_events_that_are_looked_for_exist() -> None:
    """`effect.stuck` and the like are what the programs write."""
    named = set(re.findall(r"`((?:effect|record|log|outbox|relay|spool)\.[a-z_]+)`", TEXT))
    sources = "\n".join(
        path.read_text() for part in ("webhook_receiver", "processors", "infra") for path in (ROOT / part).rglob("*.py")
    )

    assert named
    assert [name for name in sorted(named) if f'"{name}"' not in sources] == []


@pytest.mark.parametrize(
    ("program", "said"), commands(), ids=lambda value: " ".join(value) if isinstance(value, tuple) else value
)
def test_a_command_exists(program: str, said: tuple[str, ...]) -> None:
    """So do its options: nobody has to guess at night."""
    command: click.Command = importlib.import_module(GROUPS[program]).cli
    left = list(said)
    while isinstance(command, click.Group) and left:
        name = left.pop(0)
        assert name in command.commands
        command = command.commands[name]
    options = {option for parameter in command.params for option in parameter.opts}

    assert not isinstance(command, click.Group) or not left
    assert {word for word in left if word.startswith("--")} <= options
