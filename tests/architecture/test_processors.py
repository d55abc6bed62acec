"""What holds for every processor in the registry: the names agree, the topics know it, and it only decides."""

import ast
import importlib.util
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from processors import commands, composition
from processors.base import Processor
from processors.commands import COMMANDS, Command, Tell, WakeAt
from processors.meeting_flagging import load_policy
from processors.registry import PROCESSORS, Options
from schemas import topics

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = Options(
    call_page_url="https://marketplace.example/calls/{call_id}",
    call_policies_url="https://marketplace.example/policies",
    no_recording_grace=timedelta(days=1),
    policy=load_policy(),
)
# A decision is data in, data out. What it may import beside the standard library: what messages look like, the words
# of processors, and libraries that compute without touching anything.
PURE_LIBRARIES = {"re2", "yaml", "marshmallow", "phonenumbers", "stdnum", "numpy"}
IMPURE_STANDARD = {
    "asyncio", "ctypes", "ftplib", "http", "logging", "multiprocessing", "os", "random", "secrets", "shutil", "signal", "smtplib",
    "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading", "time",
}  # fmt: skip
RUNTIME_PERFORMS = {WakeAt.kind, Tell.kind}  # timers, and words to another key of the same processor

each_processor = pytest.mark.parametrize("name", sorted(PROCESSORS))


def made(name: str) -> Processor[Any]:
    return PROCESSORS[name](OPTIONS)


def imports_of(path: Path) -> Iterator[str]:
    """The dotted names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            for alias in node.names:
                is_module = module_file(f"{node.module}.{alias.name}") is not None
                yield f"{node.module}.{alias.name}" if is_module else str(node.module)


def module_file(name: str) -> Path | None:
    """The file of one of our modules; None when there is no such module, or it is not ours."""
    path = ROOT.joinpath(*name.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.is_file()), None)


def reached_from(name: str) -> dict[str, set[str]]:
    """Every module under processors that a processor's module leads to, with what it imports."""
    found: dict[str, set[str]] = {}
    waiting = [f"processors.{name}"]
    while waiting:
        module = waiting.pop()
        path = module_file(module)
        if module not in found and path is not None:
            found[module] = set(imports_of(path))
            waiting += [one for one in found[module] if one.startswith("processors.")]
    return found


@each_processor
def test_a_processor_only_decides(name: str) -> None:
    """It leads to schemas, processors.base and commands, modules of its own, pure libraries, and nothing else."""
    others = {f"processors.{other}" for other in PROCESSORS if other != name}
    ground = {"processors.runtime", "processors.registry", "processors.composition", "processors.cli", "infra"}

    for module, imported in reached_from(name).items():
        for one in imported:
            top = one.split(".")[0]
            assert top in {"schemas", "processors", *PURE_LIBRARIES} | sys.stdlib_module_names, (
                f"{module} imports {one}"
            )
            assert top not in IMPURE_STANDARD, f"{module} imports {one}: a decision has no clock and does no I/O"
            assert not any(f"{one}.".startswith(f"{root}.") for root in others | ground), f"{module} imports {one}"


@each_processor
def test_a_processor_lives_where_its_name_says(name: str) -> None:
    """Its name is its module's, its registry key, and so its consumer group."""
    assert made(name).name == name
    assert importlib.util.find_spec(f"processors.{name}") is not None


@each_processor
def test_a_processors_topics_know_it(name: str) -> None:
    """Its topics exist, name it as a reader, have equal partition counts, and each has its dead-letter topic."""
    known = {topic.name: topic for topic in topics.all_topics()}
    read = [known[topic] for topic in made(name).topics]

    assert all(name in topic.readers for topic in read)
    assert len({topic.partitions for topic in read}) == 1
    assert all(topics.dead_letter(topic.name, name) in known.values() for topic in read)


def test_every_reader_reads() -> None:
    """A topic that names a processor as its reader is read by it; one with restricted data has no other readers."""
    for topic in topics.TOPICS:
        assert {reader for reader in topic.readers if reader in PROCESSORS} == {
            name for name in PROCESSORS if topic.name in made(name).topics
        }


def test_there_are_dead_letters_for_readers_alone() -> None:
    """One dead-letter topic for each processor and topic it reads, kept as restricted as the worst of them."""
    expected = {topics.dead_letter(topic, name).name for name in PROCESSORS for topic in made(name).topics}
    found = [topic for topic in topics.all_topics() if topic.name.endswith(".dead-letter")]

    assert {topic.name for topic in found} == expected
    assert all(topic.restricted for topic in found)


def test_every_command_is_known_by_its_kind() -> None:
    """What processors may ask for can be read back, and is performed by the composition or by the runtime itself."""
    kinds = {command.kind for command in get_args(Command)}

    assert set(COMMANDS) == kinds
    assert set(performed_kinds()) | RUNTIME_PERFORMS == kinds


@each_processor
def test_every_command_of_a_processor_is_performed(name: str) -> None:
    """Whatever its modules ask for has a performer."""
    classes = {command.__name__: command.kind for command in get_args(Command)}
    asked = {
        classes[node.id]
        for module in reached_from(name)
        if (path := module_file(module)) is not None and path.stem != "commands"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Name) and node.id in classes
    }

    assert asked
    assert asked <= set(performed_kinds()) | RUNTIME_PERFORMS


def performed_kinds() -> Iterator[str]:
    """The kinds that the composition root gives a performer: the keys of the one dict it returns."""
    (function,) = (
        node
        for node in ast.walk(ast.parse(Path(str(composition.__file__)).read_text()))
        if isinstance(node, ast.FunctionDef) and node.name == "_performers"
    )
    (table,) = (node.value for node in ast.walk(function) if isinstance(node, ast.Return))
    assert isinstance(table, ast.Dict)
    for key in table.keys:
        assert isinstance(key, ast.Attribute)
        assert isinstance(key.value, ast.Name)
        yield getattr(commands, key.value.id).kind


@each_processor
def test_a_processors_state_can_be_made_anew(name: str) -> None:
    """Its state's version is a whole number from 1, so that a later version can be told from it."""
    assert made(name).state_version >= 1
