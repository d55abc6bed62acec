"""`quarantine`: what it counts, what it brings back, and that it does so once."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.clock import SystemClock
from infra.quarantine.cli import quarantine
from infra.transport import Record, TopicPartition
from infra.transport.sqlite import SqliteTransport
from schemas.envelope import Envelope
from schemas.topics import QUARANTINE, WEBHOOKS
from webhook_receiver.translation import Delivery, quarantine_envelope, webhook_envelope


def body(uuid: str, account: str = "ours") -> bytes:
    payload = {"account_id": account, "object": {"id": "85", "uuid": uuid}}
    return json.dumps({"event": "meeting.started", "event_ts": 1726142087123, "payload": payload}).encode()


@pytest.fixture
def log(tmp_path: Path) -> SqliteTransport:
    """An embedded log with its topics."""
    transport = SqliteTransport(tmp_path / "log.db", SystemClock())
    transport.create_topics([WEBHOOKS, QUARANTINE])
    return transport


def put(log: SqliteTransport, topic: str, *envelopes: Envelope) -> None:
    producer = log.producer()
    for one in envelopes:
        producer.produce(topic, key=one.key, headers=one.headers(), value=one.data, timeout_seconds=5)
    producer.close()


def set_aside(log: SqliteTransport, content: bytes, reason: str = "outside_window") -> None:
    put(log, QUARANTINE.name, quarantine_envelope(Delivery(content, "0123abcd", "delivery-1", None), reason))  # type: ignore[arg-type]


def run(tmp_path: Path, *arguments: str, accounts: str = "ours") -> Result:
    environment = {"TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}", "ZOOM_ACCOUNT_IDS": accounts}
    return CliRunner().invoke(quarantine, arguments, env=environment, catch_exceptions=False)


def published(log: SqliteTransport) -> list[Record]:
    return list(log.read(TopicPartition(WEBHOOKS.name, 0), 0))


def test_a_redriven_delivery_is_the_event_it_would_have_been(log: SqliteTransport, tmp_path: Path) -> None:
    """Same bytes, same id, same key; marked with where it comes from."""
    content = body("u1")
    set_aside(log, content)

    result = run(tmp_path, "redrive", "--yes")

    assert result.output == "1 can be brought to zoom.webhooks, 0 are there already\n1 brought\n"
    (record,) = published(log)
    wanted = webhook_envelope(json.loads(content), Delivery(content, None, None, None), frozenset())
    found = Envelope.from_record(record.headers, record.value)
    assert (record.value, found.id, record.key) == (content, wanted.id, b"85")
    assert found.extensions == {"zoomsecret": "0123abcd", "zoomdeliveryid": "delivery-1", "zoomorigin": "quarantine"}


def test_a_second_redrive_brings_nothing(log: SqliteTransport, tmp_path: Path) -> None:
    """Nor does one bring what Zoom's own later try brought, or one delivery that was set aside twice."""
    set_aside(log, body("u1"))
    set_aside(log, body("u1"))
    set_aside(log, body("u2"))
    put(
        log,
        WEBHOOKS.name,
        webhook_envelope(json.loads(body("u2")), Delivery(body("u2"), None, None, None), frozenset()),
    )

    first, second = run(tmp_path, "redrive", "--yes"), run(tmp_path, "redrive", "--yes")

    assert "1 brought" in first.output
    assert second.output == "0 can be brought to zoom.webhooks, 3 are there already\n"
    assert len(published(log)) == 2


def test_what_is_still_unusable_stays(log: SqliteTransport, tmp_path: Path) -> None:
    """By today's settings: an account that is named ours by now comes back, what is no JSON never does."""
    set_aside(log, b"no JSON", "not_json")
    set_aside(log, body("u1", account="new"), "foreign_account")
    set_aside(log, body("u2", account="theirs"), "foreign_account")

    result = run(tmp_path, "redrive", "--yes", accounts="ours,new")

    assert "1 stay: not_json" in result.output
    assert "1 stay: foreign_account" in result.output
    assert [record.value for record in published(log)] == [body("u1", account="new")]


def test_a_dry_run_and_a_refusal_bring_nothing(log: SqliteTransport, tmp_path: Path) -> None:
    """Counts come before anything is done."""
    set_aside(log, body("u1"))

    dry = run(tmp_path, "redrive", "--dry-run")
    refused = CliRunner().invoke(
        quarantine, ["redrive"], env={"TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}"}, input="n\n"
    )

    assert dry.output == "1 can be brought to zoom.webhooks, 0 are there already\n"
    assert refused.exit_code == 1
    assert not published(log)


def test_only_the_reason_that_was_named_is_brought(log: SqliteTransport, tmp_path: Path) -> None:
    """A filter narrows both commands."""
    set_aside(log, body("u1"))
    set_aside(log, body("u2"), "refused_by_log")

    listed = run(tmp_path, "list", "--reason", "refused_by_log").output
    run(tmp_path, "redrive", "--reason", "refused_by_log", "--hours", "1", "--yes")

    assert "1  refused_by_log" in listed
    assert "outside_window" not in listed
    assert [record.value for record in published(log)] == [body("u2")]


def test_an_empty_quarantine_says_so(log: SqliteTransport, tmp_path: Path) -> None:
    """And there is nothing to ask."""
    assert run(tmp_path, "list").output == "nothing lies in the quarantine\n"
    assert run(tmp_path, "redrive").output == "0 can be brought to zoom.webhooks, 0 are there already\n"
