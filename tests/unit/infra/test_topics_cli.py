"""`topics read`: what it prints, and what it keeps to itself."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from infra.clock import SystemClock
from infra.topics_cli import topics
from infra.transport.sqlite import SqliteTransport
from schemas.topics import WEBHOOKS

TYPE = ("ce_type", b"us.zoom.meeting.started")


@pytest.fixture
def log(tmp_path: Path) -> SqliteTransport:
    """An embedded log with its topics."""
    transport = SqliteTransport(tmp_path / "log.db", SystemClock())
    transport.create_topics([WEBHOOKS])
    return transport


def put(log: SqliteTransport, *contents: bytes) -> None:
    producer = log.producer()
    for content in contents:
        producer.produce(WEBHOOKS.name, key=b"85", headers=(TYPE,), value=content, timeout_seconds=5)
    producer.close()


def run(tmp_path: Path, *arguments: str) -> Result:
    environment = {"TRANSPORT_URL": f"sqlite:///{tmp_path / 'log.db'}"}
    return CliRunner().invoke(topics, ["read", *arguments], env=environment)


def test_json_has_one_object_a_line(log: SqliteTransport, tmp_path: Path) -> None:
    """With the documented fields, in text."""
    put(log, b'{"event":"meeting.started"}')

    (line,) = run(tmp_path, WEBHOOKS.name, "--json").stdout.splitlines()
    fields = json.loads(line)

    assert fields.pop("timestamp").endswith("Z")
    assert fields == {
        "topic": WEBHOOKS.name,
        "partition": 0,
        "offset": 0,
        "key": "85",
        "headers": {"ce_type": "us.zoom.meeting.started"},
        "value": '{"event":"meeting.started"}',
    }


def test_secrets_show_only_when_revealed(log: SqliteTransport, tmp_path: Path) -> None:
    """Both forms mask by default."""
    put(log, b'{"download_token":"kT9-planted"}')

    assert "kT9-planted" not in run(tmp_path, WEBHOOKS.name, "--json").output
    assert "kT9-planted" not in run(tmp_path, WEBHOOKS.name).output
    assert "kT9-planted" in run(tmp_path, WEBHOOKS.name, "--reveal").stdout


def test_bytes_come_in_base64_when_they_are_not_utf8(log: SqliteTransport, tmp_path: Path) -> None:
    """Instead of the value; hidden like any other content unless revealed."""
    put(log, b"\xff\x00")

    revealed = json.loads(run(tmp_path, WEBHOOKS.name, "--json", "--reveal").stdout)
    masked = json.loads(run(tmp_path, WEBHOOKS.name, "--json").stdout)

    assert revealed["value_base64"] == "/wA="
    assert masked["value_base64"] == "…"
    assert "value" not in revealed
    assert "value" not in masked


def test_the_last_ten_come_without_a_flag_and_all_from_the_beginning(log: SqliteTransport, tmp_path: Path) -> None:
    """In the order of the log."""
    put(log, *(str(number).encode() for number in range(12)))

    last = run(tmp_path, WEBHOOKS.name, "--json").stdout.splitlines()
    everything = run(tmp_path, WEBHOOKS.name, "--json", "--from-beginning").stdout.splitlines()

    assert [json.loads(line)["value"] for line in last] == [str(number) for number in range(2, 12)]
    assert [json.loads(line)["value"] for line in everything] == [str(number) for number in range(12)]


def test_the_plain_line_cannot_steer_the_terminal(log: SqliteTransport, tmp_path: Path) -> None:
    """Control characters of a record are shown as replacements."""
    put(log, b"a\x1b[2Jb\nc")

    (line,) = run(tmp_path, WEBHOOKS.name).stdout.splitlines()

    assert "\x1b" not in line
    assert "us.zoom.meeting.started" in line


@pytest.mark.parametrize("topic", ["no.such.topic", ""])
def test_an_unknown_topic_is_one_sentence(log: SqliteTransport, tmp_path: Path, topic: str) -> None:
    """On standard error, with exit code 2 and no traceback."""
    result = run(tmp_path, topic)

    assert result.exit_code == 2
    assert result.stdout == ""
    assert len(result.stderr.splitlines()) == 1
    assert isinstance(result.exception, SystemExit)


def test_a_missing_setting_is_one_sentence() -> None:
    """It names the setting."""
    result = CliRunner().invoke(topics, ["read", "a"], env={"TRANSPORT_URL": ""})

    assert result.exit_code == 2
    assert result.stderr.startswith("TRANSPORT_URL is not set")
