from structlog.testing import capture_logs

from tests.fakes.clock import FakeClock
from tests.fakes.metrics import RecordingMetrics
from webhook_receiver.rejections import Rejections


def test_log_has_one_line_a_minute_when_rejections_flood() -> None:
    """Every rejection is counted; whoever sends them does not fill the disk."""
    clock, metrics = FakeClock(), RecordingMetrics()
    rejections = Rejections(metrics, clock)

    with capture_logs() as lines:
        for _ in range(100):
            rejections.add("signature_mismatch")
        clock.advance(60)
        rejections.add("signature_mismatch")

    assert metrics.counted("webhook_rejected_total", reason="signature_mismatch") == 101
    assert [(line["event"], line["count"]) for line in lines] == [("webhook.rejected", 1), ("webhook.rejected", 100)]
