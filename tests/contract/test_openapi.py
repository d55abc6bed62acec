"""The receiver's OpenAPI description is true: by its routes, by its answers, and by what Schemathesis can think of."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from infra.contracts.openapi import openapi_document
from infra.errors import TransientError
from tests.e2e.test_receiver import SECRET, Receiver
from tests.unit.webhook_receiver.harness import MAX_BODY_BYTES
from tests.unit.webhook_receiver.harness import Receiver as FakeReceiver
from webhook_receiver import views

ROOT = Path(__file__).resolve().parents[2]
HOOKS = "tests.contract.signing_hooks"
RUN_SECONDS = 110.0  # 8 s as measured
EXAMPLES = 60  # per operation, phase and run; more find no more within a test's patience
DOCUMENT = openapi_document()
POST = DOCUMENT["paths"]["/webhooks/zoom"]["post"]
BODIES = {
    name: json.dumps(one["value"]).encode()
    for name, one in POST["requestBody"]["content"]["application/json"]["examples"].items()
}


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    """The real process on the embedded log."""
    started = Receiver(tmp_path)
    yield started
    started.stop()


def run_schemathesis(receiver: Receiver, folder: Path, document: dict[str, Any], *options: str, hooks: str = "") -> str:
    """Run Schemathesis in a folder of its own; return what it said, with its exit code in front."""
    (folder / "openapi.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--no-color", "--seed", "1", *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "ZOOM_WEBHOOK_SECRETS": SECRET}
    done = subprocess.run(
        [*command, "--url", f"http://127.0.0.1:{receiver.port}", "--max-examples", str(EXAMPLES)],
        cwd=folder,
        env=environment | ({"SCHEMATHESIS_HOOKS": hooks} if hooks else {}),
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def test_schemathesis_finds_nothing_when_requests_are_not_signed(receiver: Receiver, tmp_path: Path) -> None:
    """Right and wrong headers, methods and bodies of strangers: every answer is as described, and nothing is published."""
    said = run_schemathesis(receiver, tmp_path, DOCUMENT)

    assert "No issues found" in said, said
    assert said.startswith("exit 0")
    assert receiver.published() == []


def test_schemathesis_finds_nothing_when_requests_are_signed(receiver: Receiver, tmp_path: Path) -> None:
    """Any body of somebody who has the secret: every answer is as described, and the example is published."""
    said = run_schemathesis(receiver, tmp_path, DOCUMENT, "--mode", "positive", hooks=HOOKS)

    assert "No issues found" in said, said
    assert json.loads(BODIES["event"]) in [json.loads(record.value) for record in receiver.published()]


def test_schemathesis_finds_it_when_the_description_is_wrong(receiver: Receiver, tmp_path: Path) -> None:
    """Finding nothing means something: an answer that is not described is found."""
    wrong = openapi_document()
    del wrong["paths"]["/webhooks/zoom"]["post"]["responses"]["401"]

    said = run_schemathesis(receiver, tmp_path, wrong, "--phases", "examples")

    assert said.startswith("exit 1"), said
    assert "[401]" in said


def test_description_is_valid_by_openapi_itself() -> None:
    """OpenAPI 3.1's schema takes it, and not when an answer has no description."""
    import schemathesis  # noqa: PLC0415 - 2 s of CPU that collecting the other tests does without

    schemathesis.openapi.from_dict(DOCUMENT).validate()
    wrong = openapi_document()
    del wrong["paths"]["/healthz"]["get"]["responses"]["200"]["description"]

    with pytest.raises(Exception, match="description"):
        schemathesis.openapi.from_dict(wrong).validate()


def test_every_route_is_described_and_no_other() -> None:
    """What Flask serves is what is described, methods included."""
    rules = FakeReceiver().client.application.url_map.iter_rules()
    served = {(rule.rule, method.lower()) for rule in rules for method in (rule.methods or set()) - {"HEAD"}}

    assert served == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}


def test_every_answer_is_described_and_no_other() -> None:
    """The answers of the receiver's own table are those of the description."""
    table = re.findall(r"^\| [^|]+ \| (\d{3})", views.__doc__ or "", re.MULTILINE)

    assert set(table) == set(POST["responses"])


Ask = Callable[[FakeReceiver], Any]


def _down(receiver: FakeReceiver) -> Any:
    receiver.log.fail(TransientError("down"))
    receiver.spool.fail(TransientError("full"))
    return receiver.deliver(BODIES["event"])


ANSWERS: dict[str, tuple[HTTPStatus, Ask]] = {
    "event": (HTTPStatus.OK, lambda receiver: receiver.deliver(BODIES["event"])),
    "not JSON": (HTTPStatus.OK, lambda receiver: receiver.deliver(b"{")),
    "validation": (HTTPStatus.OK, lambda receiver: receiver.deliver(BODIES["urlValidation"])),
    "unsigned validation": (HTTPStatus.OK, lambda receiver: receiver.post(BODIES["urlValidation"], {})),
    "unsafe token": (
        HTTPStatus.BAD_REQUEST,
        lambda receiver: receiver.deliver(BODIES["urlValidation"].replace(b"qgg8", b"v0:1:")),
    ),
    "unsigned": (HTTPStatus.UNAUTHORIZED, lambda receiver: receiver.post(BODIES["event"], {})),
    "too old": (HTTPStatus.UNAUTHORIZED, lambda receiver: receiver.deliver(BODIES["event"], 9000)),
    "too large": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, lambda receiver: receiver.deliver(b" " * (MAX_BODY_BYTES + 1))),
    "log and spool down": (HTTPStatus.SERVICE_UNAVAILABLE, _down),
}


@pytest.mark.parametrize(("status", "ask"), ANSWERS.values(), ids=ANSWERS)
def test_answer_is_as_described(status: HTTPStatus, ask: Ask) -> None:
    """Status, content type and body of every kind of answer."""
    answer = ask(FakeReceiver())

    described = POST["responses"][str(int(status))]
    assert answer.status_code == status
    if "content" not in described:
        assert answer.data == b""
    else:
        schema = described["content"][answer.mimetype]["schema"]
        body = answer.get_json() if answer.mimetype == "application/json" else answer.text
        assert Draft202012Validator(schema).is_valid(body)
