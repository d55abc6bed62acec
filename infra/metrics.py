"""Every metric of the product, declared once; a small port to record them by; Prometheus behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar, cast

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_Measure = TypeVar("_Measure", Counter, Gauge, Histogram)

MetricName = Literal[
    "webhook_accepted_total",  # counter, deliveries: published and acknowledged, by event type
    "webhook_rejected_total",  # counter, deliveries: answered 4xx or 5xx, by reason; never told to the sender
    "webhook_quarantined_total",  # counter, deliveries: genuine, but kept aside, by reason; alarmed
    "webhook_body_too_large_total",  # counter, deliveries: over the body limit; alarmed
    "webhook_secret_matched_total",  # counter, deliveries: by secret (first 8 hex of its SHA-256), to end a rotation by
    "webhook_ack_seconds",  # histogram, seconds: from a genuine delivery's arrival to its answer
    "webhook_age_seconds",  # histogram, seconds: from Zoom's signing of a genuine delivery to its arrival
    "webhook_secret_last_matched_timestamp_seconds",  # gauge, Unix seconds: by secret; 0: not since the start
    "webhook_url_validated_timestamp_seconds",  # gauge, Unix seconds: the last signed validation of our URL; Zoom does so every 72 h
    "webhook_url_validations_total",  # counter, challenges answered, by whether they were signed
    "webhook_in_flight",  # gauge, deliveries: whole bodies that wait for their answer
    "webhook_started_timestamp_seconds",  # gauge, Unix seconds: when this process started; the base of "not since"
    "webhook_last_genuine_timestamp_seconds",  # gauge, Unix seconds: the last rightly signed delivery; silence is its age
    "webhook_last_chance_total",  # counter, deliveries: 80 min or more after their `event_ts`: Zoom's last try
    "webhook_suspect_rejected_total",  # counter, deliveries: turned away though they look genuine, by reason
    "webhook_unknown_event_type_total",  # counter, deliveries: published, of a type that we do not know
    "webhook_log_available",  # gauge, 0 or 1: whether the log took the last record
    "webhook_spooled_total",  # counter, records: acknowledged from the local spool
    "webhook_relayed_total",  # counter, records: out of the queue, by where to (log, quarantine, aside)
    "webhook_spool_records",  # gauge, records that wait for the log
    "webhook_spool_aside_records",  # gauge, records that no topic takes: a person has to look
    "webhook_spool_bytes",  # gauge, bytes of the spool that are in use
    "webhook_spool_free_bytes",  # gauge, bytes that its disk still takes
    "webhook_spool_oldest_age_seconds",  # gauge, seconds that the oldest record has waited; 0: none waits
    "webhook_spool_writable",  # gauge, 0 or 1: whether the spool took the last write, with room to spare
    "processor_records_total",  # counter, records of interest: decided, seen before (doubled) or dead-lettered
    "processor_decisions_total",  # counter, decisions by what they gave as their reason, such as an unregistered meeting
    "processor_effects_total",  # counter, effects: done, put off, dead or lost to another worker, by kind
    "processor_effect_seconds",  # histogram, seconds: performing one effect, by kind
    "processor_lag_seconds",  # gauge, seconds: since the instant up to which every partition is read; up to 5 when idle
    "processor_due_age_seconds",  # gauge, seconds: how long the oldest effect that is due has waited; 0 when none is
    "processor_effects_dead",  # gauge, effects: that nobody tries again until a person redrives them
    "processor_braked",  # gauge, 0 or 1: stopped until a person resumes it
    "processor_effects_running",  # gauge, effects: under way in this process, by kind; downloads are archive_file
    "portal_refused_total",  # counter, requests: that got no thread, by reason
    "portal_calls_total",  # counter, calls asked for, by what became of it: started, repeated or why not
    "portal_hosts_free",  # gauge, hosts: that could take a call, as of the last sweep
    "portal_sweep_failed",  # gauge, things: that the last sweep could not do and leaves to the next
    "portal_in_flight",  # gauge, requests: whole ones that wait for their answer
]

# Zoom gives up after 3 s; the log has until 1.5 s.
_ACK_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.0, 3.0)
# Zoom retries after 5, 30 and 115 minutes at the latest; the window is 2 h unless set otherwise.
_AGE_BUCKETS = (1.0, 2.0, 5.0, 15.0, 60.0, 300.0, 600.0, 1800.0, 3600.0, 5400.0, 7200.0)
# From a chat message (milliseconds) to a 10 GiB recording (an hour).
_EFFECT_BUCKETS = (0.01, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is. `buckets` are the upper bounds of a histogram, in the metric's unit."""

    kind: Literal["counter", "histogram", "gauge"]
    meaning: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


