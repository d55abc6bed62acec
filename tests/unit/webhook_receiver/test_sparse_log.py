from structlog.testing import capture_logs

from tests.fakes.clock import FakeClock
from webhook_receiver.sparse_log import SparseLog


def test_log_has_one_line_a_minute_when_flooded() -> None:
    """Whoever sends what is turned away does not fill the disk, and no number is lost."""
    clock = FakeClock()
    sparse = SparseLog(clock)

    with capture_logs() as lines:
        for _ in range(100):
            sparse.line("webhook.rejected", "signature_mismatch")
        clock.advance(60)
        sparse.line("webhook.rejected", "signature_mismatch")

    assert [(line["event"], line["count"]) for line in lines] == [("webhook.rejected", 1), ("webhook.rejected", 100)]


def test_log_has_a_line_of_each_kind_when_they_differ() -> None:
    """One reason does not hide another."""
    sparse = SparseLog(FakeClock())

    with capture_logs() as lines:
        sparse.line("webhook.rejected", "signature_mismatch")
        sparse.line("webhook.rejected", "body_too_large")

    assert [line["reason"] for line in lines] == ["signature_mismatch", "body_too_large"]
