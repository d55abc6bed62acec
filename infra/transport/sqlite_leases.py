"""Who of a consumer group owns which topic of the embedded log.

An owner's lease is renewed by a thread of its own for as long as it polls; it is given back at once when it closes, and
free for others LEASE_SECONDS after its process died, at once where they can see that the process is gone.
"""

import os
import socket
import sqlite3
import threading
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from uuid import uuid4

from infra.transport.sqlite_log import SqliteLog, StoredTopic, transaction

LEASE_SECONDS = 10.0  # how long a dead owner blocks the others; the Kafka adapter's session lasts as long
RENEW_SECONDS = 3.0  # three tries within a lease, as Kafka clients do
POLL_WITHIN_SECONDS = 300.0  # the port's "call poll at least every 5 minutes"


class Leases:
    """One member's leases. `look`, `renew` and `give_back` belong to the member's thread and take its connection."""

    def __init__(self, log: SqliteLog, group: str) -> None:
        self._log = log
        self._group = group
        self._member = f"{_process_space()}|{os.getpid()}|{uuid4()}"
        self._polled_at = log.clock.monotonic()
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="embedded-log-lease", daemon=True)
        self._keeper.start()

    def touch(self) -> None:
        """Note that the member polls."""
        self._polled_at = self._log.clock.monotonic()

    def look(self, connection: sqlite3.Connection, topics: Sequence[StoredTopic]) -> set[StoredTopic]:
        """Return the topics that are ours now, after taking those that are free."""
        holders = self._holders(connection)
        free = [topic for topic in topics if self._is_free(holders.get(topic.id))]
        if free:
            with transaction(connection):
                holders = self._holders(connection)  # somebody may have been quicker
                for topic in free:
                    if self._is_free(holders.get(topic.id)):
                        self._take(connection, topic)
            holders = self._holders(connection)
        return {topic for topic in topics if holders.get(topic.id, ("", 0))[0] == self._member}

    def renew(self, connection: sqlite3.Connection, topic: StoredTopic) -> bool:
        """Within a transaction: prolong the lease of a topic; False when it is not ours any more."""
        cursor = connection.execute(
            "UPDATE leases SET expires_at_ms = ? WHERE grp = ? AND topic = ? AND member = ?",
            (self._expires_at_ms(), self._group, topic.id, self._member),
        )
        return cursor.rowcount == 1

    def give_back(self, connection: sqlite3.Connection) -> None:
        """Leave the group. What cannot be given back runs out by itself."""
        self._ended.set()
        self._keeper.join()
        with suppress(sqlite3.Error), transaction(connection):
            connection.execute("DELETE FROM leases WHERE grp = ? AND member = ?", (self._group, self._member))

    def _holders(self, connection: sqlite3.Connection) -> dict[int, tuple[str, int]]:
        rows = connection.execute("SELECT topic, member, expires_at_ms FROM leases WHERE grp = ?", (self._group,))
        return {topic: (member, expires_at_ms) for topic, member, expires_at_ms in rows}

    def _is_free(self, holder: tuple[str, int] | None) -> bool:
        if holder is None:
            return True
        member, expires_at_ms = holder
        return member != self._member and (expires_at_ms <= self._log.now_ms() or _is_gone(member))

    def _take(self, connection: sqlite3.Connection, topic: StoredTopic) -> None:
        connection.execute(
            "INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?)",
            (self._group, topic.id, self._member, self._expires_at_ms()),
        )

    def _expires_at_ms(self) -> int:
        return self._log.now_ms() + int(LEASE_SECONDS * 1000)

    def _keep(self) -> None:
        """Renew while the member polls. A failed try is made good by the next one, or the lease is lost."""
        while not self._ended.wait(RENEW_SECONDS):
            if self._log.clock.monotonic() - self._polled_at > POLL_WITHIN_SECONDS:
                continue
            with suppress(sqlite3.Error), closing(self._log.connect()) as connection:
                connection.execute(
                    "UPDATE leases SET expires_at_ms = ? WHERE grp = ? AND member = ?",
                    (self._expires_at_ms(), self._group, self._member),
                )


def _process_space() -> str:
    """Name where our process ids mean something: this boot of this machine, this container."""
    parts = [socket.gethostname()]
    with suppress(OSError):  # Linux alone tells
        parts += [Path("/proc/sys/kernel/random/boot_id").read_text().strip(), os.readlink("/proc/self/ns/pid")]
    return ",".join(parts)


def _is_gone(member: str) -> bool:
    """Whether a member's process is known to have ended. One that we cannot see counts as alive."""
    space, pid, _ = member.split("|")
    if space != _process_space():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
