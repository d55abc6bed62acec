"""How fast: a one-hour call to its flag, and a thousand of them judged by two policies."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from processors.meeting_flagging import SHIPPED, Policy
from processors.meeting_flagging.backtest import backtest
from processors.meeting_flagging.scanning import scan
from processors.meeting_flagging.scoring import judge
from tests.benchmarks.table import Bar, Row, judged
from tests.policy_numbers.sources import hours

_CALLS = 40
_MEETINGS = 1000
_QUICK_MEETINGS = 60


def measure(policy: Policy, *, quick: bool) -> Iterator[Row]:
    """Yield the rows about speed; CPU seconds of one process for a call, seconds of the clock for the backtest."""
    taken = sorted(_seconds(transcript, chat, policy) for transcript, chat in hours(_CALLS))
    p95 = taken[int(0.95 * len(taken)) - 1]
    yield judged(
        "one-hour call to its flag, p95",
        "ms of CPU",
        [1000 * p95],
        Bar(1000, 100),
        f"{_CALLS} calls with chat, one core",
    )
    count = _QUICK_MEETINGS if quick else _MEETINGS
    with tempfile.TemporaryDirectory() as folder:
        for number, (transcript, chat) in enumerate(hours(count)):
            (Path(folder) / f"{number:04}.vtt").write_bytes(transcript)
            (Path(folder) / f"{number:04}.chat.txt").write_bytes(chat)
        began = time.perf_counter()  # how long it takes a person to wait
        backtest(SHIPPED, SHIPPED, Path(folder))
        took = time.perf_counter() - began
    what = f"backtest of {count:,} one-hour meetings, two policies, two cores"
    yield judged(what, "s", [took], Bar(120 * count / _MEETINGS, 10 * count / _MEETINGS))


def _seconds(transcript: bytes, chat: bytes, policy: Policy) -> float:
    began = time.process_time()
    judge([*scan(transcript, "transcript", policy).findings, *scan(chat, "chat", policy).findings])
    return time.process_time() - began
