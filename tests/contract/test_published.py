"""What is published is what the schemas say, and foreign validators agree."""

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from infra.cli import cli
from infra.contracts.history import breaking_since
from infra.contracts.kit import UNKNOWN_TYPE, feeds
from infra.contracts.published import ASYNCAPI, PUBLISHED, documents, drift
from infra.errors import ConfigurationError
from processors.call_events import CallEvents
from processors.commands import PublishEvent
from processors.runtime.performers.publish import PublishPerformer
from schemas.events import PUBLIC_EVENTS
from schemas.topics import CALL_EVENTS, FLAGS
from tests.conftest import missing
from tests.contract.node_packages import installed
from tests.fakes.clock import FakeClock
from tests.fakes.transport import FakeTransport
from tests.unit.processors import zoom_call as call
from tests.unit.processors.zoom_call import Stage
from tests.unit.schemas.examples import EXAMPLES, Example

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("docs/call-events.md", "docs/flagged-meetings.md")
PUBLIC = tuple(one for one in EXAMPLES if one.type in PUBLIC_EVENTS)


FORMATS = FormatChecker(formats=("uuid",))


@FORMATS.checks("date-time", raises=ValueError)
def is_instant(value: object) -> bool:
    """jsonschema checks instants only where yet another package is installed."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / name).read_text(encoding="utf-8"))
    return document


def validator(event_type: str) -> Draft202012Validator:
    schema = read(f"{PUBLISHED}/{event_type}.v1.json")
    return Draft202012Validator(schema, format_checker=FORMATS)


def headers_validator(event_type: str) -> Draft202012Validator:
    schema = read(ASYNCAPI)["components"]["messages"][event_type]["headers"]
    return Draft202012Validator(schema, format_checker=FORMATS)


def test_committed_files_are_as_generated() -> None:
    """After a change of the schemas: python -m infra contracts write."""
    assert drift(ROOT, documents()) == []


def test_nothing_that_was_published_is_broken() -> None:
    """Against every version of every document that any earlier commit published."""
    try:
        changes = breaking_since(ROOT, documents())
    except ConfigurationError as error:
        missing(str(error))

    assert changes == []


def test_check_says_so_when_all_is_well() -> None:
    """The command that people and CI run."""
    result = CliRunner().invoke(cli, ["contracts", "check"])

    assert result.exit_code == 0, result.output
    assert "as generated" in result.output


@pytest.mark.parametrize("event_type", PUBLIC_EVENTS)
def test_schema_is_valid_when_a_foreign_validator_reads_it(event_type: str) -> None:
    """JSON Schema, draft 2020-12, by its meta-schema."""
    Draft202012Validator.check_schema(read(f"{PUBLISHED}/{event_type}.v1.json"))


@pytest.mark.parametrize("example", PUBLIC, ids=str)
def test_example_is_valid_when_a_foreign_validator_reads_it(example: Example) -> None:
    """And no longer when any field that is always there is missing, or is of another type."""
    schema = validator(example.type)

    assert best_match(schema.iter_errors(example.document)) is None
    for name in schema.schema["required"]:
        rest = {field: value for field, value in example.document.items() if field != name}
        assert not schema.is_valid(rest), name
        assert not schema.is_valid({**rest, name: {"another": "type"}}), name
    assert not schema.is_valid({**example.document, "occurred_at": "yesterday"})


@pytest.mark.parametrize("name", feeds())
def test_kit_is_valid_when_a_foreign_validator_reads_it(name: str) -> None:
    """Headers and data of every record whose type is known."""
    lines = (ROOT / "schemas/kit" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()

    for line in map(json.loads, lines):
        kind = line["headers"]["ce_type"]
        if kind != UNKNOWN_TYPE:
            assert best_match(headers_validator(kind).iter_errors(line["headers"])) is None
            assert best_match(validator(kind).iter_errors(json.loads(line["value"]))) is None


def test_pipeline_writes_what_is_published() -> None:
    """The processor's own events, written to a topic, have the published headers, key and data."""
    stage: Stage[Any] = Stage(CallEvents(timedelta(minutes=30)))
    stage.hear(call.registered(), call.started(0), call.joined(1, "101", call.HOST), call.left(60, "101", call.HOST))
    stage.hear(call.segment("started", 10, 5), call.ended(61), call.completed(90, call.file("f1", "MP4")))

    transport = FakeTransport(FakeClock())
    performer = PublishPerformer(transport.producer())
    commands: list[PublishEvent] = stage.published()
    for command in commands:
        performer.perform(command)
    records = transport.records[CALL_EVENTS.name]

    assert len(records) == len(commands) == 7
    for record in records:
        headers = {name: value.decode() for name, value in record.headers}
        assert best_match(headers_validator(headers["ce_type"]).iter_errors(headers)) is None
        assert best_match(validator(headers["ce_type"]).iter_errors(json.loads(record.value))) is None
        assert record.key == headers["ce_partitionkey"].encode()


