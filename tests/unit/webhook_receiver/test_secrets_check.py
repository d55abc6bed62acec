"""When the older secret of a rotation may go."""

import pytest

from infra.errors import ConfigurationError
from infra.metrics import PrometheusMetrics
from webhook_receiver.secrets_check import Matches, fetch, judge, parse
from webhook_receiver.signature import SigningSecret

NEW, OLD = SigningSecret.of("new"), SigningSecret.of("old")
NOW = 1_800_000_000.0
HOUR = 3600.0


def receiver(new_hours: float | None, old_hours: float | None, up_hours: float = 24) -> Matches:
    """A receiver that started and last matched so many hours ago; None: never."""
    last_at = {
        secret.id: 0.0 if hours is None else NOW - hours * HOUR
        for secret, hours in ((NEW, new_hours), (OLD, old_hours))
    }
    return Matches(NOW - up_hours * HOUR, last_at)


@pytest.mark.parametrize(
    ("receivers", "may_go", "said"),
    [
        ([receiver(0.1, 3)], True, "may go"),
        ([receiver(0.1, None)], True, "nothing since"),
        ([receiver(0.1, 1.5)], False, "31 min more"),
        ([receiver(None, 3)], False, "has signed nothing yet"),
        ([receiver(0.1, None, up_hours=0.5)], False, "91 min more"),
        ([receiver(0.1, 3), receiver(None, 1)], False, "61 min more"),
        ([receiver(None, 3), receiver(0.1, None)], True, "may go"),
        ([receiver(0.1, 3), Matches(NOW - 9 * HOUR, {OLD.id: 0.0})], False, "deploy it first"),
    ],
)
def test_older_secret_may_go_when_zoom_is_done_with_it(receivers: list[Matches], may_go: bool, said: str) -> None:
    """The new one signs, everywhere, and the old one has been silent for as long as Zoom tries again."""
    verdict = judge([NEW, OLD], receivers, NOW)

    assert verdict.may_go is may_go
    assert said in " ".join(verdict.lines)
    assert all(word not in " ".join(verdict.lines) for word in ("key", "b'"))


def test_nothing_may_go_when_there_is_one_secret() -> None:
    """Without it the receiver would not start."""
    assert judge([NEW], [receiver(0.1, 3)], NOW).may_go is False


def test_matches_are_read_from_a_receivers_metrics() -> None:
    """The exposition is what the check reads: names and labels cannot drift apart."""
    metrics = PrometheusMetrics("webhook_")
    metrics.set("webhook_started_timestamp_seconds", NOW - HOUR)
    metrics.set("webhook_secret_last_matched_timestamp_seconds", NOW, secret=NEW.id)
    metrics.set("webhook_secret_last_matched_timestamp_seconds", 0, secret=OLD.id)

    assert parse(metrics.exposition().decode(), "here") == Matches(NOW - HOUR, {NEW.id: NOW, OLD.id: 0.0})


@pytest.mark.parametrize("text", ["", "up 1\n", "<html>", "{{{"])
def test_metrics_are_refused_when_they_are_not_a_receivers(text: str) -> None:
    """Another program's metrics would say that nothing matched."""
    with pytest.raises(ConfigurationError, match="not show the metrics of a receiver"):
        parse(text, "here")


@pytest.mark.parametrize("url", ["https://127.0.0.1/metrics", "127.0.0.1:9000", "file:///etc/passwd", "http://"])
def test_address_is_refused_when_it_is_not_http(url: str) -> None:
    """The admin address speaks plain HTTP on a private network."""
    with pytest.raises(ConfigurationError):
        fetch(url)
