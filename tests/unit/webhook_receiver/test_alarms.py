"""What is worth waking somebody for is counted, and nothing else is."""

import json

import pytest

from tests.unit.webhook_receiver.harness import CURRENT, OLDER, Receiver
from webhook_receiver.signature import SigningSecret


def body(receiver: Receiver, minutes_old: float, event: str = "meeting.started") -> bytes:
    at = int((receiver.clock.now().timestamp() - minutes_old * 60) * 1000)
    return json.dumps({"event": event, "event_ts": at, "payload": {"object": {"id": "1", "uuid": "u"}}}).encode()


@pytest.mark.parametrize(("minutes_old", "counted"), [(0, 0), (79, 0), (80, 1), (115, 1), (-5, 0)])
def test_last_chance_is_counted_when_zoom_tries_for_the_last_time(
    receiver: Receiver, minutes_old: float, counted: int
) -> None:
    """By the age of the event, for the signature may be of now."""
    receiver.deliver(body(receiver, minutes_old))

    assert receiver.metrics.counted("webhook_last_chance_total") == counted


def test_time_of_the_last_genuine_delivery_is_kept_by_secret(receiver: Receiver) -> None:
    """Silence and the end of a rotation are both read from it."""
    receiver.deliver(body(receiver, 0), secret=OLDER)
    older_at = receiver.clock.now().timestamp()
    receiver.clock.advance(60)
    receiver.deliver(body(receiver, 0))
    receiver.clock.advance(60)
    receiver.deliver(body(receiver, 0), secret="guess")

    def last_matched(secret: str) -> float | None:
        return receiver.metrics.gauge(
            "webhook_secret_last_matched_timestamp_seconds", secret=SigningSecret.of(secret).id
        )

    assert last_matched(OLDER) == older_at
    assert last_matched(CURRENT) == older_at + 60
    assert receiver.metrics.gauge("webhook_last_genuine_timestamp_seconds") == older_at + 60


def test_unknown_event_type_is_counted(receiver: Receiver) -> None:
    """It is published all the same."""
    receiver.deliver(body(receiver, 0, "phone.never_heard_of"))
    receiver.deliver(body(receiver, 0))

    assert len(receiver.published) == 2
    assert receiver.metrics.counted("webhook_unknown_event_type_total") == 1


def test_rejected_delivery_is_counted_when_it_looks_genuine(receiver: Receiver) -> None:
    """A right signature at a wrong time, or Zoom's user agent with a secret that is not ours."""
    receiver.deliver(body(receiver, 0), age_seconds=9000)
    receiver.deliver(body(receiver, 0), secret="not deployed yet", user_agent="Zoom Marketplace/1.0a")
    receiver.deliver(body(receiver, 0), secret="a stranger's", user_agent="curl/8")
    receiver.post(b"{}", {"user-agent": "Zoom Marketplace/1.0a"})

    assert receiver.metrics.counted("webhook_suspect_rejected_total", reason="outside_window") == 1
    assert receiver.metrics.counted("webhook_suspect_rejected_total", reason="unknown_secret") == 1
