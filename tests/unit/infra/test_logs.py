"""Logs: one JSON object a line off a terminal, the libraries' lines included, and no secret in any of them."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from infra.logs import configure
from infra.secret import Secret
from infra.settings import receiver_settings

HIDDEN = "do-not-show-me"


Written = pytest.CaptureFixture[str]


@pytest.fixture
def written(capsys: Written) -> Iterator[Written]:
    """What is logged, on a standard error that is no terminal."""
    loggers = [logging.getLogger(name) for name in ("", "webhook_receiver", "processors", "infra")]
    before = [(logger.handlers, logger.level) for logger in loggers]
    yield capsys
    for logger, (handlers, level) in zip(loggers, before, strict=True):
        logger.handlers, logger.level = handlers, level
    structlog.reset_defaults()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_line_is_one_json_object(written: Written) -> None:
    """The event is constant, the values are keys, and the instant is in UTC."""
    configure("INFO")

    structlog.get_logger("processors.test").info("record.handled", offset=7)

    (line,) = lines(written.readouterr().err)
    assert (line["event"], line["level"], line["offset"]) == ("record.handled", "info", 7)
    assert line["timestamp"].endswith("Z")


def test_a_librarys_line_has_the_same_form(written: Written) -> None:
    """Whatever speaks through the standard library's logging comes out as JSON too, from WARNING on."""
    configure("DEBUG")

    logging.getLogger("library.net").info("chatter")
    logging.getLogger("library.net").warning("node %s is away", 1)

    assert [line["event"] for line in lines(written.readouterr().err)] == ["node 1 is away"]


def test_lines_below_the_level_are_left_out(written: Written) -> None:
    """LOG_LEVEL counts for our own lines."""
    configure("WARNING")

    structlog.get_logger("infra.test").info("not.shown")

    assert lines(written.readouterr().err) == []


def test_a_secret_is_hidden_however_it_is_logged(written: Written) -> None:
    """As a value, inside a collection, interpolated, or within settings."""
    configure("INFO")
    secret = Secret(HIDDEN)
    settings = receiver_settings({"ZOOM_WEBHOOK_SECRETS": HIDDEN, "TRANSPORT_URL": "sqlite:///log.db"})
    log = structlog.get_logger("infra.test")

    log.info("one", secret=secret, many=[secret], by_name={"a": (secret,)}, text=f"{secret}")
    log.info("two %s", secret)
    log.info("three", settings=settings)
    logging.getLogger("infra.library").warning("four %s", secret)

    text = written.readouterr().err
    assert len(lines(text)) == 4
    assert HIDDEN not in text


@pytest.mark.parametrize("terminal", [False, True])
def test_a_traceback_shows_no_values(written: Written, monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    """Where it happened is told, not with which records, tokens and names in hand."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    configure("INFO")
    record = {"download_token": HIDDEN}

    try:
        raise ValueError(len(record))
    except ValueError:
        structlog.get_logger("infra.test").exception("went.wrong")

    text = written.readouterr().err
    assert "ValueError" in text
    assert "test_logs.py" in text
    assert HIDDEN not in text


def test_a_traceback_is_part_of_the_line(written: Written) -> None:
    """It is data in the JSON object, not text after it."""
    configure("INFO")

    try:
        raise ValueError
    except ValueError:
        structlog.get_logger("infra.test").exception("went.wrong")

    (line,) = lines(written.readouterr().err)
    assert line["exception"][0]["exc_type"] == "ValueError"
