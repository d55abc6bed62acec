from typing import Any

import pytest

from infra.admin import AdminApp
from infra.metrics import PrometheusMetrics


def get(path: str, ready: bool = True) -> tuple[str, bytes]:
    statuses: list[str] = []

    def start_response(status: str, headers: Any) -> None:
        statuses.append(status)

    body = b"".join(AdminApp(PrometheusMetrics("webhook_"), lambda: ready)({"PATH_INFO": path}, start_response))
    return statuses[0], body


@pytest.mark.parametrize(("ready", "status"), [(True, "200 OK"), (False, "503 Service Unavailable")])
def test_readiness_is_whether_an_event_can_be_taken(ready: bool, status: str) -> None:
    """A balancer sends nothing to a receiver whose log takes nothing."""
    assert get("/readyz", ready)[0] == status


def test_metrics_are_in_prometheus_format_when_fetched() -> None:
    """Prometheus can read them."""
    status, body = get("/metrics")

    assert status == "200 OK"
    assert b"# TYPE webhook_ack_seconds histogram" in body


def test_answer_is_404_when_the_path_is_another() -> None:
    """There is nothing else to see."""
    assert get("/webhooks/zoom")[0] == "404 Not Found"
