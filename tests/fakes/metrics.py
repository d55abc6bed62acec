"""Metrics that remember."""

from collections import Counter, defaultdict

from infra.metrics import METRICS, MetricName

Key = tuple[MetricName, tuple[tuple[str, str], ...]]


class RecordingMetrics:
    """Keeps every measurement, and refuses what is not declared, as Prometheus does."""

    def __init__(self) -> None:
        self._counts: Counter[Key] = Counter()
        self._observed: defaultdict[Key, list[float]] = defaultdict(list)
        self._gauges: dict[Key, float] = {}

    def count(self, name: MetricName, **labels: str) -> None:
        self._counts[_key("counter", name, labels)] += 1

    def observe(self, name: MetricName, value: float, **labels: str) -> None:
        self._observed[_key("histogram", name, labels)].append(value)

    def set(self, name: MetricName, value: float, **labels: str) -> None:
        self._gauges[_key("gauge", name, labels)] = value

    def counted(self, name: MetricName, **labels: str) -> int:
        return self._counts[_key("counter", name, labels)]

    def observed(self, name: MetricName, **labels: str) -> list[float]:
        return self._observed[_key("histogram", name, labels)]

    def gauge(self, name: MetricName, **labels: str) -> float | None:
        return self._gauges.get(_key("gauge", name, labels))


def _key(kind: str, name: MetricName, labels: dict[str, str]) -> Key:
    assert METRICS[name].kind == kind
    assert set(labels) == set(METRICS[name].labels)
    return name, tuple(sorted(labels.items()))
