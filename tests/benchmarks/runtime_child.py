"""One process of the runtime's measurements: MODE LOG_URL DATABASE_URL EVENTS GROUP-OR-TOPIC; prints JSON.

bare: kafka-python's consumer alone, poll and commit. idle: our runtime, events that interest no processor. busy: our
runtime, each event changes a state and asks for one effect.
"""

import json
import resource
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from sqlalchemy import func, select

from infra import logs
from infra.clock import SystemClock
from infra.database.engine import open_database, reading
from infra.database.tables import effects
from infra.metrics import PrometheusMetrics
from infra.settings import TransportSettings
from infra.transport.connect import connect
from processors.base import Decision, Event
from processors.commands import Command, PutChatMessage
from processors.runtime.runner import Member, World, run
from schemas.topics import HOLDS, OUTCOMES, REPORTS, WEBHOOKS
from tests.benchmarks.run import CLOCK

BUSY_TOPICS = (
    OUTCOMES,
    REPORTS,
    HOLDS,
)  # one a round, so that none reads an earlier round's; WEBHOOKS holds the others
INTERESTING = "us.zoom.bench.interesting"


@dataclass
class Count:
    """The state of one key."""

    events: int = 0


class Counter:
    """A processor that counts, and says each number in the chat."""

    types: ClassVar[frozenset[str]] = frozenset({INTERESTING})
    state_type: type[Count] = Count
    state_version: ClassVar[int] = 1

    def __init__(self, group: str, topic: str) -> None:
        self.name = group
        self.topics = (topic,)

    def route(self, event: Event) -> Sequence[str]:
        return [event.data["key"]]

    def decide(self, event: Event, state: Count | None) -> Decision[Count]:
        count = state or Count()
        if event.type in self.types:
            count.events += 1
            place = event.data["name"]
            return Decision(count, [PutChatMessage(place, "invitation", 1, "x" * 300)])
        return Decision(count)


class Performer:
    """The chat of nobody: it answers at once."""

    def perform(self, command: Command) -> dict[str, Any]:
        return {"message_id": "m"}

    def record(self, *_: object) -> None:
        pass


def bare(servers: Sequence[str], events: int, group: str) -> dict[str, float]:
    """Poll and commit until all events were seen; time runs from the first one."""
    consumer = KafkaConsumer(
        WEBHOOKS.name, bootstrap_servers=list(servers), group_id=group, auto_offset_reset="earliest",
        enable_auto_commit=False,
    )  # fmt: skip
    seen, watch = 0, _Watch()
    while seen < events:
        found = consumer.poll(timeout_ms=250, max_records=500)
        if not found:
            continue
        watch.start()
        seen += sum(map(len, found.values()))
        ends = {place: records[-1].offset + 1 for place, records in found.items()}
        consumer.commit({TopicPartition(*place): OffsetAndMetadata(end, "", -1) for place, end in ends.items()})
    result = watch.stop(seen)
    consumer.close()
    return result


def idle(url: str, database_url: str, events: int, group: str) -> dict[str, float]:
    """Step the runtime's loop until all events were polled; time runs from the first one."""
    transport = connect(TransportSettings(url), CLOCK)
    world = _world(transport, database_url)
    loop_consumer = transport.consumer(group, (WEBHOOKS.name,))
    loop = Member(Counter(group, WEBHOOKS.name), world).consumer_loop(loop_consumer)
    seen, watch, stop = 0, _Watch(), threading.Event()
    while seen < events:
        taken = loop.run_once(stop)
        seen += taken
        if taken:
            watch.start()
    result = watch.stop(seen)
    loop_consumer.close()
    return result


def busy(url: str, database_url: str, events: int, topic: str) -> dict[str, float]:
    """Run the processor `busy` until the database knows all effects done; time runs from the first one."""
    transport = connect(TransportSettings(url), CLOCK)
    world = _world(transport, database_url)
    stop, watch = threading.Event(), _Watch()
    thread = threading.Thread(target=run, args=([Counter("busy", topic)], world, stop))
    thread.start()
    done = 0
    while done < events:
        CLOCK.sleep(0.02 if not done else 0.25)  # asking costs the measured process a millisecond
        done = _done(world)
        if done and not watch.running:
            watch.start()
            began_with = done
    result = watch.stop(done - began_with)
    stop.set()
    thread.join()
    return result


class _Watch:
    def __init__(self) -> None:
        self.running = False

    def start(self) -> None:
        if not self.running:
            self.running, self._at, self._cpu = True, CLOCK.monotonic(), _cpu_seconds()

    def stop(self, events: int) -> dict[str, float]:
        seconds = CLOCK.monotonic() - self._at
        return {
            "events": events, "seconds": seconds, "cpu_us": (_cpu_seconds() - self._cpu) / max(1, events) * 1e6,
            "rss_mebibytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }  # fmt: skip


def _world(transport: Any, database_url: str) -> World:
    return World(
        engine=open_database(database_url),
        transport=transport,
        producer=transport.producer(),
        performers={PutChatMessage.kind: Performer()},
        clock=SystemClock(),
        metrics=PrometheusMetrics("processor_"),
    )


def _done(world: World) -> int:
    query = select(func.count()).where(effects.c.status == "done")
    with reading(world.engine) as connection:
        return int(connection.execute(query).scalar_one())


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main(mode: str, url: str, database_url: str, events: str, group: str) -> None:
    logs.configure("INFO")
    if mode == "bare":
        result = bare(url.removeprefix("kafka://").split(","), int(events), group)
    else:
        result = (idle if mode == "idle" else busy)(url, database_url, int(events), group)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
