"""When to try again."""

import random
from datetime import timedelta

_QUICK_SECONDS = (0.2, 0.5, 1.0)  # a few tries at once: most faults are a dropped connection
_SLOW_FIRST_SECONDS, _SLOW_MOST_SECONDS = 30.0, 3600.0  # design 6: 30 s … 1 h


def retry_delay(attempts: int, retry_after_seconds: float | None, jitter: random.Random) -> timedelta:
    """Return how long to wait after `attempts` failed tries; what the other side asked for is obeyed.

    Half of each delay is random, so that what failed together does not come back together.
    """
    if attempts <= len(_QUICK_SECONDS):
        seconds = _QUICK_SECONDS[attempts - 1]
    else:
        seconds = min(_SLOW_FIRST_SECONDS * 2 ** (attempts - len(_QUICK_SECONDS) - 1), _SLOW_MOST_SECONDS)
    spread = seconds * (0.5 + jitter.random() / 2)
    return timedelta(seconds=max(spread, retry_after_seconds or 0.0))
