"""A subscriber: drops doubles by ce_id and prints each call's timeline whenever it grows. Usage: subscriber.py BROKER GROUP"""

import json
import sys
from collections import defaultdict

from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event
from kafka import KafkaConsumer

consumer = KafkaConsumer(
    "call-events",
    bootstrap_servers=sys.argv[1],
    group_id=sys.argv[2],
    auto_offset_reset="earliest",  # of a group that has read nothing yet
    enable_auto_commit=False,  # commit once the work is done: at least once, never at most once
)
seen: set[str] = set()  # a real subscriber keeps it with its data, for as long as the topic keeps events: 30 days
timelines: dict[str, dict[int, str]] = defaultdict(dict)

while True:
    grown = set()
    for records in consumer.poll(timeout_ms=500).values():
        for record in records:
            event = from_binary_event(KafkaMessage(dict(record.headers), record.key, record.value))
            if event.get_id() not in seen:
                seen.add(event.get_id())
                data, stream = event.get_data(), event.get_subject()
                timelines[stream][data["sequence"]] = f"{data['occurred_at']} {event.get_type()}"
                grown.add(stream)
    for stream in sorted(grown):
        lines = [f"{number} {line}" for number, line in sorted(timelines[stream].items())]
        print(json.dumps({stream: lines}), flush=True)
    if grown:
        consumer.commit(timeout_ms=10_000)  # without a limit a lost coordinator would stop it for good
