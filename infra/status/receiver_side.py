"""What the receiver tells of itself: its metrics, by HTTP on its admin address, and its spool, on the disk."""

import http.client
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from infra.clock import Clock
from infra.errors import TransientError
from infra.transport import TopicPartition
from infra.transport.sqlite import SqliteTransport

_TIMEOUT_SECONDS = 3.0  # it answers in milliseconds


def receiver_metrics(host: str, port: int) -> Mapping[str, float]:
    """Return the receiver's metrics that have no labels, by name.

    Raises:
        TransientError: it does not answer, or not with metrics.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        if answer.status != 200:
            raise TransientError(f"the receiver at {host}:{port} answers {answer.status}")
        families = text_string_to_metric_families(answer.read().decode())
        return {one.name: one.value for family in families for one in family.samples if not one.labels}
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise TransientError(f"the receiver at {host}:{port} does not answer: {type(error).__name__}") from error
    finally:
        connection.close()


def spooled(path: Path, clock: Clock) -> tuple[int, float] | None:
    """Return how many records wait in the spool and the oldest one's age in seconds; None when there is no spool here.

    Raises:
        TransientError, ConfigurationError: there is one, but it cannot be read.
    """
    if not path.is_file():
        return None
    spool = SqliteTransport(path, clock)
    place = TopicPartition("waiting", 0)  # its queue, as infra.transport.spool names it
    oldest = spool.read(place, 0, max_records=1)
    if not oldest:
        return 0, 0.0
    count = spool.end_offsets(place.topic)[place] - oldest[0].offset
    return count, (clock.now() - oldest[0].timestamp).total_seconds()
