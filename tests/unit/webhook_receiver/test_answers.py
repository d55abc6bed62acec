"""The table of answers, row by row."""

import json

import pytest
from structlog.testing import capture_logs

from infra.errors import PermanentError, TransientError
from infra.serving.bridge import ARRIVED_AT
from schemas.envelope import Envelope
from tests.unit.webhook_receiver.harness import CURRENT, MAX_BODY_BYTES, OLDER, Receiver, sign
from webhook_receiver.signature import SigningSecret

EVENT_TS = 1767268800123
STARTED = json.dumps(
    {
        "event": "meeting.started",
        "event_ts": EVENT_TS,
        "payload": {"account_id": "acc-1", "object": {"id": "99911", "uuid": "/ab+c==", "topic": "🚒"}},
    }
).encode()


def body_of(event: str = "meeting.started", **payload: object) -> bytes:
    return json.dumps({"event": event, "event_ts": EVENT_TS, "payload": payload}).encode()


def envelope(receiver: Receiver) -> Envelope:
    (record,) = receiver.published
    return Envelope.from_record(record.headers, record.value)


def test_event_is_published_byte_for_byte_when_genuine(receiver: Receiver) -> None:
    """A genuine event is in the log, whole, before it is answered 200."""
    answer = receiver.deliver(STARTED)

    assert answer.status_code == 200
    assert [(record.key, record.value) for record in receiver.published] == [(b"99911", STARTED)]
    assert receiver.metrics.counted("webhook_accepted_total", event_type="meeting.started") == 1


def test_envelope_tells_what_happened_when_published(receiver: Receiver) -> None:
    """The envelope names type, source, time, subject, key, delivery and secret."""
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    receiver.deliver(STARTED, x_zm_request_id="6009d653_d487", traceparent=trace)

    found = envelope(receiver)
    assert (found.type, found.source, found.subject) == ("us.zoom.meeting.started", "/zoom/accounts/acc-1", "/ab+c==")
    assert found.time is not None
    assert int(found.time.timestamp() * 1000) == EVENT_TS
    assert (found.partitionkey, found.traceparent) == ("99911", trace)
    assert found.extensions == {"zoomdeliveryid": "6009d653_d487", "zoomsecret": SigningSecret.of(CURRENT).id}


def test_headers_are_left_out_when_not_sane(receiver: Receiver) -> None:
    """A delivery id or trace that is not of its shape does not travel, and stops nothing."""
    receiver.deliver(STARTED, x_zm_request_id="a b", traceparent="00-" + "0" * 32 + "-" + "0" * 16 + "-01")

    found = envelope(receiver)
    assert found.traceparent is None
    assert "zoomdeliveryid" not in found.extensions


def test_identity_is_kept_when_delivered_twice(receiver: Receiver) -> None:
    """Two deliveries of one occurrence have one id."""
    receiver.deliver(STARTED)
    receiver.deliver(STARTED.replace(b"{", b"{ ", 1), age_seconds=60)

    first, second = receiver.published
    assert dict(first.headers)["ce_id"] == dict(second.headers)["ce_id"]


def test_event_is_published_when_its_type_is_unknown(receiver: Receiver) -> None:
    """Event types nobody has seen yet are published as they are, and counted as one."""
    answer = receiver.deliver(body_of("phone.never_heard_of", object={"x": 1}))

    assert answer.status_code == 200
    assert envelope(receiver).type == "us.zoom.phone.never_heard_of"
    assert receiver.metrics.counted("webhook_accepted_total", event_type="other") == 1


def test_event_is_accepted_when_signed_by_an_older_secret(receiver: Receiver) -> None:
    """During a rotation both secrets are good, and the metric tells which one signed."""
    answer = receiver.deliver(STARTED, secret=OLDER)

    assert answer.status_code == 200
    assert envelope(receiver).extensions["zoomsecret"] == SigningSecret.of(OLDER).id
    assert receiver.metrics.counted("webhook_secret_matched_total", secret=SigningSecret.of(OLDER).id) == 1


