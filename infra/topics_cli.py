"""`topics`: look into the log from a terminal."""

import base64
import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import click

from infra.clock import Clock, SystemClock
from infra.errors import PermanentError, TransientError
from infra.masking import mask_bytes, mask_headers, mask_text
from infra.settings import transport_settings
from infra.transport import Record, TopicPartition, Transport
from infra.transport.connect import connect
from schemas.envelope import format_time

LAST_RECORDS = 10  # shown without --from-beginning
FOLLOW_SECONDS = 0.5  # between two looks for new records


@click.group()
def topics() -> None:
    """Look into the topics of the log."""


@topics.command("read")
@click.argument("topic")
@click.option("--from-beginning", is_flag=True, help=f"All records that are kept, not just the last {LAST_RECORDS}.")
@click.option("--follow", is_flag=True, help="Go on with new records until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--reveal", is_flag=True, help="Show secrets and persons too.")
def read_topic(topic: str, *, from_beginning: bool, follow: bool, as_json: bool, reveal: bool) -> None:
    """Print the records of TOPIC, secrets and persons masked."""
    try:
        transport = connect(transport_settings(os.environ), SystemClock())
        for record in _records(transport, SystemClock(), topic, from_beginning=from_beginning, follow=follow):
            fields = _fields(record, reveal=reveal)
            click.echo(json.dumps(fields, ensure_ascii=False) if as_json else _line(fields))
    except (PermanentError, TransientError) as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)  # what a shell says of a program that Ctrl-C ended


def _records(transport: Transport, clock: Clock, topic: str, *, from_beginning: bool, follow: bool) -> Iterator[Record]:
    """The records up to the end as it was at the start, by partition; then, when following, what comes."""
    ends = transport.end_offsets(topic)
    yield from _all(transport, ends) if from_beginning else _last(transport, ends)
    offsets = dict(ends)
    while follow:
        clock.sleep(FOLLOW_SECONDS)
        with suppress(TransientError):  # the log may be away for a while: the next look goes on from here
            for place, end in transport.end_offsets(topic).items():
                for record in _range(transport, place, offsets.get(place, 0), end):
                    offsets[place] = record.offset + 1
                    yield record


def _all(transport: Transport, ends: Mapping[TopicPartition, int]) -> Iterator[Record]:
    for place, end in sorted(ends.items()):
        yield from _range(transport, place, 0, end)


def _last(transport: Transport, ends: Mapping[TopicPartition, int]) -> list[Record]:
    """The newest records of all partitions together, oldest first."""
    found = [
        record for place, end in ends.items() for record in _range(transport, place, max(0, end - LAST_RECORDS), end)
    ]
    return sorted(found, key=lambda record: (record.timestamp, record.place, record.offset))[-LAST_RECORDS:]


def _range(transport: Transport, place: TopicPartition, offset: int, end: int) -> Iterator[Record]:
    while offset < end:
        records = [record for record in transport.read(place, offset) if record.offset < end]
        if not records:
            return
        yield from records
        offset = records[-1].offset + 1


def _fields(record: Record, *, reveal: bool) -> dict[str, Any]:
    key = None if record.key is None else record.key.decode(errors="replace")
    headers = {name: content.decode(errors="replace") for name, content in record.headers}
    return {
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": format_time(record.timestamp),
        "key": key if reveal or key is None else mask_text(key),
        "headers": headers if reveal else mask_headers(headers),
        **_value(record.value, reveal=reveal),
    }


def _value(value: bytes, *, reveal: bool) -> dict[str, str]:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return {"value_base64": base64.b64encode(value).decode() if reveal else mask_bytes(value)}
    return {"value": text if reveal else mask_bytes(value)}


def _line(fields: Mapping[str, Any]) -> str:
    """A record as people read it: where, when, what kind, for whom; then its value, which cannot steer the terminal."""
    kind = fields["headers"].get("ce_type", "-")
    place = f"{fields['partition']}:{fields['offset']}"
    text = fields.get("value", fields.get("value_base64", ""))
    line = f"{place}  {fields['timestamp']}  {kind}  key={fields['key']}  {text}"
    return "".join(character if character.isprintable() else "�" for character in line)
