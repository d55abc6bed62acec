from typing import get_args

import pytest

from infra.metrics import METRICS, MetricName, PrometheusMetrics


def test_every_name_is_declared_when_listed() -> None:
    """The names and their declarations are the same set, and follow Prometheus' conventions."""
    assert set(get_args(MetricName)) == set(METRICS)
    for name, metric in METRICS.items():
        assert name.endswith("_total") == (metric.kind == "counter")
        assert bool(metric.buckets) == (metric.kind == "histogram")


def test_values_come_out_when_recorded() -> None:
    """What was recorded is in Prometheus' text, and so are zeros of what was not."""
    metrics = PrometheusMetrics("webhook_")
    metrics.count("webhook_rejected_total", reason="too_old")
    metrics.observe("webhook_ack_seconds", 0.02)
    metrics.set("webhook_in_flight", 3)

    text = metrics.exposition().decode()
    assert 'webhook_rejected_total{reason="too_old"} 1.0' in text
    assert 'webhook_ack_seconds_bucket{le="0.025"} 1.0' in text
    assert "webhook_in_flight 3.0" in text
    assert "webhook_body_too_large_total 0.0" in text


def test_program_keeps_only_its_own_metrics() -> None:
    """A program shows the metrics of its prefix; recording another one is a bug."""
    with pytest.raises(KeyError):
        PrometheusMetrics("processor_").count("webhook_body_too_large_total")
