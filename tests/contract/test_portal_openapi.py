"""The portal's OpenAPI document is true: by its routes, by the file, and by what Schemathesis can think of."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from werkzeug.serving import WSGIRequestHandler, make_server

from infra.contracts.published import PUBLISHED
from infra.secret import Secret
from portal.openapi import FILE, OPERATIONS, PATH, document
from tests.unit.portal.calls.calls_world import REQUEST, CallsWorld
from tests.unit.portal.harness import Portal
from tests.unit.portal.played_call import CALL, CLIENT, put_call, put_usual_files

pytestmark = pytest.mark.timeout(300)
ROOT = Path(__file__).resolve().parents[2]

RUN_SECONDS = 270.0
EXAMPLES = 6  # per operation and phase; more find no more within a test's patience
PHASES = "examples,coverage,fuzzing"  # not the stateful one: no answer leads to another request by a link
HOSTS = tuple(f"host-{number}" for number in range(300))  # more than Schemathesis starts calls
# What a schema cannot say, such as who may start a call: the answers are described, and the unit tests know which comes when.
UNSAYABLE = "positive_data_acceptance"
DOCUMENT = document()


class Quiet(WSGIRequestHandler):
    """Says nothing about requests."""

    def log(self, type: str, message: str, *args: Any) -> None:
        pass


class Served:
    """The application on a port, and a token for everything."""

    def __init__(self, world: CallsWorld, portal: Portal) -> None:
        self._server = make_server("127.0.0.1", 0, world.app, threaded=True, request_handler=Quiet)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.token: Secret = portal.token
        self._thread = Thread(target=self._server.serve_forever)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """With one call that can be watched, and a Zoom that arranges any number of others."""
    world = CallsWorld(tmp_path, Portal.opened(tmp_path), HOSTS)
    put_call(world.engine)
    put_usual_files(world.engine, world.portal.store)
    started = Served(world, world.portal)
    yield started
    started.stop()
    world.engine.dispose()


def with_examples(described: dict[str, Any]) -> dict[str, Any]:
    """The document with a call and a viewer that are there: generated ones are always strangers."""
    known = {"call_id": CALL, "viewer": CLIENT, "Idempotency-Key": "key-1"}
    for operation in operations(described):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] in known:
                parameter["example"] = known[parameter["name"]]
        body = operation.get("requestBody", {}).get("content", {}).get("application/json")
        if body is not None:
            body["example"] = {
                "startCall": REQUEST,
                "offerSession": {"viewer": CLIENT},
                "reportCall": {"viewer": CLIENT, "reason": "other", "text": "Ünd 🎨"},
            }[operation["operationId"]]
    return described


def operations(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    return (operation for methods in described["paths"].values() for operation in methods.values())


def run_schemathesis(served: Served, folder: Path, described: dict[str, Any], *options: str) -> str:
    """Return what it said, with its exit code in front."""
    (folder / "openapi.json").write_text(json.dumps(described))
    command = [sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--no-color", "--seed", "1"]
    command += ["--exclude-checks", UNSAYABLE, "--request-timeout", "60"]  # of a machine that others load
    done = subprocess.run(
        [*command, "--url", served.url, "--phases", PHASES, "--max-examples", str(EXAMPLES), *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
    )
    return f"exit {done.returncode}\n{done.stdout}{done.stderr}"


def test_schemathesis_finds_nothing_with_a_token(served: Served, tmp_path: Path) -> None:
    """Right and wrong headers, methods, parameters and bodies: every answer is as described."""
    token = "Authorization: Bearer " + served.token

    said = run_schemathesis(served, tmp_path, with_examples(document()), "--header", token)

    assert said.startswith("exit 0"), said
    assert "9 selected / 9 total" in said


def test_schemathesis_finds_nothing_without_a_token(served: Served, tmp_path: Path) -> None:
    """Strangers are answered as described, too."""
    said = run_schemathesis(served, tmp_path, with_examples(document()), "--phases", "examples,coverage")

    assert said.startswith("exit 0"), said


def test_schemathesis_finds_it_when_the_document_is_wrong(served: Served, tmp_path: Path) -> None:
    """Finding nothing means something."""
    wrong = with_examples(document())
    del wrong["paths"]["/api/calls/{call_id}/recordings"]["get"]["responses"]["200"]
    token = "Authorization: Bearer " + served.token

    said = run_schemathesis(served, tmp_path, wrong, "--phases", "examples", "--header", token)

    assert said.startswith("exit 1"), said
    assert "[200]" in said


def test_the_document_is_valid_by_openapi_itself() -> None:
    """OpenAPI 3.1's schema takes it, and not when an answer has no description."""
    import schemathesis  # noqa: PLC0415 - 2 s of CPU that collecting the other tests does without

    schemathesis.openapi.from_dict(DOCUMENT).validate()
    wrong = deepcopy(DOCUMENT)
    del wrong["paths"][PATH]["get"]["responses"]["200"]["description"]

    with pytest.raises(Exception, match="description"):
        schemathesis.openapi.from_dict(wrong).validate()


def test_the_committed_file_is_what_the_code_says() -> None:
    """And so is what is served: run python -m portal openapi > schemas/published/portal.openapi.json."""
    assert json.loads((ROOT / PUBLISHED / FILE).read_text(encoding="utf-8")) == DOCUMENT


def test_what_is_served_is_the_committed_file(portal_client: Any) -> None:
    """To anybody."""
    answer = portal_client.get(PATH)

    assert (answer.status_code, answer.get_json()) == (200, DOCUMENT)


def test_every_request_for_programs_is_described_and_no_other(portal_client: Any) -> None:
    """Whoever adds a request below /api/ adds its Operation to portal.openapi."""
    rules = portal_client.application.url_map.iter_rules()
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in rules
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == {(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert len({one.name for one in OPERATIONS}) == len(OPERATIONS)


@pytest.fixture
def portal_client(tmp_path: Path) -> Iterator[Any]:
    portal = Portal(tmp_path)
    yield portal.client
    portal.close()