MINUTE = 60
TOLD = {
    "corrected": (
        call.registered(-20 * MINUTE), call.ended(31 * MINUTE), call.started(4 * MINUTE), call.started(0),
        call.started(40 * MINUTE), call.ended(45 * MINUTE),
    ),
    "late": (
        call.started(0), call.registered(2 * MINUTE), call.ended(31 * MINUTE), call.left(30 * MINUTE, "101"),
        call.joined(30, "101"), call.segment("started", MINUTE, MINUTE),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_kit_is_what_the_processor_says_of_such_a_call(name: str) -> None:
    """Told in that order, the processor publishes the feed's events: same types, times and sequence, in the same streams."""
    stage: Stage[Any] = Stage(CallEvents(timedelta(hours=3)))
    stage.hear(*TOLD[name])

    said = [_place(one.subject, one.type, one.data) for one in stage.published()]
    kit = [_place(one.subject, one.type, one.data) for one in feeds()[name]]
    assert said == kit[: len(said)]
    assert len(said) >= 7


def test_asyncapi_document_is_valid_by_its_own_schema(tmp_path: Path) -> None:
    """The schema that the AsyncAPI initiative publishes takes it."""
    package = installed(ROOT / "tests/contract/asyncapi", tmp_path)
    schema = json.loads((package / "node_modules/@asyncapi/specs/schemas/3.0.0-without-$id.json").read_text())

    assert best_match(Draft7Validator(schema).iter_errors(read(ASYNCAPI))) is None


def test_asyncapi_document_stands_alone() -> None:
    """Every reference leads to something inside it; every type is on one channel."""
    document = read(ASYNCAPI)
    references = re.findall(r'"\$ref": "([^"]+)"', (ROOT / ASYNCAPI).read_text(encoding="utf-8"))
    kinds = [kind for channel in document["channels"].values() for kind in channel["messages"]]

    assert len(references) > len(PUBLIC_EVENTS)
    assert all(_found(document, reference) for reference in references)
    assert sorted(kinds) == sorted(PUBLIC_EVENTS)


@pytest.mark.parametrize("page", PAGES)
def test_page_links_lead_somewhere(page: str) -> None:
    """Files beside it and headings in it exist."""
    text = (ROOT / page).read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", line.lstrip("# ")).replace(" ", "-").lower()
        for line in text.splitlines()
        if line.startswith("#")
    }
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("https://")]

    assert links
    for link in links:
        assert link[1:] in anchors if link.startswith("#") else (ROOT / page).parent.joinpath(link).exists(), link


def test_pages_say_what_the_topics_are() -> None:
    """Retention and the rules that a subscriber lives by are on them."""
    calls, flags = ((ROOT / page).read_text(encoding="utf-8") for page in PAGES)

    for text, topic in ((calls, CALL_EVENTS), (flags, FLAGS)):
        assert f"\n{topic.retention.days} days" in text
        assert "@" not in re.sub(r"@platformatic/kafka|\[e-mail\]", "", text)
        assert all(rule in text for rule in ("at least once", "ce_id", "90 days before", "corrected later"))
    assert "in the order of `sequence`" in calls


def _found(document: Any, reference: str) -> bool:
    for name in reference.removeprefix("#/").split("/"):
        document = document.get(name, {})
    return bool(document)


def _place(subject: str | None, kind: str, data: str | bytes) -> tuple[bool, str, str, int]:
    """Which of the two streams, what, when, and where in the stream."""
    found = json.loads(data)
    return subject == found["call_id"], kind, found["occurred_at"], found["sequence"]