@pytest.mark.parametrize("error", [TransientError("down"), PermanentError("no such topic")])
def test_event_is_spooled_when_the_log_does_not_take_it(receiver: Receiver, error: Exception) -> None:
    """What the local spool has fsynced is acknowledged: the relay brings it to the log later."""
    receiver.log.fail(error)

    answer = receiver.deliver(STARTED)

    assert (answer.status_code, receiver.published) == (200, [])
    assert receiver.spool.records == [("zoom.webhooks", STARTED)]
    assert receiver.metrics.counted("webhook_spooled_total") == 1


@pytest.mark.parametrize("error", [TransientError("down"), PermanentError("no such topic")])
def test_answer_is_503_when_neither_log_nor_spool_take_an_event(receiver: Receiver, error: Exception) -> None:
    """Zoom tries again what was not made durable; nothing is promised."""
    receiver.log.fail(error)
    receiver.spool.fail(TransientError("full"))

    answer = receiver.deliver(STARTED)

    assert (answer.status_code, receiver.published) == (503, [])
    assert receiver.metrics.counted("webhook_rejected_total", reason="log_unavailable") == 1
    assert receiver.metrics.counted("webhook_spooled_total") == 0


def test_event_is_spooled_within_the_deadline_when_the_log_hangs(receiver: Receiver) -> None:
    """The log has 1.5 s from arrival and not a moment more."""
    receiver.log.hang()
    arrived_at = receiver.clock.monotonic()

    answer = receiver.deliver(STARTED)

    assert answer.status_code == 200
    assert receiver.clock.monotonic() - arrived_at == pytest.approx(1.5)


def test_answer_is_503_within_the_deadline_when_the_spool_hangs_too(receiver: Receiver) -> None:
    """Log and spool together have 2.3 s from arrival: Zoom waits 3."""
    receiver.log.hang()
    receiver.spool.fail(TransientError("slow"), after_time_out=True)
    arrived_at = receiver.clock.monotonic()

    answer = receiver.deliver(STARTED)

    assert answer.status_code == 503
    assert receiver.clock.monotonic() - arrived_at == pytest.approx(2.3)


@pytest.mark.parametrize(("late_seconds", "status", "spooled"), [(2.0, 200, 1), (2.4, 503, 0)])
def test_log_is_not_asked_when_its_time_has_passed(
    receiver: Receiver, late_seconds: float, status: int, spooled: int
) -> None:
    """A request that waited long for its thread goes to the spool at once, and is refused when Zoom is about to go."""
    late = {ARRIVED_AT: receiver.clock.monotonic() - late_seconds}
    timestamp = str(int(receiver.clock.now().timestamp()))

    answer = receiver.client.post(
        "/webhooks/zoom", data=STARTED, headers=sign(STARTED, timestamp), environ_overrides=late
    )

    assert (answer.status_code, receiver.published, len(receiver.spool.records)) == (status, [], spooled)


UNUSABLE = {
    "not UTF-8": (b"\xff\xfenot json", "not_json"),
    "not JSON": (b"{", "not_json"),
    "empty": (b"", "not_json"),
    "NaN": (b'{"event":"meeting.started","payload":{"x":NaN}}', "not_json"),
    "deeply nested": (b"[" * 5000, "not_json"),
    "endless number": (b'{"event":"a","payload":{"x":' + b"9" * 5000 + b"}}", "not_json"),
    "a list": (b"[1,2]", "not_our_shape"),
    "payload a list": (b'{"event":"meeting.started","payload":[1,2]}', "not_our_shape"),
    "event a number": (b'{"event":1,"payload":{}}', "not_our_shape"),
    "event not a name": (b'{"event":"a\\r\\nb","payload":{}}', "not_our_shape"),
    "key a lone surrogate": (b'{"event":"meeting.started","payload":{"object":{"id":"\\ud800"}}}', "not_our_shape"),
    "key with a line break": (b'{"event":"meeting.started","payload":{"object":{"id":"1\\n2"}}}', "not_our_shape"),
    "key of great length": (b'{"event":"a","payload":{"account_id":"' + b"x" * 300 + b'"}}', "not_our_shape"),
}


