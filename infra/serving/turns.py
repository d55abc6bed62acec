"""Turns: of threads that compute CPython runs one at a time, and every further one makes the answers of all come later.

So a few requests are worked at, at a time, in the order they came. Who waits for Zoom, the store or the log computes
nothing, and must not keep others out: a turn is over by itself after TURN_SECONDS, and the request goes on without.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

TURN_SECONDS = 0.05  # a page computes for 5 to 11 ms (`make bench-portal`), twice that beside another one


class Turns:
    """At most `count` at a time have one. To be used on one event loop."""

    def __init__(self, count: int) -> None:
        self._free = asyncio.Semaphore(count)  # first come, first served

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the end of the block or of TURN_SECONDS, whichever is first."""
        await self._free.acquire()
        turn = ExitStack()
        turn.callback(self._free.release)
        timer = asyncio.get_running_loop().call_later(TURN_SECONDS, turn.close)  # closing it again does nothing
        try:
            yield
        finally:
            timer.cancel()
            turn.close()