METRICS: Mapping[MetricName, Metric] = {
    "webhook_accepted_total": Metric("counter", "Deliveries published and acknowledged", ("event_type",)),
    "webhook_rejected_total": Metric("counter", "Deliveries answered 4xx or 5xx", ("reason",)),
    "webhook_quarantined_total": Metric("counter", "Genuine deliveries kept aside", ("reason",)),
    "webhook_body_too_large_total": Metric("counter", "Deliveries over the body limit"),
    "webhook_secret_matched_total": Metric("counter", "Deliveries by the secret that signed them", ("secret",)),
    "webhook_ack_seconds": Metric("histogram", "From arrival to answer", buckets=_ACK_BUCKETS),
    "webhook_age_seconds": Metric("histogram", "From Zoom's signing to arrival", buckets=_AGE_BUCKETS),
    "webhook_secret_last_matched_timestamp_seconds": Metric(
        "gauge", "When a secret last signed a delivery", ("secret",)
    ),
    "webhook_url_validated_timestamp_seconds": Metric("gauge", "When Zoom last validated our URL, signed"),
    "webhook_url_validations_total": Metric("counter", "Challenges of our URL that were answered", ("signed",)),
    "webhook_in_flight": Metric("gauge", "Deliveries that wait for their answer"),
    "webhook_started_timestamp_seconds": Metric("gauge", "When this process started"),
    "webhook_last_genuine_timestamp_seconds": Metric("gauge", "When the last genuine delivery came"),
    "webhook_last_chance_total": Metric("counter", "Genuine deliveries at Zoom's last try"),
    "webhook_suspect_rejected_total": Metric("counter", "Rejected deliveries that look genuine", ("reason",)),
    "webhook_unknown_event_type_total": Metric("counter", "Published events of a type that we do not know"),
    "webhook_log_available": Metric("gauge", "Whether the log took the last record"),
    "webhook_spooled_total": Metric("counter", "Records acknowledged from the local spool"),
    "webhook_relayed_total": Metric("counter", "Records that left the spool", ("to",)),
    "webhook_spool_records": Metric("gauge", "Records that wait in the spool"),
    "webhook_spool_aside_records": Metric("gauge", "Records that no topic takes"),
    "webhook_spool_bytes": Metric("gauge", "Bytes of the spool that are in use"),
    "webhook_spool_free_bytes": Metric("gauge", "Bytes that the disk of the spool still takes"),
    "webhook_spool_oldest_age_seconds": Metric("gauge", "How long the oldest record has waited in the spool"),
    "webhook_spool_writable": Metric("gauge", "Whether the spool can be written, with room to spare"),
    "processor_records_total": Metric("counter", "Records taken, by outcome", ("processor", "outcome")),
    "processor_decisions_total": Metric("counter", "Decisions, by reason", ("processor", "reason")),
    "processor_effects_total": Metric("counter", "Effects ended, by outcome", ("processor", "kind", "outcome")),
    "processor_effect_seconds": Metric("histogram", "Performing an effect", ("processor", "kind"), _EFFECT_BUCKETS),
    "processor_lag_seconds": Metric("gauge", "Since the instant up to which its input is read", ("processor",)),
    "processor_due_age_seconds": Metric("gauge", "How long the oldest due effect has waited", ("processor",)),
    "processor_effects_dead": Metric("gauge", "Effects given up", ("processor",)),
    "processor_braked": Metric("gauge", "Stopped until a person resumes it", ("processor",)),
    "processor_effects_running": Metric("gauge", "Effects under way", ("processor", "kind")),
    "portal_refused_total": Metric("counter", "Requests that got no thread", ("reason",)),
    "portal_calls_total": Metric("counter", "Calls asked for, by what became of it", ("outcome",)),
    "portal_hosts_free": Metric("gauge", "Hosts that could take a call"),
    "portal_sweep_failed": Metric("gauge", "What the last sweep could not do"),
    "portal_in_flight": Metric("gauge", "Requests that wait for their answer"),
}


class Metrics(Protocol):
    """Where measurements go. Recording one never fails and never waits."""

    def count(self, name: MetricName, **labels: str) -> None:
        """Add one to a counter."""
        ...

    def observe(self, name: MetricName, value: float, **labels: str) -> None:
        """Add a value to a histogram."""
        ...

    def set(self, name: MetricName, value: float, **labels: str) -> None:
        """Give a gauge its value."""
        ...


class PrometheusMetrics:
    """Keeps the metrics whose names begin with `prefix` for Prometheus to fetch."""

    def __init__(self, prefix: str) -> None:
        self._registry = CollectorRegistry()
        self._counters: dict[MetricName, Counter] = {}
        self._histograms: dict[MetricName, Histogram] = {}
        self._gauges: dict[MetricName, Gauge] = {}
        self._found: dict[tuple[object, ...], object] = {}
        for name, metric in METRICS.items():
            if name.startswith(prefix):
                self._add(name, metric)

    def count(self, name: MetricName, **labels: str) -> None:
        self._labelled(name, self._counters[name], labels).inc()

    def observe(self, name: MetricName, value: float, **labels: str) -> None:
        self._labelled(name, self._histograms[name], labels).observe(value)

    def set(self, name: MetricName, value: float, **labels: str) -> None:
        self._labelled(name, self._gauges[name], labels).set(value)

    def exposition(self) -> bytes:
        """Return every value in Prometheus' text format."""
        return generate_latest(self._registry)

    def _labelled(self, name: MetricName, whole: _Measure, labels: dict[str, str]) -> _Measure:
        """Return the one of these labels; the library takes 20 us to find it again, several times a webhook."""
        if not labels:
            return whole
        place = (name, *labels.items())
        found = self._found.get(place)
        if found is None:
            found = self._found[place] = whole.labels(**labels)
        return cast(_Measure, found)

    def _add(self, name: MetricName, metric: Metric) -> None:
        if metric.kind == "counter":
            self._counters[name] = Counter(name, metric.meaning, metric.labels, registry=self._registry)
        elif metric.kind == "gauge":
            self._gauges[name] = Gauge(name, metric.meaning, metric.labels, registry=self._registry)
        else:
            self._histograms[name] = Histogram(
                name, metric.meaning, metric.labels, registry=self._registry, buckets=metric.buckets
            )
