"""From the sending of a webhook to the message in the chat, through the whole product, at a steady rate."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime

from infra.errors import ConfigurationError, TransientError
from infra.local.ports import free_ports
from infra.local.stack import Stack
from infra.settings import Address, transport_settings
from infra.transport import Transport
from infra.transport.connect import connect
from infra.zoom.simulator import Call, build_call
from infra.zoom.simulator.feed import register
from infra.zoom.simulator.sender import Sender
from schemas.calls import Registration
from schemas.topics import CALL_EVENTS
from tests.benchmarks.run import CLOCK, Broken, Run, percentile, wait_until
from tests.benchmarks.table import Bar, Row, failed, judged, not_run

PER_SECOND = 20  # issue 4 E
WARM_UP = 40  # calls before those that count
BARS = {"SQLite log": (Bar(100), Bar(250)), "Kafka": (Bar(150), Bar(500))}  # p50 and p99 in ms, issue 4 E
SENDERS = 8


def measure(run: Run) -> Iterator[Row]:
    """Yield p50 and p99 on both logs."""
    for name, bars in BARS.items():
        try:
            rounds = _rounds(run, name)
        except ConfigurationError as error:
            yield not_run(f"webhook sent to message visible, {name}", str(error))
            continue
        except (TransientError, Broken) as error:
            yield failed(f"webhook sent to message visible, {name}", str(error))
            continue
        note = f"{PER_SECOND} events/s, {sum(map(len, rounds))} events, each the start of another registered call"
        for share, bar in zip((0.5, 0.99), bars, strict=True):
            values = [percentile(one, share) for one in rounds]
            what = f"webhook sent to message visible, {name}, p{round(share * 100)}"
            yield judged(what, "ms", values, bar, note if share == 0.5 else f"slowest {max(map(max, rounds)):.0f} ms")


def _rounds(run: Run, name: str) -> list[list[float]]:
    receiver, zoom = (Address("127.0.0.1", port) for port in free_ports(2))
    folder = run.folder / name.replace(" ", "-")
    stack = Stack(folder, CLOCK, lambda _: None, receiver=receiver, zoom=zoom, kafka=name == "Kafka")
    run.say(f"latency, {name}: starting everything")
    try:
        stack.start({"LOG_LEVEL": "INFO"})
        per_round = run.pick(10 * PER_SECOND, 3 * PER_SECOND)
        calls = _calls(WARM_UP + run.rounds * per_round)
        transport = connect(transport_settings(stack.environment), CLOCK)
        producer = transport.producer()
        register(producer, calls, CLOCK)
        producer.close()
        _wait_until_created(transport, len(calls))  # 640 at once, as no marketplace registers them: not to be measured
        transport.close()
        _play(stack, calls[:WARM_UP])
        rounds = []
        for turn in range(run.rounds):
            run.say(f"latency, {name}, round {turn + 1}")
            first = WARM_UP + turn * per_round
            rounds.append(_play(stack, calls[first : first + per_round]))
        return rounds
    finally:
        stack.stop()


def _calls(count: int) -> list[Call]:
    """As many calls, each of another meeting, all of them registered."""
    return [build_call("clean", seed, CLOCK.now()) for seed in range(count)]


def _wait_until_created(transport: Transport, calls: int) -> None:
    def created() -> int:
        return sum(transport.end_offsets(CALL_EVENTS.name).values())

    wait_until(lambda: created() >= calls, "every registered call is created")


def _play(stack: Stack, calls: Sequence[Call]) -> list[float]:
    """Send each call's first event at its time; return for each the milliseconds until its message was visible."""
    senders = [Sender(stack.receiver_url, stack.webhook_secret, CLOCK) for _ in range(SENDERS)]
    sent: list[datetime | None] = [None] * len(calls)

    def send(number: int) -> bool:
        content = calls[number].body(replace(calls[number].deliveries[0], event=0), "")
        sent[number] = CLOCK.now()
        return senders[number % SENDERS].send(content).accepted

    began_at = CLOCK.monotonic()
    with ThreadPoolExecutor(SENDERS) as pool:
        answers = []
        for number in range(len(calls)):
            CLOCK.sleep(max(0.0, began_at + number / PER_SECOND - CLOCK.monotonic()))
            answers.append(pool.submit(send, number))
    for sender in senders:
        sender.close()
    refused = sum(not answer.result() for answer in answers)
    if refused:
        raise Broken(f"{refused} of {len(calls)} webhooks were not accepted")
    wait_until(lambda: _shown_at(stack, calls[-1]) is not None, "the last message is visible")
    wait_until(lambda: all(_shown_at(stack, call) for call in calls), "every message is visible")
    return [_milliseconds(stack, call, at) for call, at in zip(calls, sent, strict=True)]


def _milliseconds(stack: Stack, call: Call, sent_at: datetime | None) -> float:
    shown_at = _shown_at(stack, call)
    assert shown_at is not None
    assert sent_at is not None
    return (shown_at - sent_at).total_seconds() * 1000


def _shown_at(stack: Stack, call: Call) -> datetime | None:
    assert stack.zoom is not None
    messages = stack.zoom.chat.messages(_registration(call).conversation_id)
    return datetime.fromisoformat(messages[0].at) if messages else None


def _registration(call: Call) -> Registration:
    assert call.registration is not None
    return call.registration
