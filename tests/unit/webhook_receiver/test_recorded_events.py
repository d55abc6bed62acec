"""Every body that Zoom is known to have sent passes through, and the independent vectors hold."""

import json
from pathlib import Path

import pytest

from schemas.identity import URL_VALIDATION
from tests.unit.webhook_receiver.harness import Receiver
from webhook_receiver.signature import SigningSecret, Verifier
from webhook_receiver.url_validation import answer_challenge


@pytest.mark.shared
def test_recorded_bodies_are_published_byte_for_byte(shared: Path, receiver: Receiver) -> None:
    """Whatever its age and oddity, a body of Zoom's is published as it came, never quarantined."""
    raw = [path.read_bytes() for path in sorted((shared / "zoom" / "events").glob("*.json"))]
    bodies = [body for body in raw if json.loads(body)["event"] != URL_VALIDATION]

    answers = [receiver.deliver(body).status_code for body in bodies]

    assert set(answers) == {200}
    assert [record.value for record in receiver.published] == bodies
    assert receiver.quarantined == []


@pytest.mark.shared
def test_signature_vector_verifies(shared: Path) -> None:
    """A signature that others computed over a body with spaces and a time in milliseconds is ours too."""
    vectors = json.loads((shared / "zoom" / "vectors.json").read_text())
    vector, secret = vectors["signature"], SigningSecret.of(vectors["secret"])
    timestamp = vector["x-zm-request-timestamp"]

    verified = Verifier((SigningSecret.of("another"), secret), past_window_seconds=60).verify(
        vector["body"].encode(), timestamp.encode(), vector["x-zm-signature"].encode(), now=int(timestamp) / 1000 + 5
    )

    assert verified.secret is secret
    assert verified.age_seconds == pytest.approx(5)


@pytest.mark.shared
def test_url_validation_vector_is_answered(shared: Path) -> None:
    """A challenge that others answered gets the same answer from us."""
    vectors = json.loads((shared / "zoom" / "vectors.json").read_text())

    answer = answer_challenge(
        {"payload": {"plainToken": vectors["url_validation"]["plainToken"]}}, SigningSecret.of(vectors["secret"])
    )

    assert answer == vectors["url_validation"]