@pytest.mark.parametrize(("body", "reason"), UNUSABLE.values(), ids=UNUSABLE)
def test_body_is_quarantined_when_genuine_but_unusable(receiver: Receiver, body: bytes, reason: str) -> None:
    """A genuine body that cannot be published is acknowledged and kept, whole, with the reason."""
    answer = receiver.deliver(body)

    (record,) = receiver.quarantined
    assert (answer.status_code, receiver.published) == (200, [])
    assert (record.key, record.value) == (None, body)
    found = Envelope.from_record(record.headers, record.value)
    assert (found.type, found.extensions["quarantinereason"]) == ("us.zoom.quarantined", reason)
    assert receiver.metrics.counted("webhook_quarantined_total", reason=reason) == 1


def test_body_is_quarantined_when_too_deep_to_identify(receiver: Receiver) -> None:
    """Nesting that the parser bears and the identity does not is no way to a traceback."""
    nested = b'{"event":"a","payload":{"x":' + b"[" * 900 + b"]" * 900 + b"}}"

    answer = receiver.deliver(nested)

    assert answer.status_code == 200
    assert len(receiver.quarantined) + len(receiver.published) == 1


def test_answer_is_503_when_the_quarantine_takes_nothing(receiver: Receiver) -> None:
    """A genuine body is never acknowledged and forgotten."""
    receiver.log.fail(TransientError("down"))
    receiver.spool.fail(TransientError("full"))

    answer = receiver.deliver(b"not json")

    assert answer.status_code == 503


def test_accounts_are_told_apart_when_ours_are_named() -> None:
    """A foreign account goes to the quarantine; ours, and a body that names none, are published."""
    receiver = Receiver(account_ids=frozenset({"acc-1"}))

    answers = [
        receiver.deliver(body_of(account_id="acc-1")),
        receiver.deliver(body_of(object={"account_id": "acc-2"})),
        receiver.deliver(body_of(object={"id": 1})),
    ]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert len(receiver.published) == 2
    assert dict(receiver.quarantined[0].headers)["ce_quarantinereason"] == b"foreign_account"


@pytest.mark.parametrize("age_seconds", [7200, 84 * 60, -300])
def test_event_is_accepted_when_inside_the_window(receiver: Receiver, age_seconds: int) -> None:
    """Zoom's last retry and a clock that drifts are inside the window, and the age is measured."""
    answer = receiver.deliver(STARTED, age_seconds)

    assert (answer.status_code, len(receiver.published)) == (200, 1)
    assert receiver.metrics.observed("webhook_age_seconds") == [age_seconds]


@pytest.mark.parametrize(("age_seconds", "reason"), [(7201, "too_old"), (-301, "too_far_ahead")])
def test_event_is_refused_and_kept_when_outside_the_window(receiver: Receiver, age_seconds: int, reason: str) -> None:
    """A right signature at a wrong time is refused, and kept: a clock that jumped loses nothing."""
    answer = receiver.deliver(STARTED, age_seconds)

    assert (answer.status_code, receiver.published) == (401, [])
    assert dict(receiver.quarantined[0].headers)["ce_quarantinereason"] == b"outside_window"
    assert receiver.metrics.counted("webhook_rejected_total", reason=reason) == 1


def test_answer_is_503_when_outside_the_window_and_not_kept(receiver: Receiver) -> None:
    """A genuine event is never answered 4xx and forgotten, whatever its age."""
    receiver.log.fail(TransientError("down"))
    receiver.spool.fail(TransientError("full"))

    answer = receiver.deliver(STARTED, age_seconds=9000)

    assert answer.status_code == 503


SIGNED = sign(STARTED, "1767268800")
FORGERIES = {
    "wrong secret": (sign(STARTED, "1767268800", "guess"), "signature_mismatch"),
    "other body": (sign(STARTED + b" ", "1767268800"), "signature_mismatch"),
    "other time": (SIGNED | {"x-zm-request-timestamp": "1767268801"}, "signature_mismatch"),
    "no headers": ({}, "signature_missing"),
    "no signature": ({"x-zm-request-timestamp": "1767268800"}, "signature_missing"),
    "empty signature": (SIGNED | {"x-zm-signature": ""}, "signature_missing"),
    "no version": (SIGNED | {"x-zm-signature": SIGNED["x-zm-signature"][3:]}, "signature_malformed"),
    "capitals": (SIGNED | {"x-zm-signature": SIGNED["x-zm-signature"].upper()}, "signature_malformed"),
    "not ASCII": (SIGNED | {"x-zm-signature": "v0=\xe9\xe9"}, "signature_malformed"),
    "no timestamp": ({"x-zm-signature": SIGNED["x-zm-signature"]}, "timestamp_missing"),
    "text timestamp": (SIGNED | {"x-zm-request-timestamp": "now"}, "timestamp_malformed"),
    "negative timestamp": (SIGNED | {"x-zm-request-timestamp": "-1"}, "timestamp_malformed"),
    "endless timestamp": (SIGNED | {"x-zm-request-timestamp": "9" * 400}, "timestamp_malformed"),
    "other digits": (SIGNED | {"x-zm-request-timestamp": "\xb2\xb3"}, "timestamp_malformed"),
}


