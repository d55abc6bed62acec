"""Read an old range of the topics again, and decide about it again.

A replay decides on the states as they are, through the same code as live records: what was asked for before stays one
effect by its key, and what was missed is asked for now. See `rehearsal` for the dry run.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from infra.clock import Clock
from infra.errors import PermanentError
from infra.transport import Record, TopicPartition, Transport
from processors.base import Event, Processor
from processors.runtime.codec import decode, type_of
from processors.runtime.dead_letters import reason_of
from processors.runtime.inbox import Inbox
from processors.runtime.upkeep import handled_kept
from schemas.errors import InvalidEvent, PipelineError


@dataclass(frozen=True, slots=True)
class Span:
    """From `begin` up to, not including, `end`; of one meeting, where one is named."""

    begin: datetime
    end: datetime
    meeting: str | None = None


@dataclass(slots=True)
class Replayed:
    """What came of a replay. `unusable` are records that no decision can use: they lie dead, or did."""

    records: int = 0
    effects: int = 0
    unusable: int = 0


def check_span(span: Span, topics: tuple[str, ...], clock: Clock) -> None:
    """Raise PermanentError for a span that cannot be replayed; the text says why."""
    kept = handled_kept(topics)
    if span.begin >= span.end:
        raise PermanentError("--from is not before --to")
    if span.end > clock.now():
        raise PermanentError("--to is in the future: what has not happened cannot be replayed")
    if span.begin < clock.now() - kept:
        raise PermanentError(
            f"--from is more than {kept.days} days ago: what was handled then is no longer known, so nothing could be kept single"
        )


def replay(transport: Transport, inbox: Inbox, processor: Processor[Any], span: Span) -> Replayed:
    """Decide again about every record of the span, and ask for what is missing. Doing it twice does it once.

    Raises:
        TransientError: log or database do not answer; running it again does the rest.
        PermanentError: a decision failed in a way that nobody foresaw; the text says at which record.
    """
    done = Replayed()
    for record in records_of(transport, processor, span):
        done.records += 1
        try:
            for event, key in routed(processor, record):
                done.effects += inbox.take(event, key, again=True).effects
        except InvalidEvent:
            done.unusable += 1
        except PipelineError:
            raise
        except Exception as error:
            raise failed_at(record, error) from error
    return done


def routed(processor: Processor[Any], record: Record) -> Sequence[tuple[Event, str]]:
    """Return the record's event with each key that it concerns. Raises InvalidEvent when the processor cannot use it."""
    event = decode(record)
    return [(event, key) for key in processor.route(event)]


def failed_at(record: Record, error: Exception) -> PermanentError:
    """Return what to say of a record that no decision survives."""
    return PermanentError(f"{record.topic} {record.partition}:{record.offset} fails: {reason_of(error)}")


def records_of(transport: Transport, processor: Processor[Any], span: Span) -> Iterator[Record]:
    """Return the span's records of interest in all of the processor's topics, in the order of their times."""
    key = None if span.meeting is None else span.meeting.encode()
    places = [place for topic in processor.topics for place in sorted(transport.end_offsets(topic))]
    streams = [_read(transport, place, span) for place in places]
    for record in heapq.merge(*streams, key=lambda record: record.timestamp):
        if type_of(record) in processor.types and (key is None or record.key == key):
            yield record


def _read(transport: Transport, place: TopicPartition, span: Span) -> Iterator[Record]:
    offset, end = transport.offset_at(place, span.begin), transport.offset_at(place, span.end)
    while offset < end and (records := transport.read(place, offset)):
        yield from (record for record in records if record.offset < end)
        offset = records[-1].offset + 1
