"""The processors' runtime: how many events a second it passes over, and how many it decides and acts on."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from statistics import median

from kafka import KafkaProducer
from sqlalchemy import delete

from infra.database.engine import migrate, open_database, writing
from infra.database.tables import effects
from infra.errors import ConfigurationError, TransientError
from infra.local.kafka_broker import KafkaBroker
from infra.local.postgres import PostgresServer
from infra.settings import TransportSettings
from infra.transport.connect import connect
from schemas.envelope import Envelope
from schemas.topics import WEBHOOKS, Topic
from tests.benchmarks.run import CLOCK, Run, measured, python
from tests.benchmarks.runtime_child import BUSY_TOPICS, INTERESTING
from tests.benchmarks.table import Bar, Row, judged, not_run, ratios, reported

IDLE_BAR = Bar(0.5, at_least=True)  # issue 4 E, as the two below
SQLITE_BAR, POSTGRES_BAR = Bar(300, at_least=True), Bar(500, at_least=True)
KEYS = 200  # meetings that the busy events belong to
WRITERS = 32


def measure(run: Run) -> Iterator[Row]:
    """Yield the runtime's rows."""
    yield from _sqlite(run)
    what = ("events without interest over the bare kafka-python loop's", "one state change and one effect, PostgreSQL")
    with ExitStack() as stack:
        broker = KafkaBroker(run.folder / "kafka", CLOCK)
        try:
            broker.start()
        except (ConfigurationError, TransientError) as error:
            yield from (not_run(one, str(error)) for one in what)
            return
        stack.callback(broker.stop)
        url = f"kafka://{broker.bootstrap_servers}"
        yield from _without_interest(run, url)
        yield from _postgres(run, url)


def _without_interest(run: Run, url: str) -> Iterator[Row]:
    events = run.pick(60_000, 10_000)
    run.say(f"runtime: writing {events:,} events to Kafka")
    produce(url, WEBHOOKS, events, "us.zoom.bench.boring")
    database_url = _database(run, "idle")
    rates: dict[str, list[float]] = {"bare": [], "idle": []}
    notes: dict[str, list[float]] = {"bare": [], "idle": []}
    for turn in range(run.rounds):
        for mode, measured_rates in rates.items():
            run.say(f"runtime, events without interest, round {turn + 1}: {mode}")
            result = child(run, mode, url, database_url, events, f"{mode}-{turn}")
            measured_rates.append(result["events"] / result["seconds"])
            notes[mode].append(result["cpu_us"])
    note = (
        f"{median(rates['idle']):,.0f}/s against {median(rates['bare']):,.0f}/s, "
        f"CPU {median(notes['idle']):.0f} us against {median(notes['bare']):.0f} us an event; both poll 500 and commit"
    )
    yield judged(
        "events without interest over the bare kafka-python loop's", "x", ratios(rates["idle"], rates["bare"]), IDLE_BAR, note
    )  # fmt: skip


def _sqlite(run: Run) -> Iterator[Row]:
    events = run.pick(2_000, 400)
    rates, notes, memory = [], [], []
    for turn in range(run.rounds):
        run.say(f"runtime, SQLite, round {turn + 1}")
        url = f"sqlite:///{run.folder}/runtime-{turn}.db"
        produce(url, BUSY_TOPICS[0], events, INTERESTING)
        result = child(run, "busy", url, _database(run, f"busy-{turn}"), events, BUSY_TOPICS[0].name)
        rates.append(result["events"] / result["seconds"])
        notes.append(result["cpu_us"])
        memory.append(result["rss_mebibytes"])
    note = f"one process, {median(notes):,.0f} us CPU an event; counted when the effect's end is stored"
    yield judged("one state change and one effect, SQLite", "1/s", rates, SQLITE_BAR, note)
    yield reported("RSS of that process, at its peak", "MiB", memory)


def _postgres(run: Run, url: str) -> Iterator[Row]:
    what = "one state change and one effect, PostgreSQL, two workers"
    server = PostgresServer(run.folder, CLOCK)
    try:
        server.start()
    except (ConfigurationError, TransientError) as error:
        yield not_run(what, str(error))
        return
    try:
        engine = open_database(server.url)
        migrate(engine)
        events = run.pick(2_000, 400)
        rates, notes = [], []
        for turn, topic in zip(range(run.rounds), BUSY_TOPICS, strict=False):
            run.say(f"runtime, PostgreSQL, round {turn + 1}")
            produce(url, topic, events, INTERESTING)
            with writing(engine) as connection:
                connection.execute(delete(effects))
            with ThreadPoolExecutor(2) as pool:
                both = [pool.submit(child, run, "busy", url, server.url, events, topic.name, name) for name in "ab"]
                results = [one.result() for one in both]
            rates.append(max(one["events"] for one in results) / max(one["seconds"] for one in results))
            notes.append(sum(one["cpu_us"] for one in results))
        note = f"two processes on Kafka, {median(notes):,.0f} us CPU an event in both; the server runs without fsync"
        yield judged(what, "1/s", rates, POSTGRES_BAR, note)
    finally:
        server.stop()


def produce(url: str, topic: Topic, events: int, event_type: str) -> None:
    """Write events of about 1.1 KB."""
    transport = connect(TransportSettings(url), CLOCK)
    transport.create_topics([topic])
    transport.close()
    batch = f"{CLOCK.now().timestamp():.6f}"
    envelopes = (_envelope(batch, number, event_type) for number in range(events))
    if url.startswith("kafka://"):
        _produce_to_kafka(url.removeprefix("kafka://"), topic, envelopes)
    else:
        _produce_to_sqlite(url, topic, list(envelopes))


def _envelope(batch: str, number: int, event_type: str) -> Envelope:
    key, name = str(number % KEYS), f"{batch}-{number}"
    data = json.dumps({"key": key, "name": name, "padding": "x" * 1000}).encode()
    return Envelope(id=name, source="/bench", type=event_type, data=data, partitionkey=key)


def _produce_to_kafka(servers: str, topic: Topic, envelopes: Iterator[Envelope]) -> None:
    """By kafka-python's own batches: the product's producer waits for each record."""
    producer = KafkaProducer(bootstrap_servers=servers.split(","), linger_ms=20)
    for envelope in envelopes:
        producer.send(topic.name, envelope.data, envelope.key, list(envelope.headers()))
    producer.flush(timeout=120)
    producer.close(timeout=10)


def _produce_to_sqlite(url: str, topic: Topic, envelopes: Sequence[Envelope]) -> None:
    transport = connect(TransportSettings(url), CLOCK)
    producer = transport.producer()

    def write(first: int) -> None:
        for one in envelopes[first::WRITERS]:
            producer.produce(topic.name, key=one.key, headers=one.headers(), value=one.data, timeout_seconds=30)

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(write, range(WRITERS)))
    producer.close()
    transport.close()


def child(  # noqa: PLR0917 - what the child process takes, in its order
    run: Run, mode: str, url: str, database_url: str, events: int, group: str, name: str = "a"
) -> dict[str, float]:
    """Run one measurement in a process of its own."""
    folder = run.folder / f"child-{name}"
    folder.mkdir(exist_ok=True)
    command = python("-m", "tests.benchmarks.runtime_child", mode, url, database_url, str(events), group)
    done = measured(command, folder)
    result: dict[str, float] = json.loads(done.output.splitlines()[-1])
    return result


def _database(run: Run, name: str) -> str:
    url = f"sqlite:///{run.folder}/{name}-database.db"
    migrate(open_database(url))
    return url
