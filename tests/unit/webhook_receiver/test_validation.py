"""URL validation: answered rightly, and never a way to have a forgery signed."""

import hashlib
import hmac
import json

import pytest

from tests.unit.webhook_receiver.harness import CURRENT, OLDER, Receiver

TOKEN = "qgg8vlvZRS6UYooatFL8Aw"


def challenge(token: object = TOKEN) -> bytes:
    return json.dumps({"event": "endpoint.url_validation", "payload": {"plainToken": token}, "event_ts": 1}).encode()


def expected(secret: str) -> dict[str, str]:
    return {
        "plainToken": TOKEN,
        "encryptedToken": hmac.new(secret.encode(), TOKEN.encode(), hashlib.sha256).hexdigest(),
    }


@pytest.mark.parametrize("secret", [CURRENT, OLDER])
def test_challenge_is_answered_with_the_secret_that_signed_it(receiver: Receiver, secret: str) -> None:
    """In a rotation the app being validated gets its own secret's answer; nothing is published."""
    answer = receiver.deliver(challenge(), secret=secret)

    assert (answer.status_code, answer.json) == (200, expected(secret))
    assert (receiver.published, receiver.quarantined) == ([], [])
    assert receiver.metrics.gauge("webhook_url_validated_timestamp_seconds") == receiver.clock.now().timestamp()


def test_challenge_is_answered_with_the_current_secret_when_unsigned(receiver: Receiver) -> None:
    """A challenge without signature headers is answered; it may be anybody's, so it does not count as Zoom's."""
    answer = receiver.post(challenge(), {})

    assert (answer.status_code, answer.json) == (200, expected(CURRENT))
    assert receiver.metrics.gauge("webhook_url_validated_timestamp_seconds") is None
    assert receiver.metrics.counted("webhook_url_validations_total", signed="false") == 1


@pytest.mark.parametrize("token", ['v0:1:{"event":"x"}', "v0:1", "", "a" * 129, "a\n", "é", 7, None, ["a"]])
@pytest.mark.parametrize("signed", [True, False])
def test_challenge_is_refused_when_the_token_is_not_safe_to_sign(
    receiver: Receiver, token: object, signed: bool
) -> None:
    """The challenge is signed with the key of deliveries: a token that could be one is never signed."""
    answer = receiver.deliver(challenge(token)) if signed else receiver.post(challenge(token), {})

    assert (answer.status_code, answer.data) == (400, b"")
    assert (receiver.published, receiver.quarantined) == ([], [])


def test_challenge_is_refused_when_its_signature_is_wrong(receiver: Receiver) -> None:
    """Signature headers that are there must be valid."""
    answers = [
        receiver.deliver(challenge(), secret="guess"),
        receiver.post(challenge(), {"x-zm-signature": ""}),
        receiver.post(challenge(), {"x-zm-request-timestamp": "1"}),
        receiver.deliver(challenge(), age_seconds=9000),
    ]

    assert [answer.status_code for answer in answers] == [401] * 4
    assert receiver.quarantined == []


def test_challenge_is_not_parsed_when_long_and_unsigned(receiver: Receiver) -> None:
    """Nobody without the secret makes us parse more than a few kilobytes."""
    assert receiver.post(challenge() + b" " * 5000, {}).status_code == 401
