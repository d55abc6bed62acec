"""What the transport's tests do with a log, until it has happened or a deadline has passed."""

import subprocess
import sys
import textwrap
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from infra.clock import SystemClock
from infra.errors import TransientError
from infra.transport import Consumer, Producer, Record
from schemas.topics import Topic

CLOCK = SystemClock()

WAIT_SECONDS = 60.0  # a deadline, not a wait: two members that join one after the other rebalance twice

ROOT = Path(__file__).resolve().parents[3]

MakeTopic = Callable[..., str]

Join = Callable[..., Consumer]


def a_topic(partitions: int = 1) -> Topic:
    return Topic(
        name=f"test-{uuid4()}",
        purpose="a test",
        key="any",
        restricted=True,
        retention=timedelta(days=1),
        personal_data="none",
        writers=(),
        readers=(),
        partitions=partitions,
    )


def put(producer: Producer, topic: str, value: str, key: str | None = "key") -> None:
    """Produce, once more where a cold cluster was too slow the first time."""
    for attempt in range(3):
        try:
            producer.produce(topic, key=key and key.encode(), headers=(), value=value.encode(), timeout_seconds=5)
        except TransientError:
            if attempt == 2:
                raise
        else:
            return


def poll_at_once(*members: Consumer) -> list[Sequence[Record]]:
    """Poll each in a thread of its own, as processes do.

    In turn they might never settle: what a joining member is answered between two of its polls, while another one is
    polled, kafka-python 3.0.12 forgets, and joins anew (`join_group_async`: a finished task is not asked for its result).
    """
    with ThreadPoolExecutor(len(members)) as threads:
        return list(threads.map(lambda member: member.poll(0.3), members))


def until(condition: Callable[[], bool], what: str) -> None:
    """Try until it holds."""
    deadline = CLOCK.monotonic() + WAIT_SECONDS
    while not condition():
        if CLOCK.monotonic() > deadline:
            pytest.fail(f"not within {WAIT_SECONDS} s: {what}")


def take(consumer: Consumer, count: int, max_records: int = 500) -> list[Record]:
    """Poll until so many records have come."""
    records: list[Record] = []

    def enough() -> bool:
        records.extend(consumer.poll(0.2, max_records))
        return len(records) >= count

    until(enough, f"{count} records")
    return records


def owns(consumer: Consumer, count: int = 1) -> None:
    """Poll until the member owns so many partitions, none of which has a record for it."""

    def owning() -> bool:
        assert consumer.poll(0.1) == []
        return len(consumer.assignment()) == count

    until(owning, f"{count} partitions owned")


def commit_all(consumer: Consumer, records: Sequence[Record]) -> None:
    consumer.commit({record.place: record.offset + 1 for record in records})


def values(records: Sequence[Record]) -> list[str]:
    return [record.value.decode() for record in records]


def started(code: str, *arguments: str) -> subprocess.Popen[str]:
    """Start another process that runs our code; it says what it did on its standard output."""
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code), *arguments], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
