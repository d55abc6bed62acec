"""An end in time: whoever stops a process waits 20 to 30 s, then kills it."""

import os
import threading

import structlog

log = structlog.get_logger(__name__)

STOP_SECONDS = 18.0  # of the 20 that a stop may take: effects in hand have 10, closing log, database and store the rest
_FORCED = 1  # the exit code


def end_within(seconds: float, stop: threading.Event) -> None:
    """Once `stop` is set, end this process after so many seconds if it is still there.

    Nothing is lost by it: what was not recorded is performed again when its lease runs out.
    """

    def watch() -> None:
        stop.wait()
        if not threading.Event().wait(seconds):
            log.error("process.ended_by_force", waited_seconds=seconds)
            os._exit(_FORCED)

    threading.Thread(target=watch, name="end-in-time", daemon=True).start()
