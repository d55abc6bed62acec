"""The receiver's own server (granian, the bridge, Flask) around an application that answers 200 and does nothing else. PORT."""

import sys
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from infra.clock import SystemClock
from infra.metrics import PrometheusMetrics
from infra.serving.bridge import Bridge
from tests.benchmarks.no_work import app

THREADS = 32  # the receiver's own default


def _worker() -> Any:
    metrics = PrometheusMetrics("webhook_")
    return Bridge(
        app,
        threads=THREADS,
        max_body_bytes=1024 * 1024,
        body_seconds=1.0,
        clock=SystemClock(),
        on_refusal=lambda _: None,
        on_in_flight=lambda count: metrics.set("webhook_in_flight", count),
        on_stop=lambda: None,
    )


def main(port: int) -> None:
    """Serve until a signal ends it."""
    server = Server(
        "tests.benchmarks.same_server",
        address="127.0.0.1",
        port=port,
        interface=Interfaces.RSGI,
        http=HTTPModes.http1,
        websockets=False,
        backpressure=20_000,
    )
    server.serve(target_loader=_worker, wrap_loader=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))
