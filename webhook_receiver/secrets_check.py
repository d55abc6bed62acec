"""Tell whether the older secrets of a rotation may go, from the metrics of the receivers that run."""

import http.client
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from infra.errors import ConfigurationError, TransientError
from webhook_receiver.signature import SigningSecret

QUIET_SECONDS = 7200.0  # Zoom's last retry comes 85 min to 2 h after the first try, signed as the first one was
ANSWER_SECONDS = 5.0  # of an address that is near

_LAST_MATCHED = "webhook_secret_last_matched_timestamp_seconds"
_STARTED = "webhook_started_timestamp_seconds"


@dataclass(frozen=True, slots=True)
class Matches:
    """What one receiver knows: since when (Unix seconds), and the last match by secret, 0 for none."""

    started_at: float
    last_at: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether every secret but the current one may go; `lines` say why."""

    may_go: bool
    lines: tuple[str, ...]


def fetch(url: str) -> Matches:
    """Ask a receiver's admin address.

    Raises:
        ConfigurationError: the address is not http://…, or not a receiver's.
        TransientError: it does not answer.
    """
    return parse(_get(url), url)


def parse(text: str, url: str) -> Matches:
    """Read the metrics of a receiver, which came from `url`. Raises ConfigurationError: they are another program's."""
    found = {(name, labels.get("secret", "")): value for name, labels, value in _samples(text)}
    if (_STARTED, "") not in found:
        raise ConfigurationError(f"{url} does not show the metrics of a receiver")
    matched = {secret: value for (name, secret), value in found.items() if name == _LAST_MATCHED}
    return Matches(found[_STARTED, ""], matched)


def judge(secrets: Sequence[SigningSecret], receivers: Sequence[Matches], now: float) -> Verdict:
    """Return whether all but the first of the secrets may go; `now` is in Unix seconds.

    They may once every receiver accepts the current one, Zoom signs with it, and nothing was signed by another for as
    long as Zoom tries again.
    """
    current, *older = secrets
    if not older:
        return Verdict(may_go=False, lines=(f"{current.id} is the only secret: no rotation is on",))
    verdicts = [_current(current, receivers, now), *(_older(secret, receivers, now) for secret in older)]
    return Verdict(all(good for good, _ in verdicts), tuple(line for _, line in verdicts))


def _current(secret: SigningSecret, receivers: Sequence[Matches], now: float) -> tuple[bool, str]:
    if any(secret.id not in receiver.last_at for receiver in receivers):
        return False, f"{secret.id} (current): a receiver does not accept it yet; deploy it first"
    last_at = max(receiver.last_at[secret.id] for receiver in receivers)
    if last_at == 0:
        return False, f"{secret.id} (current): has signed nothing yet; is it the one that Zoom shows?"
    return True, f"{secret.id} (current): last signed {_when(last_at, now)}"


def _older(secret: SigningSecret, receivers: Sequence[Matches], now: float) -> tuple[bool, str]:
    last_at = max(receiver.last_at.get(secret.id, 0.0) for receiver in receivers)
    since = max(last_at, *(receiver.started_at for receiver in receivers))
    signed = f"last signed {_when(last_at, now)}" if last_at else f"has signed nothing since {_when(since, now)}"
    if now - since >= QUIET_SECONDS:
        return True, f"{secret.id} (older): {signed}; it may go"
    left_minutes = int((QUIET_SECONDS - (now - since)) // 60) + 1
    return False, f"{secret.id} (older): {signed}; keep it for {left_minutes} min more, Zoom may try again so long"


def _when(at: float, now: float) -> str:
    instant = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{instant} ({int(max(0.0, now - at) // 60)} min ago)"


def _samples(text: str) -> list[tuple[str, Mapping[str, str], float]]:
    try:
        families = list(text_string_to_metric_families(text))
    except ValueError:
        return []
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def _get(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ConfigurationError("the address of the metrics is not http://HOST:PORT/metrics")
    try:
        with closing(http.client.HTTPConnection(parts.hostname, parts.port, timeout=ANSWER_SECONDS)) as connection:
            connection.request("GET", parts.path or "/metrics")
            return connection.getresponse().read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as error:
        raise TransientError(f"{url} does not answer") from error