@pytest.mark.parametrize(("headers", "reason"), FORGERIES.values(), ids=FORGERIES)
def test_answer_is_a_bare_401_when_not_signed_rightly(receiver: Receiver, headers: dict[str, str], reason: str) -> None:
    """Nothing is kept, the reason is counted, and the answer never says it."""
    answer = receiver.post(STARTED, headers)

    assert (answer.status_code, answer.data) == (401, b"")
    assert (receiver.published, receiver.quarantined) == ([], [])
    assert receiver.metrics.counted("webhook_rejected_total", reason=reason) == 1


@pytest.mark.parametrize(("size_bytes", "status"), [(MAX_BODY_BYTES, 200), (MAX_BODY_BYTES + 1, 413)])
def test_answer_is_413_when_the_body_is_over_the_limit(receiver: Receiver, size_bytes: int, status: int) -> None:
    """A body of exactly the limit is taken, one byte more is not."""
    body = STARTED + b" " * (size_bytes - len(STARTED))

    answer = receiver.deliver(body)

    assert answer.status_code == status
    assert receiver.metrics.counted("webhook_body_too_large_total") == (status == 413)


def test_answer_is_400_when_the_body_never_comes(receiver: Receiver) -> None:
    """A client that announced a body and hung up did not deliver anything; it is no bug of ours either."""
    answer = receiver.client.post("/webhooks/zoom", environ_overrides={"CONTENT_LENGTH": "10"})

    assert (answer.status_code, answer.data) == (400, b"")
    assert not receiver.published
    assert not receiver.quarantined


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_answer_is_405_when_the_method_is_another(receiver: Receiver, method: str) -> None:
    """Only POST reaches the webhook."""
    assert receiver.client.open("/webhooks/zoom", method=method).status_code == 405


@pytest.mark.parametrize("path", ["/", "/nothing", "/webhooks/zoom/", "//webhooks/zoom", "/metrics", "/readyz"])
def test_answer_is_404_when_the_path_is_another(receiver: Receiver, path: str) -> None:
    """There is no redirect, and nothing for operators, on the public address."""
    assert receiver.client.post(path).status_code == 404


def test_health_is_told_when_the_log_is_down(receiver: Receiver) -> None:
    """The process is alive whatever the log does."""
    receiver.log.fail(TransientError("down"))

    assert receiver.client.get("/healthz").status_code == 200


def test_answer_is_500_without_a_traceback_when_we_have_a_bug(receiver: Receiver) -> None:
    """A bug is told by type and place: the frames hold bodies. Zoom tries again."""
    receiver.log.fail(ZeroDivisionError("a bug"))

    with capture_logs() as lines:
        answer = receiver.deliver(STARTED)

    (line,) = lines
    assert answer.status_code == 500
    assert (line["event"], line["error_type"]) == ("request.failed", "ZeroDivisionError")
    assert "exc_info" not in line


def test_log_says_nothing_of_the_body_when_quarantined(receiver: Receiver) -> None:
    """Whatever a body holds, a log line about it holds none of it."""
    with capture_logs() as lines:
        receiver.deliver(b'{"download_token": "a-secret-token"')

    assert [line["event"] for line in lines] == ["webhook.quarantined"]
    assert "a-secret-token" not in repr(lines)


def test_ack_latency_is_measured_when_acknowledged(receiver: Receiver) -> None:
    """The histogram counts what was acknowledged, from arrival on."""
    receiver.deliver(STARTED)

    assert receiver.metrics.observed("webhook_ack_seconds") == [0.0]
