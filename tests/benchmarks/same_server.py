"""The receiver's own server (granian, the bridge, Flask) around an application that answers 200 and does nothing else. PORT."""

import sys
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server import Server

from infra.clock import SystemClock
from infra.metrics import PrometheusMetrics
from tests.benchmarks.no_work import app
from webhook_receiver.rsgi import Bridge

THREADS = 32  # the receiver's own default


def _worker() -> Any:
    return Bridge(
        app,
        threads=THREADS,
        max_body_bytes=1024 * 1024,
        metrics=PrometheusMetrics("webhook_"),
        clock=SystemClock(),
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
